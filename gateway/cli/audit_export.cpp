#include "audit/search/escape.hpp"
#include "audit/search/export.hpp"
#include "gateway/cli/audit_arguments.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/cli/custody_commands.hpp"
#include "gateway/cli/evidence_reading.hpp"
#include "gateway/cli/journal_access.hpp"
#include "gateway/cli/site_report.hpp"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>

namespace tallygate::cli {
namespace {

namespace json = boost::json;
using audit::fail;
using audit::FailureKind;
using audit::Result;

struct ExportArguments {
  JournalArguments journal;
  std::string from;
  std::string to;
  std::string output;
  bool json = false;
};

Result<std::optional<std::int64_t>> moment(const char* name, const std::string& text) {
  const auto value = text.empty() ? std::nullopt : parse_moment(text, audit::system_clock()());
  if (!text.empty() && !value) {
    return fail(FailureKind::invalid,
                std::string(name) + ": '" + text +
                    "' is no time: give 2026-01-31T12:00:00Z, 2026-01-31, or how long ago, "
                    "such as 2h or 7d");
  }
  return value;
}

// An export is an entry of its own, which is on record before the bundle proves anything. What is exported
// stays sealed: so to a journal that only --journal names, and no process writes, nothing is written, and it
// is told why there is no entry.
Result<void> note_export(const JournalArguments& arguments, const audit::JournalOptions& options,
                         const audit::ExportReport& report) {
  const json::object request{{"act", "note"},
                             {"kind", "journal.export"},
                             {"members",
                              {{"first", report.first},
                               {"last", report.last},
                               {"entries", report.entries},
                               {"sha256", report.entries_sha256}}}};
  const auto asked = ask_writer(options, request);
  const bool nobody_writes = asked && !*asked;
  std::optional<std::string> why;
  Result<void> noted = asked ? Result<void>() : Result<void>(asked.error());
  if (nobody_writes && !arguments.config) {
    why = why_not_written(arguments, options);
  } else if (nobody_writes) {
    const auto done = act_on_journal(options, request);
    noted = done ? Result<void>() : Result<void>(done.error());
  }
  if (!noted && arguments.config) {
    return fail(noted.error().kind,
                "the export could not be recorded, so nothing is exported: " + noted.error().message);
  }
  why = noted ? why : std::optional(noted.error().message);
  if (why) {
    fmt::print(stderr, "tallygate: the export is not on record: {}\n", audit::inert_text(*why));
  }
  return {};
}

int export_range(const ExportArguments& arguments) {
  const auto options = journal_options(arguments.journal);
  if (!options) {
    return report(options.error());
  }
  const auto from = moment("--from", arguments.from);
  const auto to = moment("--to", arguments.to);
  if (!from || !to) {
    return report(from ? to.error() : from.error());
  }
  audit::ExportRequest request{options->journal, arguments.output, *from, *to};
  request.before_shown = [&](const audit::ExportReport& made) {
    return note_export(arguments.journal, *options, made);
  };
  request.tell = [](const std::string& text) {
    fmt::print(stderr, "tallygate: {}\n", audit::inert_text(text));
  };
  const auto exported = audit::export_bundle(request);
  if (!exported) {
    return report(exported.error());
  }
  if (arguments.json) {
    fmt::print("{}\n", json::serialize(json::object{{"folder", arguments.output},
                                                    {"entries", exported->entries},
                                                    {"first", exported->first},
                                                    {"last", exported->last},
                                                    {"size", exported->size},
                                                    {"signed_by", exported->signed_by},
                                                    {"sha256", exported->entries_sha256}}));
  } else {
    fmt::print(
        "{}: {} entries, {} to {}, under the checkpoint of {}\nIts README.md says how it is verified with "
        "python3 and openssl alone\n",
        arguments.output, exported->entries, exported->first, exported->last, exported->size);
  }
  return finish_output(done);
}

}  // namespace

void add_audit_export(CLI::App& audit, int& exit_code) {
  auto* command = audit.add_subcommand("export", "Write a bundle that verifies without this software");
  auto arguments = std::make_shared<ExportArguments>();
  add_journal_options(*command, arguments->journal);
  command
      ->add_option("--from", arguments->from,
                   "Recorded at or after: RFC 3339, a date, or how long ago (2h, 7d)")
      ->type_name("TIME");
  command->add_option("--to", arguments->to, "Recorded before")->type_name("TIME");
  command->add_option("-o,--output", arguments->output, "The folder to make")->type_name("DIR")->required();
  command->add_flag("--json", arguments->json, "One JSON document on stdout");
  command->callback([arguments, &exit_code] { exit_code = export_range(*arguments); });
}

}  // namespace tallygate::cli
