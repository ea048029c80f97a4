#pragma once
/// Runs suites: every cell is asked, and nothing else. Pure.
#include "policy/explain/explain.hpp"
#include "policy/testing/filter.hpp"
#include "policy/testing/suite_files.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tallygate::policy::testing {

/// Failed cells that are explained. An explanation speaks of every rule; keeping one for each of a million
/// cells would not fit.
inline constexpr std::size_t explained_max = 50;

/// What came of one cell.
struct CellResult {
  std::string test;
  std::string principal;
  std::string context;
  std::string request;
  yaml::Mark mark;
  yaml::Mark written;  ///< as in Cell
  Expectation expected;
  Verdict actual;
  bool ok = false;
  std::optional<Explanation> explanation;  ///< of a failed cell, one of the first explained_max of the run
};

struct SuiteResult {
  std::string file;
  std::string name;
  std::shared_ptr<const Program> program;  ///< for rendering the explanations
  std::vector<CellResult> cells;           ///< in the order written
  std::size_t passed = 0;
  std::size_t failed = 0;
};

struct RunResult {
  std::vector<SuiteResult> suites;
  std::size_t passed = 0;
  std::size_t failed = 0;
  /// Every cell passed, and there was at least one: a run that tests nothing fails (S06).
  [[nodiscard]] bool ok() const noexcept { return failed == 0 && passed > 0; }
};

[[nodiscard]] RunResult run(std::span<const LoadedSuite> suites, const Filter& filter);

/// The question that a cell asks. Borrows from the suite.
[[nodiscard]] Question question_of(const Suite& suite, const SuiteTest& test, const Cell& cell) noexcept;

/// The first cell that does not get from `program` what it expects; null if all do. `program` need not be the
/// one that the suite names.
[[nodiscard]] const Cell* first_failure(const Suite& suite, const Program& program);

}  // namespace tallygate::policy::testing
