#include "gateway/cli/policy_actions.hpp"
#include "gateway/cli/policy_files.hpp"
#include "gateway/cli/suite_update.hpp"
#include "gateway/cli/watch_loop.hpp"
#include "policy/coverage/measure.hpp"
#include "policy/testing/report.hpp"
#include "policy/testing/suite_files.hpp"

#include <boost/json.hpp>

#include <cstdio>
#include <utility>

namespace tallygate::cli {
namespace {

namespace testing = policy::testing;
using policy::coverage::Coverage;

/// One run of the suites, and what the options say about it.
class TestRun {
 public:
  TestRun(const PolicyTestOptions& options, testing::Filter filter)
      : options_(options), filter_(std::move(filter)) {}

  /// Reads the suites and their policies; the paths of all.
  std::vector<std::string> load() {
    loaded_ = testing::load_suites(options_.files);
    return loaded_.files;
  }

  /// Runs what load() read.
  [[nodiscard]] ExitCode run() const {
    if (const ExitCode code = report_loading(loaded_); code != ExitCode::done) {
      return code;
    }
    testing::RunResult result = testing::run(loaded_.suites, filter_);
    bool ok = result.ok();
    if (options_.update && result.failed > 0) {
      const UpdateOutcome update = update_suites(loaded_.suites, result);
      if (update.failed) {
        return ExitCode::not_possible;
      }
      ok = update.complete;
    }
    const std::vector<Coverage> coverage =
        options_.coverage ? policy::coverage::measure(loaded_.suites) : std::vector<Coverage>{};
    if (!print(report(result, coverage, ok))) {
      return ExitCode::not_possible;
    }
    return enough(coverage) && ok ? ExitCode::done : ExitCode::answer_is_no;
  }

 private:
  [[nodiscard]] bool enough(const std::vector<Coverage>& coverage) const {
    const policy::coverage::Share share = policy::coverage::share_of(coverage);
    if (!options_.fail_under || share.reaches(*options_.fail_under)) {
      return true;
    }
    std::fprintf(stderr, "tallygate: the coverage is %.1f %%, less than %g %%\n", share.percent(),
                 *options_.fail_under);
    return false;
  }

  /// Formats that have no room for the coverage leave it to stderr.
  [[nodiscard]] std::string report(const testing::RunResult& result, const std::vector<Coverage>& coverage,
                                   bool ok) const {
    const policy::Style style = stdout_style();
    if (options_.format == "json") {
      boost::json::object document = testing::to_json(result);
      document["ok"] = ok;  // with --update: whether what differed was rewritten
      if (options_.coverage) {
        document["coverage"] = policy::coverage::to_json(coverage);
      }
      return boost::json::serialize(document) + "\n";
    }
    if (options_.format == "junit" || options_.format == "tap") {
      std::fputs(policy::coverage::to_text(coverage, {}).c_str(), stderr);
      return options_.format == "junit" ? testing::report_junit(result) : testing::report_tap(result);
    }
    const std::string tests =
        options_.format == "tree" ? testing::report_tree(result, style) : testing::report_text(result, style);
    return coverage.empty() ? tests : tests + "\n" + policy::coverage::to_text(coverage, style);
  }

  const PolicyTestOptions& options_;
  testing::Filter filter_;
  testing::LoadedSuites loaded_;
};

/// Runs again and again. What a person may be about to mend does not end it.
ExitCode watch(const PolicyTestOptions& options, TestRun& run) {
  return watch_files(options.files, {[&run] { return run.load(); },
                                     [&run] {
                                       const ExitCode code = run.run();
                                       std::fputs("tallygate: waiting for changes; Ctrl-C ends\n", stderr);
                                       return std::ferror(stdout) != 0         ? ExitCode::not_possible
                                              : code == ExitCode::not_possible ? ExitCode::usage_error
                                                                               : code;
                                     }});
}

}  // namespace

ExitCode policy_test(const PolicyTestOptions& options) {
  auto filter = testing::Filter::parse(options.filter);
  if (filter.has_error()) {
    complain("--filter: " + filter.error().message);
    return ExitCode::usage_error;
  }
  if (options.watch && (options.format == "junit" || options.format == "tap")) {
    complain("--watch writes many results, and " + options.format +
             " is one document; use text, tree or json");
    return ExitCode::usage_error;
  }
  TestRun run(options, *std::move(filter));
  if (options.watch) {
    return watch(options, run);
  }
  (void)run.load();
  return run.run();
}

}  // namespace tallygate::cli
