#include "audit/custody/custodian.hpp"
#include "audit/custody/holds.hpp"
#include "audit/search/escape.hpp"
#include "gateway/cli/audit_arguments.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/cli/custody_commands.hpp"
#include "gateway/cli/journal_access.hpp"
#include "gateway/cli/site_report.hpp"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tallygate::cli {
namespace {

namespace json = boost::json;
using audit::Result;

// A hold keeps what is there: of what was retired before, the bodies stay gone.
void tell_gone(const json::object& answer) {
  const auto* gone = answer.if_contains("gone");
  if (gone != nullptr && gone->is_null()) {
    fmt::print("but whether bodies of these entries were retired before cannot be told: {}\n",
               audit::inert_text(json::value_to<std::string>(answer.at("gone_why"))));
  }
  for (const json::value& one : gone != nullptr && gone->is_array() ? gone->get_array() : json::array()) {
    fmt::print("but the bodies of entries {} to {} were retired before, as entry {} says\n",
               json::serialize(one.at("first")), json::serialize(one.at("last")),
               json::serialize(one.at("by")));
  }
}

// Has an act done and says what came of it.
int act(const JournalArguments& journal, const json::object& request, const std::string& said, bool as_json) {
  const auto options = journal_options(journal);
  if (!options) {
    return report(options.error());
  }
  const auto answer = act_on_journal(*options, request);
  if (!answer) {
    return report(at_place(answer.error(), journal));
  }
  if (as_json) {
    fmt::print("{}\n", json::serialize(*answer));
  } else if (const auto* seq = answer->if_contains("seq")) {
    fmt::print("{}, entry {}\n", said, json::serialize(*seq));
    tell_gone(*answer);
  } else {
    fmt::print("nothing to do: the open segment holds nothing yet\n");
  }
  return finish_output(done);
}

struct SealArguments {
  JournalArguments journal;
  bool json = false;
};

void add_seal(CLI::App& audit, int& exit_code) {
  auto* command =
      audit.add_subcommand("seal", "End the open segment: its file is final, and a new one begins");
  auto arguments = std::make_shared<SealArguments>();
  add_journal_options(*command, arguments->journal);
  command->add_flag("--json", arguments->json, "One JSON document on stdout");
  command->callback([arguments, &exit_code] {
    exit_code = act(arguments->journal, {{"act", "seal"}}, "the segment is sealed", arguments->json);
  });
}

struct HoldArguments {
  JournalArguments journal;
  std::string name;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::string reason;
  std::string grant;
  bool json = false;
};

int hold_add(const HoldArguments& arguments) {
  json::object request{
      {"act", "hold"}, {"hold", arguments.name}, {"first", arguments.first}, {"last", arguments.last}};
  if (!arguments.reason.empty()) {
    request["reason"] = arguments.reason;
  }
  return act(arguments.journal, request,
             fmt::format("hold {} is in force over entries {} to {}", arguments.name, arguments.first,
                         arguments.last),
             arguments.json);
}

// Of a record that is not what was recorded nothing is said.
Result<std::vector<audit::Hold>> holds_of(const audit::JournalOptions& options) {
  if (auto good = check_record(options); !good) {
    return good.error();
  }
  return audit::read_holds(options.journal);
}

// What is missing where somebody wants a hold away without a grant.
int ask_for_release(const HoldArguments& arguments) {
  const auto options = journal_options(arguments.journal);
  if (!options) {
    return report(options.error());
  }
  const auto holds = holds_of(*options);
  if (!holds) {
    return report(holds.error());
  }
  const auto is_it = [&](const audit::Hold& hold) { return hold.name == arguments.name; };
  if (std::none_of(holds->begin(), holds->end(), is_it)) {
    return report(audit::fail(audit::FailureKind::refused, "there is no hold named " + arguments.name));
  }
  const std::string file = arguments.name + ".release.grant";
  return report(needs_grant(
      "to release hold " + arguments.name,
      grant_command(options->journal, "journal.release", "hold=" + shell_quoted(arguments.name), file),
      fmt::format("tallygate audit hold release {} --grant {} {}", shell_quoted(arguments.name),
                  shell_quoted(file), place_of(arguments.journal))));
}

int hold_release(const HoldArguments& arguments) {
  if (arguments.grant.empty()) {
    return ask_for_release(arguments);
  }
  json::object request{{"act", "release"}, {"hold", arguments.name}};
  if (auto added = add_grant(request, arguments.grant); !added) {
    return report(added.error());
  }
  return act(arguments.journal, request, "hold " + arguments.name + " is released", arguments.json);
}

int hold_list(const HoldArguments& arguments) {
  const auto options = journal_options(arguments.journal);
  if (!options) {
    return report(options.error());
  }
  const auto holds = holds_of(*options);
  if (!holds) {
    return report(holds.error());
  }
  json::array list;
  for (const audit::Hold& hold : *holds) {
    if (arguments.json) {
      list.push_back({{"hold", hold.name},
                      {"first", hold.first},
                      {"last", hold.last},
                      {"since", hold.since},
                      {"time", hold.time},
                      {"reason", hold.reason}});
    } else {
      fmt::print("{}\n", audit::inert_text(fmt::format(
                             "{}: entries {} to {}, since {} (entry {}){}", hold.name, hold.first, hold.last,
                             hold.time, hold.since, hold.reason.empty() ? "" : ": " + hold.reason)));
    }
  }
  if (arguments.json) {
    fmt::print("{}\n", json::serialize(json::object{{"holds", list}}));
  } else if (holds->empty()) {
    fmt::print("no hold is in force\n");
  }
  return finish_output(done);
}

void add_hold(CLI::App& audit, int& exit_code) {
  auto* hold = audit.add_subcommand("hold", "Holds: what nothing may be taken from, whatever retention says");
  hold->require_subcommand(1);
  const auto verb = [&](const char* name, const char* what, auto run) {
    auto arguments = std::make_shared<HoldArguments>();
    auto* command = hold->add_subcommand(name, what);
    add_journal_options(*command, arguments->journal);
    command->add_flag("--json", arguments->json, "One JSON document on stdout");
    command->callback([arguments, run, &exit_code] { exit_code = run(*arguments); });
    return std::pair(command, arguments);
  };
  const auto [add, added] = verb("add", "Put a hold on a stretch of the record", hold_add);
  add->add_option("NAME", added->name, "Of the hold, such as the number of a case")->required();
  add->add_option("--first", added->first, "First entry")->required();
  add->add_option("--last", added->last, "Last entry; it may lie ahead")->required();
  add->add_option("--reason", added->reason, "Why, for the record");
  const auto [release, released] = verb("release", "Take a hold away", hold_release);
  release->add_option("NAME", released->name, "Of the hold")->required();
  release->add_option("--grant", released->grant, "The grant for it; without one it is said how to make it");
  verb("list", "Holds in force", hold_list);
}

struct RetireArguments {
  JournalArguments journal;
  std::string keep;
  std::string archive;
  std::string grant;
  bool apply = false;
  bool json = false;
};

// What became of a segment, or would.
std::string fate_of(const json::object& segment) {
  const auto* why = segment.if_contains("why");
  const std::string reason =
      why == nullptr ? std::string() : audit::inert_text(json::value_to<std::string>(*why));
  const auto* failed = segment.if_contains("failed");
  if (segment.at("retired").as_bool()) {
    return "retired";
  }
  if (failed != nullptr && failed->is_bool() && failed->get_bool()) {
    return "cannot be retired: " + reason;
  }
  return segment.at("due").as_bool() && reason.empty() ? "would be retired" : "stays: " + reason;
}

void tell_retired(const json::object& answer) {
  const json::array& segments = answer.at("segments").as_array();
  for (const json::value& value : segments) {
    const json::object& one = value.as_object();
    fmt::print("{} (entries {} to {}): {}\n", json::value_to<std::string>(one.at("file")),
               json::serialize(one.at("first")), json::serialize(one.at("last")), fate_of(one));
  }
  if (segments.empty()) {
    fmt::print("there is no sealed segment\n");
  } else if (!answer.at("applied").as_bool()) {
    fmt::print("Nothing was changed. Do it with --apply\n");
  }
}

// The commands by which a segment goes that only lacks a grant.
std::string way_to_grant(const RetireArguments& arguments, const audit::JournalOptions& options,
                         const json::object& segment) {
  const std::string first = json::serialize(segment.at("first"));
  const std::string file = "retire-" + first + ".grant";
  std::string here = "tallygate audit retire --apply";
  for (const auto& [name, value] : {std::pair<std::string_view, std::string>{"--keep", arguments.keep},
                                    {"--archive", arguments.archive}}) {
    here += value.empty() ? std::string() : fmt::format(" {} {}", name, shell_quoted(value));
  }
  return fmt::format("{}: where the provisioning key is, run\n  {}\nand here\n  {} --grant {} {}\n",
                     json::value_to<std::string>(segment.at("file")),
                     grant_command(options.journal, "journal.retire",
                                   "first=" + first + " last=" + json::serialize(segment.at("last")), file),
                     here, file, place_of(arguments.journal));
}

// Says how what only lacks a grant is retired. Whether there is any such segment.
bool tell_grants(const RetireArguments& arguments, const audit::JournalOptions& options,
                 const json::object& answer) {
  bool any = false;
  for (const json::value& segment : answer.at("segments").as_array()) {
    const auto* lacks = segment.as_object().if_contains("ungranted");
    if (lacks != nullptr && lacks->is_bool() && lacks->get_bool()) {
      any = true;
      fmt::print(stderr, "{}", audit::inert_lines(way_to_grant(arguments, options, segment.as_object())));
    }
  }
  return any;
}

void add_segments(json::object& to, json::object&& more) {
  if (to.empty()) {
    to = std::move(more);
    return;
  }
  json::array& segments = to.at("segments").as_array();
  for (json::value& one : more.at("segments").as_array()) {
    segments.push_back(std::move(one));
  }
}

// One segment an act, so that whoever else wants something of the gateway waits for one segment at most, and
// none takes longer than an act may. Fills `whole` also where it ends with an error. Without a gateway nobody
// waits.
Result<void> retire_each(const audit::JournalOptions& options, json::object request, json::object& whole) {
  for (;;) {
    request["at_most"] = 1;
    auto asked = ask_writer(options, request);
    if (asked && !*asked) {
      request.erase("at_most");
      auto here = act_on_journal(options, request);
      asked = here ? Result<std::optional<json::object>>(std::move(*here)) : here.error();
    }
    if (!asked) {
      return asked.error();
    }
    const auto* next = (*asked)->if_contains("next");
    const bool more = next != nullptr;
    if (more) {
      request["from"] = *next;
      (*asked)->erase("next");
    }
    add_segments(whole, std::move(**asked));
    if (!more) {
      return {};
    }
  }
}

int retire(const RetireArguments& arguments) {
  const auto options = journal_options(arguments.journal);
  if (!options) {
    return report(options.error());
  }
  const auto keep = keep_arguments(arguments.journal, arguments.keep, arguments.archive);
  if (!keep) {
    return report(keep.error());
  }
  json::object request{
      {"act", "retire"}, {"apply", arguments.apply}, {"rules", keep->rules}, {"rule", "by hand"}};
  if (!keep->archive.empty()) {
    request["archive"] = keep->archive;
  }
  if (!arguments.grant.empty()) {
    if (auto added = add_grant(request, arguments.grant); !added) {
      return report(added.error());
    }
  }
  json::object answer;
  Result<void> asked;
  if (arguments.apply) {
    asked = retire_each(*options, request, answer);
  } else if (auto looked = look_at_journal(*options, request)) {
    answer = std::move(*looked);
  } else {
    asked = looked.error();
  }
  if (!answer.empty() && arguments.json) {
    fmt::print("{}\n", json::serialize(answer));
  } else if (!answer.empty()) {
    tell_retired(answer);  // what was done before an error, too
  }
  const bool ungranted = !answer.empty() && tell_grants(arguments, *options, answer);
  if (!asked) {
    return report(asked.error());
  }
  if (!audit::why_not_retired(answer).empty()) {
    return finish_output(not_possible);
  }
  // To look is no act: what it would need is said, and nothing was asked for.
  return finish_output(arguments.apply && ungranted ? answer_is_no : done);
}

void add_retire(CLI::App& audit, int& exit_code) {
  auto* command = audit.add_subcommand(
      "retire",
      "Take the bodies of old segments away; hashes, signatures and keys stay. A dry run without --apply");
  auto arguments = std::make_shared<RetireArguments>();
  add_journal_options(*command, arguments->journal);
  command->add_option("--keep", arguments->keep,
                      "How long entries are kept, such as 400d (default: gateway.yaml's)");
  command->add_option("--archive", arguments->archive,
                      "Folder for the whole segments, compressed, before they go");
  command->add_option("--grant", arguments->grant,
                      "To do it sooner than the charter promises: one segment a grant");
  command->add_flag("--apply", arguments->apply, "Do it");
  command->add_flag("--json", arguments->json, "One JSON document on stdout");
  command->callback([arguments, &exit_code] { exit_code = retire(*arguments); });
}

}  // namespace

void add_audit_custody(CLI::App& audit, int& exit_code) {
  add_seal(audit, exit_code);
  add_retire(audit, exit_code);
  add_hold(audit, exit_code);
  add_audit_recover(audit, exit_code);
  add_audit_erase(audit, exit_code);
}

}  // namespace tallygate::cli
