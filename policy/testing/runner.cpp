#include "policy/testing/runner.hpp"

namespace tallygate::policy::testing {
namespace {

bool selected(const Filter& filter, const Suite& suite, const SuiteTest& test, const Cell& cell,
              const Verdict& verdict) {
  CellNames names;
  names.suite = suite.name;
  names.test = test.name;
  names.principal = suite.principals[cell.principal].name;
  names.request = suite.requests[cell.request].label;
  names.context = suite.contexts[test.context].name;
  names.outcomes = {to_string(cell.expected.outcome), to_string(verdict.outcome)};
  const auto by_rule = [](CellOutcome outcome) {
    return outcome == CellOutcome::allow || outcome == CellOutcome::deny;
  };
  if (by_rule(verdict.outcome)) {
    names.rules.assign(verdict.by.begin(), verdict.by.end());
  }
  if (by_rule(cell.expected.outcome) && !cell.expected.by.empty()) {
    names.rules.emplace_back(cell.expected.by);
  }
  return filter.accepts(names);
}

/// `failures` counts those of the whole run.
SuiteResult run_suite(const LoadedSuite& loaded, const Filter& filter, std::size_t& failures) {
  const Suite& suite = loaded.suite;
  const Program& program = *loaded.program;
  SuiteResult result{suite.file, suite.name, loaded.program, {}, 0, 0};
  DecideScratch scratch(program);
  for (const SuiteTest& test : suite.tests) {
    for (const Cell& cell : test.cells) {
      const Question question = question_of(suite, test, cell);
      const Verdict verdict = decide(program, question, scratch);
      if (!selected(filter, suite, test, cell, verdict)) {
        continue;
      }
      const bool ok = meets(verdict, cell.expected);
      ++(ok ? result.passed : result.failed);
      const bool explained = !ok && ++failures <= explained_max;
      result.cells.push_back({test.name, suite.principals[cell.principal].name,
                              suite.contexts[test.context].name, question.request.label, cell.mark,
                              cell.written, cell.expected, verdict, ok,
                              explained ? std::optional(explain(program, question)) : std::nullopt});
    }
  }
  return result;
}

}  // namespace

Question question_of(const Suite& suite, const SuiteTest& test, const Cell& cell) noexcept {
  return {suite.principals[cell.principal].principal, suite.requests[cell.request],
          suite.contexts[test.context].circumstances, test.now};
}

const Cell* first_failure(const Suite& suite, const Program& program) {
  DecideScratch scratch(program);
  for (const SuiteTest& test : suite.tests) {
    for (const Cell& cell : test.cells) {
      if (!meets(decide(program, question_of(suite, test, cell), scratch), cell.expected)) {
        return &cell;
      }
    }
  }
  return nullptr;
}

RunResult run(std::span<const LoadedSuite> suites, const Filter& filter) {
  RunResult result;
  std::size_t failures = 0;
  for (const LoadedSuite& suite : suites) {
    result.suites.push_back(run_suite(suite, filter, failures));
    result.passed += result.suites.back().passed;
    result.failed += result.suites.back().failed;
  }
  return result;
}

}  // namespace tallygate::policy::testing
