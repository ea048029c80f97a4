#include "audit/custody/custodian.hpp"
#include "audit/custody/grant.hpp"
#include "audit/journal/head.hpp"
#include "audit/journal/provision.hpp"
#include "audit/search/escape.hpp"
#include "gateway/cli/audit_arguments.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/cli/custody_commands.hpp"
#include "gateway/cli/journal_access.hpp"
#include "gateway/cli/keys_list.hpp"
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

// The keys in the keyring, as far as they can be read.
std::vector<audit::VerifyKey> keyring_keys(const audit::JournalOptions& options) {
  std::vector<audit::VerifyKey> keys;
  auto keyring = audit::Keyring::open(options.keyring);
  const auto list = keyring ? keyring->list() : keyring.error();
  if (!list) {
    return keys;
  }
  keys.reserve(list->size());
  for (const auto& entry : *list) {
    if (const auto parsed = audit::parse_vkey(entry.vkey)) {
      keys.push_back(*parsed);
    }
  }
  return keys;
}

// What head acknowledged, by any key that is known.
std::optional<audit::Checkpoint> acknowledged(const audit::JournalOptions& options,
                                              const std::vector<audit::VerifyKey>& known) {
  std::vector<audit::VerifyKey> keys = keyring_keys(options);
  keys.insert(keys.begin(), known.begin(), known.end());
  const auto bytes =
      read_small_file(audit::head_file(options.head), audit::head_block_size * audit::head_blocks);
  const auto head = bytes && !keys.empty() ? audit::newest_head(*bytes, keys) : std::nullopt;
  return head ? std::optional(head->checkpoint) : std::nullopt;
}

// Says why the journal is refused, and what would be granted.
int advise(const audit::JournalOptions& options, const audit::Failure& failure,
           const std::vector<audit::VerifyKey>& known) {
  const int code = report(failure);
  const auto charter = audit::read_own_charter(options.journal);
  if (!charter || (failure.kind != FailureKind::tampered && failure.kind != FailureKind::missing)) {
    return code;
  }
  std::string next = "tallygate keys grant journal.recover ";
  if (const auto head = acknowledged(options, known)) {
    next += fmt::format("abandoned={}:{} ", head->size, audit::base64_encode(head->root));
  }
  next += fmt::format("--id {} --key ROOT.pem -o recover.grant", charter->journal);
  fmt::print(stderr,
             "To go on without what is missing, on record: where the provisioning key is,\n  {}\nand here\n"
             "  tallygate audit recover --grant recover.grant …\n",
             audit::inert_text(next));
  if (auto keyring = audit::Keyring::open(options.keyring)) {
    const auto list = keyring->list();
    const bool follows =
        list && !list->empty() && std::any_of(known.begin(), known.end(), [&](const audit::VerifyKey& key) {
          return key.vkey() == list->back().vkey;
        });
    if (list && !list->empty() && !follows) {
      fmt::print(stderr,
                 "The record ends before the key in the keyring began. It needs a second grant:\n"
                 "  tallygate keys grant key.rotate key={} --id {} --key ROOT.pem -o rotate.grant\n",
                 audit::inert_text(list->back().vkey), charter->journal);
    }
  }
  return code;
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
    json::object members = audit::grant_parameters(*grant);
    if (const auto* abandoned = members.if_contains("abandoned")) {
      const auto* parts = abandoned->if_object();
      const auto* size = parts == nullptr ? nullptr : parts->if_contains("size");
      const auto* encoded = parts == nullptr ? nullptr : parts->if_contains("root");
      const auto root = encoded != nullptr && encoded->is_string()
                            ? audit::base64_decode(std::string_view(encoded->get_string()))
                            : std::nullopt;
      audit::Checkpoint checkpoint;
      json::error_code error;
      checkpoint.size = size == nullptr ? 0 : size->to_number<std::uint64_t>(error);
      if (size == nullptr || error || !root || root->size() != checkpoint.root.size()) {
        return fail(FailureKind::invalid, file + ": it does not name the checkpoint that is abandoned");
      }
      std::copy(root->begin(), root->end(), checkpoint.root.begin());
      recovery.abandoned = checkpoint;
    }
    members["grant"] = grant->terms;
    members["signature"] = grant->signature;
    if (auto good = audit::check_grant(options.journal, kind, members, now); !good) {
      return fail(good.error().kind, file + ": " + good.error().message);
    }
    if (kind != "journal.recover" && kind != "key.rotate") {
      return fail(FailureKind::invalid,
                  fmt::format("{}: a grant of the kind {} recovers nothing", file, kind));
    }
    if (const auto* key = grant->terms.if_contains("key");
        key != nullptr && key->is_string() && kind == "key.rotate") {
      recovery.rotate_key = std::string(key->get_string());
    }
    (kind == "key.rotate" ? recovery.rotate : recovery.recover) = {grant->json, grant->signature};
  }
  return recovery;
}

int recover(const RecoverArguments& arguments) {
  auto options = journal_options(arguments.journal);
  if (!options) {
    return report(options.error());
  }
  const auto known = record_keys(options->journal);
  if (!arguments.grants.empty()) {
    auto recovery = recovery_of(arguments, *options, known);
    if (!recovery) {
      return report(recovery.error());
    }
    options->recovery = std::move(*recovery);
  }
  auto journal = audit::Journal::open(*options);
  if (!journal) {
    return advise(*options, journal.error(), known);
  }
  tell_leftovers(**journal);
  const std::uint64_t size = (*journal)->size();
  if (const auto closed = (*journal)->close(); !closed) {
    return report(closed.error());
  }
  fmt::print("{}; the record goes on at entry {}\n",
             arguments.grants.empty() ? "nothing is wrong" : "recovered, on record", size);
  return finish_output(done);
}

}  // namespace

void add_audit_recover(CLI::App& audit, int& exit_code) {
  auto* command =
      audit.add_subcommand("recover", "Say why a journal is refused, or go on after a loss with a grant");
  auto arguments = std::make_shared<RecoverArguments>();
  add_journal_options(*command, arguments->journal);
  command->add_option("--grant", arguments->grants, "What the provisioning key allows; may be given twice");
  command->callback([arguments, &exit_code] { exit_code = recover(*arguments); });
}

}  // namespace tallygate::cli
