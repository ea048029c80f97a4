// `audit erase`: destroys the key of a person, so that nobody reads any more who that was.

#include "audit/search/escape.hpp"
#include "gateway/cli/audit_arguments.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/cli/custody_commands.hpp"
#include "gateway/cli/journal_access.hpp"
#include "gateway/cli/site_report.hpp"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <fmt/format.h>

#include <memory>
#include <string>

namespace tallygate::cli {
namespace {

namespace json = boost::json;

struct EraseArguments {
  JournalArguments journal;
  std::string user;
  std::string grant;
  bool dry_run = false;
  bool json = false;
};

std::string list_of(const json::array& names) {
  std::string list;
  for (const json::value& name : names) {
    list.append(list.empty() ? "" : ", ").append(json::value_to<std::string>(name));
  }
  return list;
}

// What no erasure reaches; that there is none is worth a line, too.
void tell_what_stays(const json::object& answer) {
  const auto count = answer.at("in_clear").to_number<std::uint64_t>();
  const auto& names = answer.at("names").as_array();
  if (names.empty()) {
    fmt::print("{}\n",
               answer.at("anonymous").as_bool()
                   ? "people who were not known: there is no name that could stand in the clear"
                   : "no entry that opens names the person: what holds the name in the clear cannot be "
                     "told");
    return;
  }
  fmt::print("known as {}\n", audit::inert_text(list_of(names)));
  if (count == 0) {
    fmt::print("0 entries hold any of these names in the clear\n");
    return;
  }
  std::string kinds;
  for (const auto& kind : answer.at("clear_kinds").as_object()) {
    kinds += fmt::format("{}{} {}", kinds.empty() ? "" : ", ", std::string_view(kind.key()),
                         json::serialize(kind.value()));
  }
  std::string first;
  for (const json::value& seq : answer.at("clear_first").as_array()) {
    first += (first.empty() ? "" : ", ") + json::serialize(seq);
  }
  fmt::print("{} entries hold one of these names in the clear, which no erasure reaches: {}; {}: {}\n", count,
             audit::inert_text(kinds),
             count > answer.at("clear_first").as_array().size() ? "the first of them" : "they are", first);
}

// Under whose keys the same names can be read: the erasure of one leaves what the others have.
void tell_namesakes(const json::object& answer, const std::string& place) {
  const auto& others = answer.at("namesakes").as_array();
  if (others.empty()) {
    return;
  }
  const auto more = answer.at("namesakes_unlisted").to_number<std::uint64_t>();
  fmt::print("other subjects are called so, and stay as they are. Whoever of them is the same person:\n");
  for (const json::value& one : others) {
    const auto uuid = json::value_to<std::string>(one.at("subject"));
    fmt::print("  subject {}, as {} in {} entries:\n    tallygate audit erase {} {} --dry-run\n", uuid,
               audit::inert_text(list_of(one.at("names").as_array())), json::serialize(one.at("entries")),
               uuid, place);
  }
  if (more > 0) {
    fmt::print("  and others, in {} entries\n", more);
  }
}

void tell_what_it_touches(const json::object& answer, const std::string& place) {
  const std::string entries = json::serialize(answer.at("entries"));
  fmt::print("subject {}: {} entries", json::value_to<std::string>(answer.at("subject")), entries);
  if (answer.contains("first")) {
    fmt::print(", the first {}, the last {}, in {}", json::serialize(answer.at("first")),
               json::serialize(answer.at("last")),
               audit::inert_text(list_of(answer.at("segments").as_array())));
  }
  fmt::print("\n");
  tell_what_stays(answer);
  if (const auto& holds = answer.at("holds").as_array(); !holds.empty()) {
    fmt::print("in the way: hold {}\n", audit::inert_text(list_of(holds)));
    for (const json::value& hold : holds) {
      fmt::print("{}",
                 audit::inert_lines(fmt::format("  tallygate audit hold release {} {}\n",
                                                shell_quoted(json::value_to<std::string>(hold)), place)));
    }
  }
}

void tell_what_comes_next(const EraseArguments& arguments, const json::object& answer) {
  const auto* journal = answer.if_contains("journal");
  fmt::print(
      "Nothing was erased; that it was asked is on record, entry {}. To do it: where the provisioning key "
      "is,\n"
      "  tallygate keys grant journal.erase subject={} --id {} --key ROOT.pem -o erase.grant\n"
      "and here\n"
      "  tallygate audit erase {} --grant erase.grant {}\n",
      json::serialize(answer.at("read")), json::value_to<std::string>(answer.at("subject")),
      journal == nullptr ? "JOURNAL" : audit::inert_text(json::value_to<std::string>(*journal)),
      audit::inert_lines(shell_quoted(arguments.user)), audit::inert_lines(place_of(arguments.journal)));
}

int erase(const EraseArguments& arguments) {
  const auto options = journal_options(arguments.journal);
  if (!options) {
    return report(options.error());
  }
  const bool apply = !arguments.dry_run && !arguments.grant.empty();
  json::object request{{"act", "erase"}, {"user", arguments.user}, {"apply", apply}};
  if (!arguments.grant.empty()) {
    if (auto added = add_grant(request, arguments.grant); !added) {
      return report(added.error());
    }
  }
  const auto answer = act_on_journal(*options, request);
  if (!answer) {
    return report(at_place(answer.error(), arguments.journal));
  }
  if (arguments.json) {
    fmt::print("{}\n", json::serialize(*answer));
    return finish_output(done);
  }
  const std::string place = place_of(arguments.journal);
  tell_what_it_touches(*answer, place);
  tell_namesakes(*answer, place);
  if (answer->at("erased").as_bool()) {
    const bool others = !answer->at("namesakes").as_array().empty();
    fmt::print("erased, entry {}: the key is destroyed, and nobody can read who that was{}\n",
               json::serialize(answer->at("seq")),
               others ? " in these entries; the names can still be read in those of the subjects above" : "");
  } else {
    tell_what_comes_next(arguments, *answer);
  }
  return finish_output(done);
}

}  // namespace

void add_audit_erase(CLI::App& audit, int& exit_code) {
  auto* command = audit.add_subcommand(
      "erase",
      "Destroy the key of a person: entries stay provable, and name nobody. A dry run without --grant");
  auto arguments = std::make_shared<EraseArguments>();
  command
      ->add_option("USER", arguments->user,
                   "The person: subject, user, e-mail, or the UUID by which entries call one")
      ->required();
  add_journal_options(*command, arguments->journal);
  command->add_option("--grant", arguments->grant, "The grant for it: tallygate keys grant journal.erase");
  command->add_flag("--dry-run", arguments->dry_run,
                    "Say what would be touched, and erase nothing: that it was asked is on record");
  command->add_flag("--json", arguments->json, "One JSON document on stdout");
  command->callback([arguments, &exit_code] { exit_code = erase(*arguments); });
}

}  // namespace tallygate::cli
