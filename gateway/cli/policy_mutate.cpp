#include "gateway/cli/policy_actions.hpp"
#include "gateway/cli/policy_files.hpp"
#include "policy/mutate/report.hpp"
#include "policy/testing/report.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>
#include <utility>

namespace tallygate::cli {
namespace {

using policy::mutate::Change;
using policy::mutate::Judged;
using policy::mutate::Trial;

/// Mutants of one run. Each is a policy of its own that is compiled and asked every cell.
constexpr std::size_t mutants_max = 100'000;

std::vector<Change> chosen_changes(const std::vector<std::string>& names) {
  std::vector<Change> chosen;
  std::copy_if(policy::mutate::changes.begin(), policy::mutate::changes.end(), std::back_inserter(chosen),
               [&names](Change change) {
                 return std::find(names.begin(), names.end(), to_string(change)) != names.end();
               });
  return chosen;
}

/// The mutants of one trial, handed out to threads one by one.
class Judging {
 public:
  explicit Judging(const Trial& trial) : trial_(trial), fates_(trial.mutants().size()) {}

  /// Judges what nobody has taken until nothing is left. Threads: any number.
  void work() {
    for (std::size_t i = next_++; i < fates_.size(); i = next_++) {
      fates_[i] = trial_.judge(i);
    }
  }
  /// The same; a failure ends the work of all.
  void work_guarded(std::exception_ptr& failure) noexcept {
    try {
      work();
    } catch (...) {
      failure = std::current_exception();
      next_ = fates_.size();
    }
  }
  [[nodiscard]] Judged take() { return {&trial_, std::move(fates_)}; }

 private:
  const Trial& trial_;
  std::vector<policy::mutate::Fate> fates_;  ///< each written by the thread that took it
  std::atomic<std::size_t> next_{0};
};

/// Judges every mutant of one trial on all processors.
Judged judge_all(const Trial& trial) {
  Judging judging(trial);
  const std::size_t count =
      std::min<std::size_t>(std::max(1U, std::thread::hardware_concurrency()), trial.mutants().size());
  std::vector<std::exception_ptr> failures(count);
  {
    std::vector<std::jthread> threads;
    threads.reserve(count);
    for (std::exception_ptr& failure : failures) {
      threads.emplace_back([&judging, &failure] { judging.work_guarded(failure); });
    }
  }
  for (const std::exception_ptr& failure : failures) {
    if (failure) {
      std::rethrow_exception(failure);
    }
  }
  return judging.take();
}

/// A suite that fails already would notice every mutant. Says so, in the form that was asked for.
ExitCode report_failing(const policy::testing::RunResult& result, bool json) {
  std::fputs(policy::testing::report_text(result, {}).c_str(), stderr);
  complain("the suites fail on the policy as it is; mend that first, then its mutants can be judged");
  const boost::json::object document{{"ok", false}, {"tests", policy::testing::to_json(result)}};
  return !json || print(boost::json::serialize(document) + "\n") ? ExitCode::answer_is_no
                                                                 : ExitCode::not_possible;
}

}  // namespace

ExitCode policy_mutate(const PolicyMutateOptions& options) {
  const policy::testing::LoadedSuites loaded = policy::testing::load_suites(options.files);
  if (const ExitCode code = report_loading(loaded); code != ExitCode::done) {
    return code;
  }
  if (const auto result = policy::testing::run(loaded.suites, {}); !result.ok()) {
    return report_failing(result, options.json);
  }
  std::vector<Trial> trials = policy::mutate::trials_of(loaded.suites);
  std::size_t count = 0;
  for (Trial& trial : trials) {
    trial.keep(chosen_changes(options.changes));
    count += trial.mutants().size();
  }
  if (count > mutants_max) {
    complain("there would be " + std::to_string(count) + " mutants, and at most " +
             std::to_string(mutants_max) + " are tried; choose some with --only");
    return ExitCode::usage_error;
  }
  std::vector<Judged> judged;
  std::transform(trials.begin(), trials.end(), std::back_inserter(judged), judge_all);
  const bool written =
      print(options.json ? boost::json::serialize(to_json(judged)) + "\n" : to_text(judged, stdout_style()));
  if (!written) {
    return ExitCode::not_possible;
  }
  const bool none = policy::mutate::count(judged, policy::mutate::Fate::survived) +
                        policy::mutate::count(judged, policy::mutate::Fate::untried) ==
                    0;
  return none ? ExitCode::done : ExitCode::answer_is_no;
}

}  // namespace tallygate::cli
