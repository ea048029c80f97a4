#include "audit/search/upgrade.hpp"
#include "gateway/cli/audit_arguments.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/cli/custody_commands.hpp"
#include "gateway/cli/journal_access.hpp"
#include "gateway/cli/site_report.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <memory>

namespace tallygate::cli {
namespace {

int upgrade(const JournalArguments& where, bool afresh) {
  const auto options = journal_options(where);
  if (!options) {
    return report(options.error());
  }
  const auto form = audit::upgrade_journal(options->journal, afresh);
  if (!form) {
    return report_failure(form.error());
  }
  fmt::print("{} segment{} of format {}; the index covers {} entries\n", form->segments,
             form->segments == 1 ? "" : "s", form->format, form->indexed);
  return finish_output(ExitCode::done);
}

void add_verb(CLI::App& parent, const char* name, const char* what, bool afresh, int& exit_code) {
  auto* command = parent.add_subcommand(name, what);
  auto where = std::make_shared<JournalArguments>();
  auto* journal = command->add_option_group("journal", "The journal");
  journal->add_option("-c,--config", where->config, "The one that this gateway.yaml describes")
      ->type_name("FILE");
  journal->add_option("--journal", where->journal, "The one in this folder")->type_name("DIR");
  journal->require_option(1);
  command->callback([where, afresh, &exit_code] { exit_code = upgrade(*where, afresh); });
}

}  // namespace

void add_audit_upgrade(CLI::App& audit, int& exit_code) {
  add_verb(audit, "upgrade",
           "Bring what is derived from the record to this version's form; the record stays as it is", false,
           exit_code);
  auto* index = audit.add_subcommand("index", "The index beside the record");
  index->require_subcommand(1);
  add_verb(*index, "rebuild", "Make it again from the record", true, exit_code);
}

}  // namespace tallygate::cli
