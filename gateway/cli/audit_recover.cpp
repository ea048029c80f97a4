#include "audit/custody/custodian.hpp"
#include "audit/custody/grant.hpp"
#include "audit/custody/recorded_recovery.hpp"
#include "audit/journal/diagnosis.hpp"
#include "audit/journal/provision.hpp"
#include "audit/proof/anchors.hpp"
#include "audit/search/escape.hpp"
#include "gateway/cli/audit_arguments.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/cli/custody_commands.hpp"
#include "gateway/cli/journal_access.hpp"
#include "gateway/cli/keys_list.hpp"
#include "gateway/cli/recover_advice.hpp"
#include "gateway/cli/site_report.hpp"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace tallygate::cli {
namespace {

namespace json = boost::json;
using audit::fail;
using audit::FailureKind;
using audit::Result;

struct RecoverArguments {
  JournalArguments journal;
  std::vector<std::string> grants;
  std::string anchors;
  bool new_key = false;
};

// The keys that the record itself names: good for reading what they signed.
std::vector<audit::VerifyKey> record_keys(const std::filesystem::path& journal) {
  std::vector<audit::VerifyKey> keys;
  if (const auto list = list_keys(journal)) {
    for (const ListedKey& key : list->keys) {
      if (const auto parsed = audit::parse_vkey(key.vkey); parsed && key.role != "root") {
        keys.push_back(*parsed);
      }
    }
  }
  return keys;
}

Result<std::vector<audit::KeptElsewhere>> anchors_of(const RecoverArguments& arguments) {
  std::vector<audit::KeptElsewhere> elsewhere;
  if (arguments.anchors.empty()) {
    return elsewhere;
  }
  auto anchors = audit::read_anchor_folder(arguments.anchors);
  if (!anchors) {
    return anchors.error();
  }
  for (audit::Anchor& anchor : *anchors) {
    elsewhere.push_back({std::move(anchor.name), std::move(anchor.bytes)});
  }
  return elsewhere;
}

// Where a crash cut a recovery short that is on record: its grant is used, and good for this one thing still.
std::string unfinished_text(const RecoverArguments& arguments, const audit::JournalOptions& options) {
  const auto newest = audit::newest_recovery(options.journal);
  if (!newest || !*newest) {
    return {};
  }
  return fmt::format(
      "Entry {} records a recovery, and the process ended before head had let go of what it gives up. The "
      "grant "
      "that it was done by finishes it, as long as it has not expired:\n  tallygate audit recover {} --grant "
      "FILE\nOr by a new one:\n",
      (*newest)->seq, place_of(arguments.journal));
}

// Says what keeps the journal from being taken up, and what would let it go on.
int tell(const RecoverArguments& arguments, const audit::JournalOptions& options,
         const audit::Diagnosis& diagnosis) {
  const auto charter = audit::read_own_charter(options.journal);
  if (!charter) {
    return report(charter.error());
  }
  const std::string anchors =
      arguments.anchors.empty() ? "" : " --anchors " + shell_quoted(arguments.anchors);
  const std::string loss = loss_text(diagnosis);
  const std::string way = way_on(diagnosis, charter->journal, place_of(arguments.journal), anchors);
  const std::string verify = fmt::format(
      "Whether all that came before is whole is said by\n  tallygate audit verify --journal {} --head {} "
      "--root "
      "ROOT.pub.pem\n",
      shell_quoted(options.journal.string()), shell_quoted(audit::head_file(options.head).string()));
  if (loss.empty()) {
    fmt::print("{}\n{}", audit::inert_text(standing_text(diagnosis)), audit::inert_lines(verify));
    return finish_output(done);
  }
  fmt::print(stderr, "{}{}{}", audit::inert_lines(loss),
             audit::inert_lines(unfinished_text(arguments, options)), audit::inert_lines(way));
  return answer_is_no;
}

int refuse(const audit::Failure& failure) {
  const int code = report(failure);
  if (failure.kind == FailureKind::tampered || failure.kind == FailureKind::missing) {
    fmt::print(
        stderr,
        "No grant mends that: put the file back from a copy. An older copy of the whole folder will do, "
        "and what it lacks can be gone on without by a grant.\n");
  }
  return code;
}

// A checkpoint as a grant names it.
std::optional<audit::Checkpoint> checkpoint_in(const json::value* value) {
  const auto* parts = value == nullptr ? nullptr : value->if_object();
  const auto* size = parts == nullptr ? nullptr : parts->if_contains("size");
  const auto* encoded = parts == nullptr ? nullptr : parts->if_contains("root");
  const auto root = encoded != nullptr && encoded->is_string()
                        ? audit::base64_decode(std::string_view(encoded->get_string()))
                        : std::nullopt;
  json::error_code error;
  audit::Checkpoint checkpoint;
  checkpoint.size = size == nullptr ? 0 : size->to_number<std::uint64_t>(error);
  if (size == nullptr || error || !root || root->size() != checkpoint.root.size()) {
    return std::nullopt;
  }
  std::copy(root->begin(), root->end(), checkpoint.root.begin());
  return checkpoint;
}

// What the grant settles: which record is kept, and what is given up.
Result<void> take_terms(const audit::Grant& grant, const std::string& file, audit::Recovery& recovery) {
  recovery.kept = checkpoint_in(grant.terms.if_contains("kept"));
  if (!recovery.kept) {
    return fail(FailureKind::invalid, file + ": it does not say which record is kept (kept=SIZE:ROOT)");
  }
  std::vector<const json::value*> named;
  if (const auto* abandoned = grant.terms.if_contains("abandoned")) {
    named.push_back(abandoned);
  }
  const auto* also = grant.terms.if_contains("also");
  if (also != nullptr && also->is_array()) {
    for (const json::value& one : also->get_array()) {
      named.push_back(&one);
    }
  }
  for (const json::value* one : named) {
    const auto checkpoint = checkpoint_in(one);
    if (!checkpoint) {
      return fail(FailureKind::invalid, file + ": it does not name the checkpoint that is abandoned");
    }
    recovery.abandoned.push_back(*checkpoint);
  }
  return {};
}

Result<audit::Recovery> recovery_of(const RecoverArguments& arguments, const audit::JournalOptions& options,
                                    const std::vector<audit::VerifyKey>& known) {
  audit::Recovery recovery;
  recovery.record_keys = known;
  recovery.by = fmt::format("{{\"uid\":{}}}", ::getuid());
  const audit::Time now = options.clock();
  recovery.at = now;
  for (const std::string& file : arguments.grants) {
    const auto text = read_small_file(file, audit::grant_bytes_max);
    const auto grant = text ? audit::parse_grant(*text) : Result<audit::Grant>(text.error());
    if (!grant) {
      return fail(grant.error().kind, file + ": " + grant.error().message);
    }
    const std::string kind = json::value_to<std::string>(grant->terms.at("kind"));
    // Each grant settles its own loss: what one keeps must not go together with what another gives up.
    if ((kind == "key.rotate" ? recovery.rotate : recovery.recover).has_value()) {
      return fail(FailureKind::refused,
                  fmt::format("{}: a second grant of the kind {}: a recovery is by one", file, kind));
    }
    json::object members = audit::grant_parameters(*grant);
    members["grant"] = grant->terms;
    members["signature"] = grant->signature;
    const auto begun = kind == "journal.recover" ? audit::recovery_to_finish(options.journal, members, now)
                                                 : Result<std::optional<std::uint64_t>>(std::nullopt);
    if (!begun) {
      return fail(begun.error().kind, file + ": " + begun.error().message);
    }
    if (*begun) {
      recovery.recorded = *begun;
    }
    if (auto good = *begun ? Result<void>() : audit::check_grant(options.journal, kind, members, now);
        !good) {
      return fail(good.error().kind, file + ": " + good.error().message);
    }
    if (kind != "journal.recover" && kind != "key.rotate") {
      return fail(FailureKind::refused,
                  fmt::format("{}: a grant of the kind {} recovers nothing", file, kind));
    }
    if (const auto taken = kind == "journal.recover" ? take_terms(*grant, file, recovery) : Result<void>();
        !taken) {
      return taken.error();
    }
    if (const auto* key = grant->terms.if_contains("key");
        key != nullptr && key->is_string() && kind == "key.rotate") {
      recovery.rotate_key = std::string(key->get_string());
      recovery.rotate_after = checkpoint_in(grant->terms.if_contains("after"));
    }
    (kind == "key.rotate" ? recovery.rotate : recovery.recover) = {grant->json, grant->signature};
  }
  return recovery;
}

int go_on(const RecoverArguments& arguments, audit::JournalOptions options,
          const std::vector<audit::VerifyKey>& known) {
  auto recovery = recovery_of(arguments, options, known);
  if (!recovery) {
    return report(recovery.error());
  }
  options.recovery = std::move(*recovery);
  auto journal = audit::Journal::open(options);
  if (!journal) {
    if (journal.error().kind == FailureKind::refused) {
      journal.error().message +=
          "\nWhat is lacking, and what would do, is said by\n  tallygate audit recover " +
          place_of(arguments.journal);
    }
    return report(journal.error());
  }
  tell_leftovers(**journal);
  const std::uint64_t size = (*journal)->size();
  if (const auto closed = (*journal)->close(); !closed) {
    return report(closed.error());
  }
  fmt::print("recovered, on record; the record goes on at entry {}\n", size);
  return finish_output(done);
}

int recover(const RecoverArguments& arguments) {
  auto options = journal_options(arguments.journal);
  if (!options) {
    return report(options.error());
  }
  const auto known = record_keys(options->journal);
  if (!arguments.grants.empty()) {
    return go_on(arguments, *options, known);
  }
  const auto anchors = anchors_of(arguments);
  if (!anchors) {
    return report(anchors.error());
  }
  auto diagnosis = audit::diagnose(*options, known, *anchors);
  if (!diagnosis) {
    return refuse(diagnosis.error());
  }
  if (!arguments.new_key) {
    return tell(arguments, *options, *diagnosis);
  }
  const auto made = audit::make_new_key(*options, *diagnosis);
  if (!made) {
    return report(made.error());
  }
  fmt::print("a new signing key is in the keyring, and may sign once a grant names it:\n{}\n", *made);
  diagnosis = audit::diagnose(*options, known, *anchors);
  if (!diagnosis) {
    return refuse(diagnosis.error());
  }
  static_cast<void>(tell(arguments, *options, *diagnosis));
  return finish_output(done);
}

}  // namespace

void add_audit_recover(CLI::App& audit, int& exit_code) {
  auto* command =
      audit.add_subcommand("recover", "Say why a journal is refused, or go on after a loss with a grant");
  auto arguments = std::make_shared<RecoverArguments>();
  add_journal_options(*command, arguments->journal);
  auto* grants = command->add_option("--grant", arguments->grants,
                                     "What the provisioning key allows; may be given twice");
  command->add_option("--anchors", arguments->anchors,
                      "Folder of checkpoints kept elsewhere, which the record is held against too");
  command
      ->add_flag("--new-key", arguments->new_key,
                 "Make a signing key where the keyring is lost, or older than the record")
      ->excludes(grants);
  command->callback([arguments, &exit_code] { exit_code = recover(*arguments); });
}

}  // namespace tallygate::cli
