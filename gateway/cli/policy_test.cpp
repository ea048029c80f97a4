#include "gateway/cli/policy_actions.hpp"
#include "gateway/cli/policy_files.hpp"
#include "policy/testing/report.hpp"
#include "policy/testing/suite_files.hpp"

#include <cstdio>

namespace tallygate::cli {
namespace {

std::string report(const policy::testing::RunResult& result, std::string_view format) {
  if (format == "json") {
    return policy::testing::report_json(result);
  }
  if (format == "junit") {
    return policy::testing::report_junit(result);
  }
  if (format == "tap") {
    return policy::testing::report_tap(result);
  }
  return policy::testing::report_text(result, stdout_style());
}

}  // namespace

ExitCode policy_test(const PolicyTestOptions& options) {
  const auto filter = policy::testing::Filter::parse(options.filter);
  if (filter.has_error()) {
    complain("--filter: " + filter.error().message);
    return ExitCode::usage_error;
  }
  const policy::testing::LoadedSuites loaded = policy::testing::load_suites(options.files);
  for (const auto& warning : loaded.warnings) {
    std::fprintf(stderr, "%s (warning)\n", policy::yaml::to_string(warning).c_str());
  }
  std::fputs(policy::yaml::to_string(loaded.errors).c_str(), stderr);
  for (const auto& file : loaded.unreadable) {
    complain(file.path + ": can't be read: " + file.error.message());
  }
  if (!loaded.unreadable.empty()) {
    return ExitCode::not_possible;
  }
  if (!loaded.errors.empty()) {
    return ExitCode::usage_error;
  }
  const policy::testing::RunResult result = policy::testing::run(loaded.suites, *filter);
  if (!print(report(result, options.format))) {
    return ExitCode::not_possible;
  }
  return result.ok() ? ExitCode::done : ExitCode::answer_is_no;
}

}  // namespace tallygate::cli
