/// What a suite may cost to read, whatever it asks for.
#include "policy/testing/suite_reader.hpp"
#include "tests/support/allocations.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tallygate::policy::testing {
namespace {

/// A group of 2,000 that one test names 20,000 times.
std::string text_of_a_crowd() {
  std::string text = "suite: s\npolicy: p.yaml\nnow: \"2026-03-04T10:00:00Z\"\nprincipals:\n";
  std::string members = "p0";
  for (int i = 0; i < 2000; ++i) {
    text += "  p" + std::to_string(i) + ": {}\n";
    members += i == 0 ? "" : ", p" + std::to_string(i);
  }
  std::string names = "all";
  for (int i = 1; i < 20'000; ++i) {
    names += ", all";
  }
  return text + "principal_groups:\n  all: [" + members + "]\ntests:\n  - {name: t, principals: [" + names +
         "], requests: [\"GET https://wiki.test/\"], expect: deny}\n";
}

TEST(SuiteReaderAllocation, AGroupThatIsNamedAgainAndAgainIsNotCopiedAsOften) {
  const yaml::SourceFile file{"suite.yaml", text_of_a_crowd()};
  const std::size_t before = tallygate::testing::live_bytes;
  tallygate::testing::most_bytes = before;
  const auto suite = read_suite(file);
  ASSERT_TRUE(suite.has_error());
  EXPECT_NE(yaml::to_string(suite.error()).find("stands twice"), std::string::npos);
  // All copies together would be 320 MB.
  EXPECT_LT(tallygate::testing::most_bytes - before, 64U << 20U);
}

}  // namespace
}  // namespace tallygate::policy::testing
