#include "policy/testing/guard.hpp"

#include "tests/policy/explain/world.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tallygate::policy::testing {
namespace {

yaml::SourceFile suite(std::string_view expect, std::string_view principals = "[ana]") {
  return {"s.yaml",
          "suite: s\npolicy: elsewhere.yaml\nnow: \"2026-03-04T10:00:00Z\"\nprincipals: {ana: {groups: "
          "[staff]}, bob: {}}\ntests:\n  - {name: t, principals: " +
              std::string(principals) +
              ", requests: [GET https://wiki.example.com/7], expect: " + std::string(expect) + "}\n"};
}

GuardReport guarded(const yaml::SourceFile& file) {
  return guard(*World().program, {&file, 1});
}

TEST(Guard, LetsAPolicyThroughThatPassesWhateverPolicyTheSuiteNames) {
  const GuardReport report = guarded(suite("allow read-wiki"));
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.text(), "");
  EXPECT_EQ(report.count, 1U);
}

TEST(Guard, NamesTheCellThatFails) {
  const GuardReport report = guarded(suite("allow", "[ana, bob]"));
  EXPECT_FALSE(report.ok());
  ASSERT_EQ(report.failed.size(), 1U);
  EXPECT_EQ(report.failed.front().principal, "bob");
  EXPECT_EQ(report.text(),
            "s.yaml:6:91: test 't': bob, GET https://wiki.example.com/7: expected allow, got deny default\n"
            "the policy is refused: 1 of 2 cells of its tests failed\n");
}

TEST(Guard, NamesAFewOfManyAndCountsThemAll) {
  std::string many = "[GET https://wiki.example.com/0";
  for (std::size_t i = 1; i < 2 * guard_shown_max; ++i) {
    many += ", GET https://wiki.example.com/" + std::to_string(i);
  }
  yaml::SourceFile file = suite("deny");
  file.text.replace(file.text.find("[GET https://wiki.example.com/7]"), 32, many + "]");
  const GuardReport report = guarded(file);
  EXPECT_EQ(report.failed.size(), guard_shown_max);
  EXPECT_EQ(report.failed_count, 2 * guard_shown_max);
}

TEST(Guard, RefusesAPolicyWhoseSuiteCannotBeRead) {
  const GuardReport unknown = guarded(suite("allow read-wikis"));
  EXPECT_FALSE(unknown.ok());
  EXPECT_NE(unknown.text().find("unknown rule 'read-wikis'; did you mean 'read-wiki'?"), std::string::npos);
  EXPECT_FALSE(guarded({"s.yaml", "suite: s\n"}).ok());
}

TEST(Guard, RefusesAPolicyThatNothingTests) {
  EXPECT_FALSE(guard(*World().program, {}).ok());
}

}  // namespace
}  // namespace tallygate::policy::testing
