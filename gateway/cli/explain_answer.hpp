#pragma once
/// How `policy explain` answers, whether the request was written or is on record.
#include "gateway/cli/commands.hpp"
#include "policy/explain/explain.hpp"
#include "policy/replay/change.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace tallygate::cli {

/// What the record says came of a request.
struct RecordedOutcome {
  std::uint64_t seq = 0;
  std::string time;
  std::string policy;  ///< digest
  policy::Verdict verdict;
  policy::Change change = policy::Change::same;  ///< from there to what is explained
};

/// What is wrong with `--expect`; nothing if it is right, or empty.
[[nodiscard]] std::optional<std::string> find_expectation_problem(const std::string& text,
                                                                  const policy::Policy& policy);

/// Prints an explanation; the exit code says whether it is what `expect` wants, if that is not empty.
[[nodiscard]] ExitCode answer_explanation(const policy::Program& program,
                                          const policy::Explanation& explanation, const std::string& expect,
                                          bool json, const std::optional<RecordedOutcome>& recorded);

}  // namespace tallygate::cli
