#include "gateway/cli/keys_revoke.hpp"

#include "audit/custody/custodian.hpp"
#include "audit/search/escape.hpp"
#include "gateway/cli/audit_arguments.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/cli/journal_access.hpp"
#include "gateway/cli/keys_list.hpp"
#include "gateway/cli/option_checks.hpp"
#include "gateway/cli/site_report.hpp"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

namespace tallygate::cli {
namespace {

namespace json = boost::json;
using audit::fail;
using audit::FailureKind;
using audit::Result;

// Names that a message lists; more are counted.
constexpr std::size_t told_max = 8;

struct RevokeArguments {
  JournalArguments journal;
  std::string key;
  std::uint64_t size = 0;
  std::string grant;
  std::string next;
};

std::string list_command(const JournalArguments& journal) {
  return "tallygate keys list " + reading_place_of(journal);
}

// The writers and readers in force, in words.
std::string enrolled_names(const KeyList& list) {
  std::string told;
  std::size_t count = 0;
  for (const audit::Enrolment& one : list.enrolled) {
    if (one.in_force() && ++count <= told_max) {
      told += fmt::format("{}{} ({})", told.empty() ? "" : ", ", one.name, audit::name_of(one.role));
    }
  }
  if (count > told_max) {
    told += fmt::format(" and {} more", count - told_max);
  }
  return told.empty() ? "nobody is enrolled" : "enrolled are " + told;
}

audit::Failure no_such_name(const std::string& name, const KeyList& list, const std::string& command) {
  return fail(FailureKind::refused, "there is no writer, reader or signing key '" + name +
                                        "': " + enrolled_names(list) +
                                        "; a signing key is named by its vkey. All there are:\n  " + command);
}

// Nothing: the journal has that signing key.
Result<void> check_signing_key(const std::string& vkey, const KeyList& list, const std::string& command) {
  const auto key = std::find_if(list.keys.begin(), list.keys.end(),
                                [&](const ListedKey& one) { return one.vkey == vkey; });
  if (key != list.keys.end()) {
    return key->role == "root" ? fail(FailureKind::refused,
                                      "that is the provisioning key, on which all others rest: it cannot be "
                                      "revoked")
                               : Result<void>();
  }
  const auto writer = std::find_if(list.enrolled.begin(), list.enrolled.end(),
                                   [&](const audit::Enrolment& one) { return one.key == vkey; });
  if (writer != list.enrolled.end()) {
    return fail(FailureKind::invalid, "that is the key of the writer " + writer->name +
                                          ", who is revoked by name: tallygate keys revoke " + writer->name);
  }
  return fail(FailureKind::refused, "this journal never had the signing key '" + vkey +
                                        "'; the one in force is\n  " + list.keys.back().vkey +
                                        "\nAll there are:\n  " + command);
}

int tell_revoked_before(const std::string& name, std::uint64_t seq) {
  fmt::print("{} was revoked already, by entry {}: there is nothing to do\n", audit::inert_text(name), seq);
  return finish_output(done);
}

int revoke_enrolled(const RevokeArguments& arguments, const audit::JournalOptions& options,
                    const KeyList& list) {
  const std::string& name = arguments.key;
  const auto last = std::find_if(list.enrolled.rbegin(), list.enrolled.rend(),
                                 [&](const audit::Enrolment& one) { return one.name == name; });
  if (last == list.enrolled.rend()) {
    return report(no_such_name(name, list, list_command(arguments.journal)));
  }
  if (arguments.size != 0) {
    return report(fail(FailureKind::invalid, "--size is for a signing key, and '" + name +
                                                 "' is no vkey: a writer or reader is revoked at once"));
  }
  if (last->revoked) {
    return tell_revoked_before(name, *last->revoked);
  }
  json::object request{{"act", "revoke-writer"}, {"writer", name}};
  if (arguments.grant.empty()) {
    const std::string file = name + ".revoke.grant";
    return report(needs_grant(
        "to revoke " + name,
        grant_command(options.journal, "writer.revoke", "writer=" + shell_quoted(name), file),
        fmt::format("tallygate keys revoke {} --grant {} {}", name, file, place_of(arguments.journal))));
  }
  if (auto added = add_grant(request, arguments.grant); !added) {
    return report(added.error());
  }
  const auto answer = act_on_journal(options, request);
  if (!answer) {
    return report(at_place(answer.error(), arguments.journal));
  }
  if (answer->contains("already")) {
    return tell_revoked_before(name, answer->at("seq").to_number<std::uint64_t>());
  }
  fmt::print("{} may no longer write or read, entry {}\n", name, json::serialize(answer->at("seq")));
  return finish_output(done);
}

// What came of the revocation of a signing key.
int tell_revoked(const RevokeArguments& arguments, const json::object& answer) {
  const std::string seq = json::serialize(answer.at("seq"));
  if (answer.contains("already")) {
    fmt::print(
        "signatures of this key over {} entries and more count no longer already, by entry {}: there is "
        "nothing to do\n",
        arguments.size, seq);
    return finish_output(done);
  }
  if (const auto* took_over = answer.if_contains("took_over")) {
    fmt::print("the key that --next names had taken over before, by entry {}\n", json::serialize(*took_over));
  }
  fmt::print("signatures of this key over {} entries and more no longer count, entry {}\n", arguments.size,
             seq);
  return finish_output(done);
}

int revoke_signing_key(const RevokeArguments& arguments, const audit::JournalOptions& options,
                       const KeyList& list) {
  if (auto known = check_signing_key(arguments.key, list, list_command(arguments.journal)); !known) {
    return report(known.error());
  }
  if (arguments.size == 0) {
    return report(fail(FailureKind::invalid,
                       "to revoke a signing key needs --size: that of the first checkpoint that no longer "
                       "counts (tallygate keys list shows what each key signs)"));
  }
  if (arguments.grant.empty()) {
    const std::string key = shell_quoted(arguments.key);
    return report(
        needs_grant("to revoke a signing key",
                    grant_command(options.journal, "key.revoke",
                                  fmt::format("key={} size={}", key, arguments.size), "revoke.grant"),
                    fmt::format("tallygate keys revoke {} --size {} --grant revoke.grant {}", key,
                                arguments.size, place_of(arguments.journal))));
  }
  json::object request{{"act", "revoke"}, {"key", arguments.key}, {"size", arguments.size}};
  if (auto added = add_grant(request, arguments.grant); !added) {
    return report(added.error());
  }
  if (!arguments.next.empty()) {
    json::object next;
    if (auto added = add_grant(next, arguments.next); !added) {
      return report(added.error());
    }
    request["next"] = std::move(next);
  }
  const auto answer = act_on_journal(options, request);
  return answer ? tell_revoked(arguments, *answer) : report(at_place(answer.error(), arguments.journal));
}

int revoke(const RevokeArguments& arguments) {
  const auto options = journal_options(arguments.journal);
  if (!options) {
    return report(options.error());
  }
  const auto list = list_keys(options->journal);
  if (!list) {
    return report(list.error());
  }
  // A vkey holds two plus signs, and a name none.
  const bool is_name = arguments.key.find('+') == std::string::npos;
  return is_name ? revoke_enrolled(arguments, *options, *list)
                 : revoke_signing_key(arguments, *options, *list);
}

}  // namespace

void add_keys_revoke(CLI::App& keys, int& exit_code) {
  auto* command = keys.add_subcommand(
      "revoke", "Declare that a signing key's signatures no longer count, or shut out a writer or reader");
  auto arguments = std::make_shared<RevokeArguments>();
  command->add_option("KEY", arguments->key, "A vkey, or the name of a writer or reader: see keys list")
      ->required();
  command->add_option("--size", arguments->size, "A signing key's: from checkpoints over so many entries on")
      ->check(counting_number());
  command->add_option("--grant", arguments->grant,
                      "The grant for it: tallygate keys grant key.revoke, or writer.revoke");
  command->add_option(
      "--next", arguments->next,
      "A signing key's, where the key in force rests on it: the grant for a new one, see keys "
      "rotate --prepare");
  add_journal_options(*command, arguments->journal);
  command->callback([arguments, &exit_code] { exit_code = revoke(*arguments); });
}

}  // namespace tallygate::cli
