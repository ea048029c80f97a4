#pragma once
/// A suite of policy tests (policy.md "Tests of policy authors", policy-details.md S01–S14), read and checked
/// but not run. Plain values.
#include "policy/evaluate/principal.hpp"
#include "policy/explain/question.hpp"
#include "policy/explain/verdict.hpp"
#include "policy/language/yaml_error.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::policy::testing {

// Counts a suite may have. They bound the memory and the time of a run.
inline constexpr std::size_t tests_max = 10'000;
inline constexpr std::size_t cells_max = 1'000'000;

struct NamedPrincipal {
  std::string name;
  Principal principal;
};

/// Principals that tests name together. Indexes point into the suite.
struct PrincipalGroup {
  std::string name;
  std::vector<std::size_t> members;  ///< never empty, each once
};

/// A context; those written inside a test are called `(inline)`, the one of tests without `(none)`.
struct NamedContext {
  std::string name;
  Circumstances circumstances;
};

/// One question and what should come out. Indexes point into the suite.
struct Cell {
  std::size_t principal = 0;
  std::size_t request = 0;
  Expectation expected;
  yaml::Mark
      mark;  ///< shown in reports: of the text that says what is expected, or of a raw item without one
  yaml::Mark written;  ///< of that text itself; the cells of a list share it
};

struct SuiteTest {
  std::string name;
  yaml::Mark mark;
  std::size_t context = 0;
  TimePoint now;
  std::vector<Cell> cells;  ///< never empty
};

/// Where a suite names its policy.
struct PolicyPath {
  std::string path;
  yaml::Mark mark;
};

struct Suite {
  std::string file;
  std::string name;
  std::vector<PolicyPath> policy;  ///< as written; relative to the suite's folder
  std::vector<NamedPrincipal> principals;
  std::vector<PrincipalGroup> groups;  ///< their names are no principal's
  std::vector<NamedContext> contexts;
  std::vector<WrittenRequest> requests;  ///< named ones first; inline and raw ones each once
  std::vector<SuiteTest> tests;
  yaml::SyntaxErrors warnings;  ///< a request repeated in a list
};

}  // namespace tallygate::policy::testing
