#include "policy/diff/reverse.hpp"

#include "policy/diff/witness.hpp"
#include "tests/policy/diff/random.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <set>

namespace tallygate::policy::diff {
namespace {

using test::Dice;

const std::string policy_text =
    "version: 1\npolicy: p\n"
    "roles: {viewer: {}, editor: {includes: [viewer]}, contractor: {}}\n"
    "bindings:\n  - {role: viewer, groups: [staff]}\n  - {role: editor, users: [dana]}\n"
    "  - {role: contractor, claims: {kind: external}}\n"
    "resources:\n  wiki: {hosts: [wiki.test], paths: [/**]}\n"
    "conditions: {mfa: {mfa_within: 15m}}\n"
    "rules:\n  - {id: read, effect: allow, roles: [viewer], resources: [wiki], methods: [GET]}\n"
    "  - {id: edit, effect: allow, roles: [editor], resources: [wiki], methods: [PUT], when: [mfa]}\n"
    "  - {id: outside, effect: deny, roles: [contractor], resources: [wiki], methods: [any], unless: "
    "[mfa]}\n";

std::string rows_of(const Answer& answer) {
  std::string out;
  for (const Row& row : answer.rows) {
    out += to_string(row.after) + ":";
    for (const auto* lines : {&row.who, &row.circumstances}) {
      for (const std::string& line : *lines) {
        out += " [" + line + "]";
      }
    }
    out += "\n";
  }
  return out;
}

std::set<std::string> verdicts_of(const Answer& answer) {
  std::set<std::string> out;
  for (const Row& row : answer.rows) {
    out.insert(to_string(row.after));
  }
  return out;
}

TEST(WhoCan, NamesRolesCircumstancesRulesAndWhoIsKeptOut) {
  const auto program = test::compile(policy_text);
  const Answer answer = who_can(*program, *read_request("GET https://wiki.test/x"), {});
  EXPECT_EQ(rows_of(answer),
            "allow read: [roles = {viewer}: group staff]\n"
            "allow read: [roles ⊇ {contractor, viewer}: group staff, claim kind \"external\"] "
            "[second factor: within 15m]\n"
            "step-up login: [anonymous]\n"
            "deny outside: [roles ⊇ {contractor}: claim kind \"external\"] "
            "[second factor: over 15m or unknown]\n");
  ASSERT_EQ(answer.roles.size(), 2U);
  EXPECT_EQ(answer.roles[1].role, "viewer");
  EXPECT_EQ(answer.roles[1].ways,
            (std::vector<std::string>{"group staff (policy.yaml:5:5)", "user dana (policy.yaml:6:5)"}));
  EXPECT_TRUE(answer.any());
}

TEST(WhoCan, SaysThatNobodyCan) {
  const auto program = test::compile(policy_text);
  const Answer nobody = who_can(*program, *read_request("DELETE https://wiki.test/x"), {});
  EXPECT_FALSE(nobody.any());
  EXPECT_NE(to_text(nobody, {}).find("nothing is allowed\n"), std::string::npos);
  const Answer refused = who_can(*program, *read_request("GET https://wiki.test/a%2Fb"), {});
  EXPECT_EQ(refused.refused, RejectCode::encoded_slash);
  EXPECT_NE(to_text(refused, {}).find("nobody: refused with encoded-slash"), std::string::npos);
  EXPECT_EQ(to_json(refused).at("refused"), "encoded-slash");
}

TEST(WhatCan, NamesPlacesCircumstancesAndRules) {
  const auto program = test::compile(policy_text);
  Principal dana;
  dana.anonymous = false;
  dana.user = "dana";
  const Answer answer = what_can(*program, dana, {});
  EXPECT_EQ(rows_of(answer),
            "allow edit: [second factor: within 15m]\nallow read:\nstep-up mfa: [second factor: over 15m or "
            "unknown]\n");
  EXPECT_NE(to_text(answer, {}).find("where          PUT https://wiki.test/, /x, /x/  (wiki)\n"),
            std::string::npos)
      << to_text(answer, {});
  EXPECT_EQ(to_json(answer).at("rows").as_array().at(1).at("by").as_array().at(0), "read");
}

TEST(WhoCan, FindsEverybodyWhomRandomQuestionsFind) {
  const TimePoint now = test::at("2026-03-02T00:00:00Z");
  std::size_t allowed = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Dice dice(seed);
    const auto program = test::compile(test::policy_of(test::random_sections(dice)));
    const WrittenRequest request = *read_request(dice.pick({"GET", "HEAD", "POST", "PURGE"}) + " https://" +
                                                 dice.pick({"a.test", "b.test", "w.a.test", "10.0.0.1"}) +
                                                 dice.pick({"/", "/x", "/X", "/x/y", "/x/y/z", "/q", "/@q"}));
    const Answer answer = who_can(*program, request, now);
    ASSERT_TRUE(answer.notes.empty());
    const std::set<std::string> found = verdicts_of(answer);
    DecideScratch scratch(*program);
    for (int i = 0; i < 300; ++i) {
      const Principal principal = test::random_principal(dice);
      const Circumstances around = test::random_circumstances(dice);
      const TimePoint at = now + std::chrono::hours(dice.below(std::size_t{24} * 7));
      const std::string verdict = to_string(decide(*program, {principal, request, around, at}, scratch));
      allowed += verdict.starts_with("allow") ? 1 : 0;
      ASSERT_TRUE(verdict == "deny default" || found.contains(verdict))
          << "seed " << seed << ": " << request.label << ": " << verdict;
    }
  }
  EXPECT_GT(allowed, 500U);
}

TEST(WhatCan, FindsEverythingThatRandomQuestionsFind) {
  const TimePoint now = test::at("2026-03-02T00:00:00Z");
  std::size_t allowed = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Dice dice(seed);
    const auto program = test::compile(test::policy_of(test::random_sections(dice)));
    const Principal principal = test::random_principal(dice);
    const Answer answer = what_can(*program, principal, now);
    ASSERT_TRUE(answer.notes.empty());
    const std::set<std::string> found = verdicts_of(answer);
    DecideScratch scratch(*program);
    for (int i = 0; i < 300; ++i) {
      const WrittenRequest request = *read_request(
          dice.pick({"GET", "HEAD", "POST", "PURGE", "get"}) + " https://" +
          dice.pick({"a.test", "b.test", "w.a.test", "v.w.a.test", "10.0.0.1"}) +
          dice.pick({"/", "/x", "/X", "/x/y", "/x/y/z", "/q", "/@q", "/%40q", "/x%2Fy", "/x/"}));
      const Circumstances around = test::random_circumstances(dice);
      const TimePoint at = now + std::chrono::hours(dice.below(std::size_t{24} * 7));
      const Verdict verdict = decide(*program, {principal, request, around, at}, scratch);
      const bool open = verdict.outcome == CellOutcome::allow || verdict.outcome == CellOutcome::step_up;
      allowed += open ? 1 : 0;
      ASSERT_TRUE(!open || found.contains(to_string(verdict)))
          << "seed " << seed << ": " << request.label << ": " << to_string(verdict);
    }
  }
  EXPECT_GT(allowed, 500U);
}

}  // namespace
}  // namespace tallygate::policy::diff
