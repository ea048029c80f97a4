#pragma once
/// `policy test --update`: suites rewritten on disk.
#include "policy/testing/runner.hpp"
#include "policy/testing/suite_files.hpp"

#include <span>

namespace tallygate::cli {

struct UpdateOutcome {
  bool complete = true;  ///< every cell that differed was rewritten
  bool failed = false;   ///< a file could not be written
};

/// Rewrites the cells of `result` that failed and replaces the files, each whole. A suite that changed on
/// disk since it was read is left as it is, which is a failure. Says on stderr what was done, and what was
/// not.
[[nodiscard]] UpdateOutcome update_suites(std::span<const policy::testing::LoadedSuite> suites,
                                          const policy::testing::RunResult& result);

}  // namespace tallygate::cli
