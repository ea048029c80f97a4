#include "policy/replay/change.hpp"

#include "policy/program/program.hpp"

#include <gtest/gtest.h>

#include <array>

namespace tallygate::policy {
namespace {

constexpr const char* policy_text = R"(
version: 1
policy: test
roles: {viewer: {}}
bindings: [{role: viewer, groups: [staff]}]
resources:
  wiki: {hosts: [wiki.example.com], paths: [/**]}
  code: {hosts: [code.example.com], paths: [/**], slashes: keep}
conditions: {fresh: {mfa_within: 5m}, old: {auth_within: 1h}}
rules:
  - {id: a, effect: allow, roles: [viewer], resources: [wiki], methods: [read]}
  - {id: b, effect: allow, roles: [viewer], resources: [wiki, code], methods: [read]}
)";

class ChangeTest : public testing::Test {
 protected:
  ChangeTest() {
    const yaml::SourceFile source{"policy.yaml", policy_text};
    program = load_program({&source, 1}).value();
  }

  /// From what is recorded to what is decided now.
  [[nodiscard]] Change from(const RecordedAnswer& was, const Decision& is) const {
    return change_of(was, *program, {RejectCode::none, is});
  }

  std::shared_ptr<const Program> program;
  const std::array<RuleIndex, 2> both{0, 1};
  const std::array<ConditionIndex, 1> fresh{0};
  const std::array<ConditionIndex, 1> old{1};
  const RecordedAnswer denied{};
  const RecordedAnswer allowed{Outcome::allow, {"a", "b"}, false, {}, RejectCode::none};
  const RecordedAnswer held_back{Outcome::step_up, {}, false, {"fresh"}, RejectCode::none};
};

TEST_F(ChangeTest, TheSameOutcomeByTheSameRulesIsTheSame) {
  EXPECT_EQ(from(allowed, {Outcome::allow, both, false, {}}), Change::same);
  EXPECT_EQ(from(denied, {}), Change::same);
  EXPECT_EQ(from(held_back, {Outcome::step_up, {both.data(), 1}, false, fresh}), Change::same);
}

TEST_F(ChangeTest, OneRuleMoreOrLessOrInsteadIsAnotherRule) {
  EXPECT_EQ(from(allowed, {Outcome::allow, {both.data(), 1}, false, {}}), Change::other_rule);
  EXPECT_EQ(from({Outcome::allow, {"a"}, false, {}, RejectCode::none},
                 {Outcome::allow, {both.data() + 1, 1}, false, {}}),
            Change::other_rule);
  EXPECT_EQ(from(denied, {Outcome::deny, {both.data(), 1}, false, {}}), Change::other_rule);
}

TEST_F(ChangeTest, OpeningAndClosingAreTold) {
  EXPECT_EQ(from(denied, {Outcome::allow, both, false, {}}), Change::deny_to_allow);
  EXPECT_EQ(from(allowed, {}), Change::allow_to_deny);
  EXPECT_TRUE(opens(Outcome::deny, Outcome::allow));
  EXPECT_TRUE(opens(Outcome::step_up, Outcome::allow)) << "nobody is asked for anything any more";
  EXPECT_FALSE(opens(Outcome::allow, Outcome::allow));
  EXPECT_FALSE(opens(Outcome::deny, Outcome::step_up)) << "that is a deny still";
}

TEST_F(ChangeTest, AStepUpThatComesGoesOrAsksForSomethingElseIsItsOwnClass) {
  const Decision asks{Outcome::step_up, {both.data(), 1}, false, fresh};
  EXPECT_EQ(from(denied, asks), Change::step_up);
  EXPECT_EQ(from(allowed, asks), Change::step_up);
  EXPECT_EQ(from(held_back, {}), Change::step_up);
  EXPECT_EQ(from(held_back, {Outcome::allow, both, false, {}}), Change::step_up);
  EXPECT_EQ(from(held_back, {Outcome::step_up, {both.data(), 1}, false, old}), Change::step_up);
  EXPECT_EQ(from(held_back, {Outcome::step_up, {both.data(), 1}, true, fresh}), Change::step_up);
}

TEST_F(ChangeTest, APathThatIsRefusedNowIsADenyBySomethingElse) {
  const Answer refused{RejectCode::encoded_slash, {}};
  EXPECT_EQ(change_of(denied, *program, refused), Change::other_rule);
  EXPECT_EQ(change_of(allowed, *program, refused), Change::allow_to_deny);
  RecordedAnswer was;
  was.code = RejectCode::encoded_slash;
  EXPECT_EQ(change_of(was, *program, refused), Change::same);
}

TEST_F(ChangeTest, NamesCountNotPositions) {
  const yaml::SourceFile source{"policy.yaml", std::string(policy_text) + R"(
  - {id: "0", effect: deny, roles: [viewer], resources: [code], methods: [write]}
)"};
  const auto other = load_program({&source, 1}).value();
  const std::array<RuleIndex, 2> moved{1, 2};
  const Decision was{Outcome::allow, both, false, {}};
  EXPECT_EQ(change_of(*program, was, *other, {RejectCode::none, {Outcome::allow, moved, false, {}}}),
            Change::same);
  EXPECT_EQ(change_of(*program, was, *other, {RejectCode::none, was}), Change::other_rule);
}

TEST_F(ChangeTest, APathIsReadAnewUnderOtherOptions) {
  RecordedQuestion question;
  question.principal.anonymous = false;
  question.principal.groups = {"staff"};
  question.request.method = "GET";
  question.request.host.name = "code.example.com";
  question.request.path.matched = "/a/b";
  question.sent_path = "/a//b";
  DecideScratch scratch(*program);
  EXPECT_EQ(to_string(verdict_of(*program, decide_again(*program, question, false, scratch))), "allow b");
  question.request.path.matched = "/a%2Fb";  // of a policy that keeps them; this one does not
  question.sent_path.clear();
  EXPECT_EQ(to_string(verdict_of(*program, decide_again(*program, question, false, scratch))),
            "reject encoded-slash");
  EXPECT_EQ(to_string(verdict_of(*program, decide_again(*program, question, true, scratch))), "allow b")
      << "the program that decided then had its form already";
}

}  // namespace
}  // namespace tallygate::policy
