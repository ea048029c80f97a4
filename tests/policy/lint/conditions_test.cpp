#include "tests/policy/lint/support.hpp"

#include <gtest/gtest.h>

namespace tallygate::policy::lint::test {
namespace {

/// A policy of these conditions and one rule with this end; the conditions begin on line 7, and the rule's id
/// stands in the last line at column 10.
std::string policy(std::string_view conditions, std::string_view rule, std::string_view effect = "allow") {
  std::string text =
      "roles: {r: {}}\n"
      "bindings: [{role: r, groups: [g]}]\n"
      "resources: {s: {hosts: [a.example.com]}}\n"
      "conditions:\n" +
      std::string(conditions) + "rules:\n";
  if (effect == "deny") {
    text += "  - {id: all, effect: allow, roles: [r], resources: [s], methods: [read]}\n";
  }
  return text + "  - {id: one, effect: " + std::string(effect) +
         ", roles: [r], resources: [s], methods: [read], " + std::string(rule) + "}\n";
}

/// Whether the two conditions, both demanded, are called a contradiction.
bool contradict(std::string_view one, std::string_view other, std::string_view effect = "allow") {
  const std::string text =
      policy("  a: " + std::string(one) + "\n  b: " + std::string(other) + "\n", "when: [a, b]", effect);
  for (const Finding& finding : report_of(text).findings) {
    if (finding.id == "L7" && finding.severity == Severity::warning) {
      return true;
    }
  }
  return false;
}

std::string time(std::string_view text) {
  return "{time: {" + std::string(text) + "}}";
}

}  // namespace

TEST(LintConditions, L7FindsNetworksThatHaveNothingInCommon) {
  EXPECT_TRUE(contradict("{ip_in: [10.0.0.0/16]}", "{ip_in: [10.1.0.0/16, \"2001:db8::/32\"]}"));
  EXPECT_FALSE(contradict("{ip_in: [10.0.0.0/16]}", "{ip_in: [10.0.7.0/24, \"2001:db8::/32\"]}"));
}

TEST(LintConditions, L7FindsTimesThatNeverMeet) {
  EXPECT_TRUE(contradict(time("days: [mon, tue], zone: Etc/UTC"), time("days: [sat], zone: Etc/UTC")));
  EXPECT_TRUE(contradict(time("from: \"08:00\", to: \"12:00\", zone: Etc/UTC"),
                         time("from: \"12:00\", zone: Etc/UTC")));
  // A window across midnight reaches into the day after.
  EXPECT_FALSE(contradict(time("days: [mon], from: \"22:00\", to: \"02:00\", zone: Etc/UTC"),
                          time("days: [tue], from: \"01:00\", to: \"03:00\", zone: Etc/UTC")));
  EXPECT_TRUE(contradict(time("days: [mon], from: \"22:00\", to: \"01:00\", zone: Etc/UTC"),
                         time("days: [tue], from: \"01:00\", to: \"03:00\", zone: Etc/UTC")));
  // 08:00–12:00 in New York is 13:00–17:00 in London, 12:00–16:00 for some weeks of the year.
  EXPECT_FALSE(contradict(time("from: \"08:00\", to: \"12:00\", zone: America/New_York"),
                          time("from: \"12:00\", to: \"13:00\", zone: Europe/London")));
  EXPECT_TRUE(contradict(time("from: \"08:00\", to: \"12:00\", zone: America/New_York"),
                         time("from: \"11:00\", to: \"12:00\", zone: Europe/London")));
}

TEST(LintConditions, L7FindsDevicesHeadersAndMethodsThatWantTwoValues) {
  EXPECT_TRUE(contradict("{device: {os: linux}}", "{device: {os: [macos, windows]}}"));
  EXPECT_FALSE(contradict("{device: {os: linux}}", "{device: {os: [macos, linux]}}"));
  EXPECT_FALSE(contradict("{device: {os: linux}}", "{device: {arch: [macos, windows]}}"));
  EXPECT_TRUE(contradict("{header: {X-A: \"1\"}}", "{header: {x-a: \"2\"}}"));
  EXPECT_FALSE(contradict("{header: {X-A: \"1\"}}", "{header: {x-a: [\"2\", \"1\"]}}"));
  EXPECT_TRUE(contradict("{method_of_auth: mtls}", "{method_of_auth: [token, oidc]}"));
  EXPECT_FALSE(contradict("{method_of_auth: mtls}", "{method_of_auth: [token, mtls]}"));
}

TEST(LintConditions, L7KnowsThatADenyRuleIsReadWidely) {
  // Of two lines each header condition has one, which is unknown, and unknown matches for deny.
  EXPECT_FALSE(contradict("{header: {X-A: \"1\"}}", "{header: {x-a: \"2\"}}", "deny"));
  EXPECT_TRUE(contradict(time("days: [mon], zone: Etc/UTC"), time("days: [sat], zone: Etc/UTC"), "deny"));
}

TEST(LintConditions, L7OnlyNotesADenyRuleThatMatchesWhileSomethingIsUnknown) {
  const std::string mfa = policy("  a: {mfa_within: 5m}\n  old: {not: a}\n", "when: [a, old]", "deny");
  EXPECT_EQ(found(mfa), Places{"L7 11:80 note"});
  EXPECT_EQ(
      message("L7", mfa),
      "rule 'one' matches only while what it asks for is unknown: 'when' 'a' and 'when' 'old' contradict "
      "each other; remove one of them, if that is not meant");
  EXPECT_EQ(found(policy("  a: {ip_in: [0.0.0.0/0, \"::/0\"]}\n", "unless: [a]", "deny")),
            (Places{"L8 7:3", "L7 10:82 note"}));
  EXPECT_FALSE(contradict("{device: {os: linux}}", "{device: {os: macos}}", "deny"));
  EXPECT_FALSE(contradict("{method_of_auth: mtls}", "{method_of_auth: token}", "deny"));
}

TEST(LintConditions, OtherChecksCountADenyRuleThatMatchesWhileSomethingIsUnknown) {
  // It closes what the allow rule opens to whoever has no second factor at all.
  EXPECT_EQ(found(policy("  a: {mfa_within: 5m}\n  old: {not: a}\n", "when: [old], unless: [old]", "deny")),
            Places{"L7 11:80 note"});
  // This one closes nothing.
  EXPECT_EQ(
      found("resources: {s: {hosts: [a.example.com]}}\n"
            "conditions: {a: {mfa_within: 5m}}\n"
            "rules:\n"
            "  - {id: all, effect: allow, roles: [authenticated], resources: [s], methods: [read]}\n"
            "  - {id: one, effect: deny, roles: [anonymous], resources: [s], methods: [read], when: [a], "
            "unless: [a]}\n"),
      (Places{"L6 7:10", "L7 7:88 note"}));
}

TEST(LintConditions, L7OnlyNotesTwoValuesOfAClaim) {
  const std::string text =
      policy("  a: {claims: {team: red}}\n  b: {claims: {team: [blue, green]}}\n", "when: [a, b]");
  EXPECT_EQ(found(text), Places{"L7 10:81 note"});
  EXPECT_EQ(found(policy("  a: {claims: {team: red}}\n  b: {claims: {team: [blue, red]}}\n", "when: [a, b]")),
            Places{});
  // As alternatives they are none of its business.
  EXPECT_EQ(found(policy("  a: {claims: {team: red}}\n  b: {claims: {team: blue}}\n  c: {any: [a, b]}\n",
                         "when: [c]")),
            Places{});
  EXPECT_EQ(found(policy("  a: {claims: {team: red}}\n  b: {claims: {team: blue}}\n  c: {all: [a, b]}\n",
                         "when: [c]")),
            Places{"L7 11:81 note"});
}

TEST(LintConditions, L7FindsAConditionInWhenAndInUnless) {
  const std::string text = policy("  a: {mfa_within: 5m}\n", "when: [a], unless: [a]");
  EXPECT_EQ(found(text), Places{"L7 9:81"});
  EXPECT_EQ(
      message("L7", text),
      "rule 'one' can never match: 'when' 'a' and 'unless' 'a' contradict each other; remove one of them");
  // A younger age is within the longer limit, not the other way round.
  EXPECT_EQ(found(policy("  a: {mfa_within: 5m}\n  b: {mfa_within: 1h}\n", "when: [a], unless: [b]")),
            Places{"L7 10:81"});
  EXPECT_EQ(found(policy("  a: {mfa_within: 5m}\n  b: {mfa_within: 1h}\n", "when: [b], unless: [a]")),
            Places{});
}

TEST(LintConditions, L7SeesThroughAllAnyAndNot) {
  constexpr std::string_view nets =
      "  a: {ip_in: [10.0.0.0/8]}\n"
      "  b: {ip_in: [192.0.2.0/24]}\n";
  EXPECT_EQ(found(policy(std::string(nets) + "  c: {any: [a, b]}\n  d: {not: c}\n", "when: [a, d]")),
            Places{"L7 12:81"});
  EXPECT_EQ(found(policy(std::string(nets) + "  c: {all: [a, b]}\n", "unless: [c]")), Places{"L7 9:3"});
  EXPECT_EQ(found(policy(std::string(nets) + "  c: {any: [a, b]}\n  d: {not: b}\n", "when: [c, d]")),
            Places{});
}

TEST(LintConditions, L7SaysOnceWhatIsWrongWithTheConditionItself) {
  EXPECT_EQ(found(policy("  a: {ip_in: [10.0.0.0/8]}\n  n: {not: a}\n  c: {all: [a, n]}\n", "when: [c]")),
            Places{"L7 9:3"});
}

TEST(LintConditions, L8FindsConditionsThatAskNothing) {
  EXPECT_EQ(found(policy("  a: {ip_in: [0.0.0.0/0, \"::/0\"]}\n", "when: [a]")), Places{"L8 7:3"});
  EXPECT_EQ(found(policy("  a: {ip_in: [0.0.0.0/1, 128.0.0.0/1]}\n", "when: [a]")), Places{});
  EXPECT_EQ(found(policy("  a: " + time("zone: Europe/Madrid") + "\n", "when: [a]")), Places{"L8 7:3"});
  EXPECT_EQ(found(policy("  a: " + time("to: \"23:59\", zone: Europe/Madrid") + "\n", "when: [a]")),
            Places{});
  EXPECT_EQ(found(policy("  a: " + time("days: [mon, tue, wed, thu, fri, sat], zone: Etc/UTC") + "\n",
                         "when: [a]")),
            Places{});
}

TEST(LintConditions, L8DoesNotForgetWhatMayBeUnknown) {
  EXPECT_EQ(found(policy("  a: {ip_in: [10.0.0.0/8]}\n  n: {not: a}\n  c: {any: [a, n]}\n", "when: [c]")),
            Places{"L8 9:3"});
  // Whether a device is managed may be unknown: then this asks for a device that reports at all.
  EXPECT_EQ(found(policy("  a: {device: {managed: true}}\n  n: {not: a}\n  c: {any: [a, n]}\n", "when: [c]")),
            Places{});
  EXPECT_EQ(found(policy("  a: {method_of_auth: [oidc, mtls, token, local]}\n", "when: [a]")), Places{});
}

TEST(LintConditions, ARuleWhoseUnlessAlwaysHoldsNeverMatches) {
  EXPECT_EQ(found(policy("  a: {ip_in: [\"::/0\"]}\n", "unless: [a]")), (Places{"L8 7:3", "L7 9:83"}));
}

}  // namespace tallygate::policy::lint::test
