#pragma once
/// Tests that a policy must pass before it is taken up. Pure.
#include "policy/language/yaml_reader.hpp"
#include "policy/testing/runner.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace tallygate::policy::testing {

/// Failed cells that a report names; the others are counted.
inline constexpr std::size_t guard_shown_max = 10;

/// A cell that did not get what it expects.
struct FailedCell {
  std::string file;
  yaml::Mark mark;
  std::string test;
  std::string principal;
  std::string request;
  std::string expected;
  std::string actual;
};

/// `file:line:column: test 'from home': ana, page: expected deny, got allow read-wiki`
[[nodiscard]] std::string to_string(const FailedCell& cell);

struct GuardReport {
  yaml::SyntaxErrors errors;       ///< of the suites; then nothing was run
  std::vector<FailedCell> failed;  ///< the first guard_shown_max
  std::size_t failed_count = 0;
  std::size_t count = 0;  ///< cells that were run

  /// Every cell of every suite passed, and there was at least one.
  [[nodiscard]] bool ok() const noexcept { return errors.empty() && failed_count == 0 && count > 0; }
  /// What is wrong, a line each, with places; empty if ok.
  [[nodiscard]] std::string text() const;
};

/// Runs suites against a program, whatever policy the suites name: what is about to decide is what is tested.
[[nodiscard]] GuardReport guard(const Program& program, std::span<const yaml::SourceFile> suites);

}  // namespace tallygate::policy::testing
