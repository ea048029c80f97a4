#include "gateway/cli/policy_diff_commands.hpp"
#include "gateway/cli/policy_files.hpp"
#include "gateway/cli/policy_values.hpp"
#include "policy/diff/diff.hpp"
#include "policy/diff/witness.hpp"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <cstdio>
#include <memory>

namespace tallygate::cli {
namespace {

struct PolicyDiffOptions {
  std::vector<std::string> before;  ///< the files of the old policy
  std::vector<std::string> after;   ///< and of the new one
  std::string format = "text";      ///< text, json, suite
  std::string fail_on = "opens";    ///< opens, any, never
  std::string time;                 ///< RFC 3339; empty: now
};

using Loaded = std::variant<std::shared_ptr<const policy::Program>, ExitCode>;

Loaded load(const std::vector<std::string>& paths) {
  const auto files = read_files(paths);
  if (const auto* code = std::get_if<ExitCode>(&files)) {
    return *code;
  }
  const auto program = policy::load_program(std::get<0>(files));
  if (program.has_error()) {
    std::fputs(policy::yaml::to_string(program.error()).c_str(), stderr);
    return ExitCode::usage_error;
  }
  return *program;
}

std::string rendered(const policy::diff::Report& report, const PolicyDiffOptions& options) {
  if (options.format == "json") {
    return boost::json::serialize(to_json(report)) + "\n";
  }
  if (options.format == "suite") {
    return policy::diff::suite_yaml(report.rows, "what changes in " + report.policy, options.after,
                                    report.now);
  }
  return to_text(report, stdout_style());
}

ExitCode verdict(const policy::diff::Report& report, const std::string& fail_on) {
  const bool fails = fail_on == "any"     ? !report.rows.empty() || !report.notes.empty()
                     : fail_on == "opens" ? report.may_open()
                                          : false;
  return fails ? ExitCode::answer_is_no : ExitCode::done;
}

ExitCode policy_diff(const PolicyDiffOptions& options) {
  const Loaded before = load(options.before);
  const Loaded after = load(options.after);
  for (const Loaded* each : {&before, &after}) {
    if (const auto* code = std::get_if<ExitCode>(each)) {
      return *code;
    }
  }
  const auto now = read_time(options.time, "--time");
  if (now.has_error()) {
    complain(now.error().message);
    return ExitCode::usage_error;
  }
  const policy::diff::Report report = policy::diff::compare(*std::get<0>(before), *std::get<0>(after), *now);
  if (!print(rendered(report, options))) {
    return ExitCode::not_possible;
  }
  if (options.format == "suite") {
    for (const std::string& note : report.notes) {
      complain("not whole: " + note);
    }
  }
  return verdict(report, options.fail_on);
}

}  // namespace

void add_policy_diff(CLI::App& policy, int& exit_code) {
  auto options = std::make_shared<PolicyDiffOptions>();
  auto json = std::make_shared<bool>(false);
  CLI::App* diff = policy.add_subcommand(
      "diff",
      "Compare two policies: who may now do what they could not before, and the other way round. Computed "
      "for every "
      "kind of request, not sampled; each row has a request that shows it and a test to paste into a suite");
  for (const auto& [name, files, words] :
       {std::tuple("OLD", &options->before, "The old policy; several files with commas between them"),
        std::tuple("NEW", &options->after, "The new policy, in the same way")}) {
    diff->add_option(name, *files, words)
        ->delimiter(',')
        ->allow_extra_args(false)
        ->required()
        ->type_name("FILE,...");
  }
  CLI::Option* format =
      diff->add_option("--format", options->format, "How the result is written; suite: as tests")
          ->check(CLI::IsMember({"text", "json", "suite"}))
          ->capture_default_str();
  diff->add_flag("--json", *json, "Short for --format json")->excludes(format);
  diff->add_option("--fail-on", options->fail_on,
                   "When to exit with 1: if anything opens, or the comparison is not whole; if any row is "
                   "found; never")
      ->check(CLI::IsMember({"opens", "any", "never"}))
      ->capture_default_str();
  diff->add_option("--time", options->time, "Compare from this moment on, in RFC 3339; now if left out")
      ->type_name("TIME");
  diff->callback([options, json, &exit_code] {
    if (*json) {
      options->format = "json";
    }
    exit_code = policy_diff(*options);
  });
}

}  // namespace tallygate::cli
