// Suites from outside: never a crash; whatever loads has a cell in every test and names only what it has.
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
}  // namespace

// The name and signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {  // NOLINT(readability-identifier-naming)
  using namespace tallygate::policy;
  const auto suite =
      testing::read_suite({"suite.yaml", std::string(reinterpret_cast<const char*>(data), size)});
  if (suite.has_error()) {
    require(!suite.error().empty());
    return 0;
  }
  require(!suite->tests.empty() && !suite->policy.empty());
  for (const testing::SuiteTest& test : suite->tests) {
    require(!test.cells.empty() && test.context < suite->contexts.size());
    for (const testing::Cell& cell : test.cells) {
      require(cell.principal < suite->principals.size() && cell.request < suite->requests.size());
      require(cell.mark.line > 0);
    }
  }
  (void)testing::check_names(*suite, {});
  return 0;
}
