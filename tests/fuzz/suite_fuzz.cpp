// Suites from outside: never a crash; whatever loads has a cell in every test and names only what it has;
// rewritten to what comes out, it passes, but for cells that are said to be left.
#include "policy/testing/rewrite.hpp"
#include "policy/testing/suite_reader.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

namespace {
void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

/// Asked of a policy that has no rule.
void require_update_settles(const tallygate::policy::testing::Suite& suite, const std::string& text) {
  using namespace tallygate::policy;
  const testing::LoadedSuite loaded{suite, *Program::compile({})};
  const testing::RunResult before = testing::run({&loaded, 1}, {});
  const testing::Rewrite rewrite = testing::rewrite_cells(text, before.suites.front(), before.suites.front());
  require(rewrite.rewritten > 0 || rewrite.text == text);
  if (!rewrite.left.empty()) {
    return;
  }
  const auto again = testing::read_suite({suite.file, rewrite.text});
  require(again.has_value());
  require(testing::first_failure(*again, *loaded.program) == nullptr);
}
}  // namespace

// The name and signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {  // NOLINT(readability-identifier-naming)
  using namespace tallygate::policy;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto suite = testing::read_suite({"suite.yaml", text});
  if (suite.has_error()) {
    require(!suite.error().empty());
    return 0;
  }
  require(!suite->tests.empty() && !suite->policy.empty());
  std::size_t cells = 0;
  for (const testing::SuiteTest& test : suite->tests) {
    cells += test.cells.size();
    require(!test.cells.empty() && test.context < suite->contexts.size());
    for (const testing::Cell& cell : test.cells) {
      require(cell.principal < suite->principals.size() && cell.request < suite->requests.size());
      require(cell.mark.line > 0);
    }
  }
  (void)testing::check_names(*suite, {});
  constexpr std::size_t enough = 1'000;
  if (cells <= enough) {
    require_update_settles(*suite, text);
  }
  return 0;
}
