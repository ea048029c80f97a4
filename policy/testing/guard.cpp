#include "policy/testing/guard.hpp"

#include "policy/testing/suite_reader.hpp"

#include <utility>

namespace tallygate::policy::testing {
namespace {

void run_suite(const Suite& suite, const Program& program, GuardReport& report) {
  DecideScratch scratch(program);
  for (const SuiteTest& test : suite.tests) {
    for (const Cell& cell : test.cells) {
      ++report.count;
      const Question question = question_of(suite, test, cell);
      const Verdict verdict = decide(program, question, scratch);
      if (meets(verdict, cell.expected)) {
        continue;
      }
      if (++report.failed_count <= guard_shown_max) {
        report.failed.push_back({suite.file, cell.mark, test.name, suite.principals[cell.principal].name,
                                 question.request.label, policy::to_string(cell.expected),
                                 policy::to_string(verdict)});
      }
    }
  }
}

}  // namespace

std::string to_string(const FailedCell& cell) {
  const yaml::SyntaxError at{cell.file,
                             cell.mark,
                             "test '" + printable(cell.test) + "': " + printable(cell.principal) + ", " +
                                 cell.request + ": expected " + cell.expected + ", got " + cell.actual,
                             {}};
  return yaml::to_string(at);
}

std::string GuardReport::text() const {
  if (!errors.empty()) {
    return yaml::to_string(errors);
  }
  if (ok()) {
    return {};
  }
  std::string text;
  for (const FailedCell& cell : failed) {
    text += testing::to_string(cell) + "\n";
  }
  return text + "the policy is refused: " + std::to_string(failed_count) + " of " + std::to_string(count) +
         " cells of its tests failed\n";
}

GuardReport guard(const Program& program, std::span<const yaml::SourceFile> suites) {
  GuardReport report;
  yaml::Errors errors;
  std::vector<Suite> read;
  for (const yaml::SourceFile& file : suites) {
    yaml::Result<Suite> suite = read_suite(file);
    if (suite.has_error()) {
      errors.add(suite.error());
      continue;
    }
    errors.add(check_names(*suite, program.policy()));
    read.push_back(*std::move(suite));
  }
  report.errors = errors.take();
  if (report.errors.empty()) {
    for (const Suite& suite : read) {
      run_suite(suite, program, report);
    }
  }
  return report;
}

}  // namespace tallygate::policy::testing
