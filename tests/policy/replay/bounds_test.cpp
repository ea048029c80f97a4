// Answers without the person who got them: what a policy can have said is never called wrong, and what it
// cannot have said is found.
#include "policy/replay/bounds.hpp"

#include "tests/policy/diff/random.hpp"
#include "tests/support/seed.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tallygate::policy::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

RecordedAnswer recorded(const Program& program, const Decision& decision) {
  RecordedAnswer answer;
  answer.outcome = decision.outcome;
  answer.login = decision.login;
  if (decision.outcome != Outcome::step_up) {
    for (const RuleIndex rule : decision.rules) {
      answer.rules.push_back(program.rule(rule).id);
    }
  }
  for (const ConditionIndex need : decision.step_up) {
    answer.needs.push_back(program.condition(need).name);
  }
  return answer;
}

std::vector<std::string> names(const Program& program, std::span<const RoleIndex> roles) {
  std::vector<std::string> all;
  for (const RoleIndex role : roles) {
    all.emplace_back(program.role_name(role));
  }
  return all;
}

/// A random question of a random policy, and its answer.
struct Case {
  explicit Case(std::uint64_t seed) : dice(seed), program(compile(policy_of(random_sections(dice)))) {}

  void ask() {
    question.principal = random_principal(dice);
    question.circumstances = random_circumstances(dice);
    if (question.principal.anonymous) {
      question.circumstances.mfa_age.reset();
      question.circumstances.auth_age.reset();
      question.circumstances.auth_method.reset();
    }
    question.now = at("2026-03-04T09:59:59Z") + std::chrono::hours(dice.below(30));
    question.route = dice.pick({"", "one", "two"});
    question.request = request(*program, dice.pick({"GET", "HEAD", "POST", "PURGE"}),
                               dice.pick({"a.test", "b.test", "c.a.test", "10.0.0.1"}),
                               dice.pick({"/", "/x", "/x/y", "/X/", "/x/y/z", "/@q", "/%40q/1"}));
    Scratch scratch(*program);
    const Decision decision = evaluate(*program, question.principal, question.request,
                                       question.circumstances.context(question.now, question.route), scratch);
    roles = names(*program, scratch.roles().held());
    answer = recorded(*program, decision);
  }

  /// Without what is sealed.
  [[nodiscard]] RecordedQuestion sealed() const {
    RecordedQuestion out = question;
    out.principal = {};
    out.circumstances.client.reset();
    out.circumstances.mfa_age.reset();
    out.circumstances.auth_age.reset();
    out.circumstances.auth_method.reset();
    return out;
  }

  Dice dice;
  ProgramPtr program;
  RecordedQuestion question;
  std::vector<std::string> roles;
  RecordedAnswer answer;
};

TEST(Bounds, WhatAPolicyAnsweredIsNeverCalledWrong) {
  const std::uint64_t first = testing::test_seed();
  SCOPED_TRACE(testing::how_to_repeat(first));
  for (std::uint64_t seed = first; seed != first + 200; ++seed) {
    Case one(seed);
    Bounds bounds(*one.program);
    for (int round = 0; round < 30; ++round) {
      one.ask();
      ASSERT_THAT(bounds.find_roles_problem(one.roles, one.question.now), IsEmpty()) << seed << " " << round;
      const auto problem = [&](const RecordedQuestion& question, Unknown unknown) {
        return bounds.find_answer_problem(question, one.question.request, one.answer, unknown);
      };
      ASSERT_THAT(problem(one.question, {}), IsEmpty()) << seed << " " << round;
      ASSERT_THAT(problem(one.sealed(), {true, false}), IsEmpty()) << seed << " " << round;
      RecordedQuestion less = one.sealed();
      less.circumstances.headers.clear();
      ASSERT_THAT(problem(less, {true, true}), IsEmpty()) << seed << " " << round;
    }
  }
}

TEST(Bounds, WhereAllIsKnownNoOtherRuleDecides) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Case one(seed);
    Bounds bounds(*one.program);
    for (int round = 0; round < 20; ++round) {
      one.ask();
      ASSERT_THAT(bounds.find_roles_problem(one.roles, one.question.now), IsEmpty());
      for (const Rule& rule : one.program->policy().rules) {
        RecordedAnswer forged;
        forged.outcome = rule.effect == Effect::allow ? Outcome::allow : Outcome::deny;
        forged.rules = {rule.id};
        const bool right = forged.outcome == one.answer.outcome && forged.rules == one.answer.rules;
        const std::string problem =
            bounds.find_answer_problem(one.question, one.question.request, forged, {});
        ASSERT_EQ(problem.empty(), right) << seed << " " << round << " " << rule.id;
      }
    }
  }
}

class KnownBounds : public ::testing::Test {
 protected:
  KnownBounds()
      : program(compile(R"(
version: 1
policy: p
roles: {viewer: {}, editor: {includes: [viewer]}, admin: {}}
bindings:
  - {role: editor, groups: [staff]}
  - {role: admin, users: [root], until: "2026-03-04T10:00:00Z"}
resources:
  all: {hosts: [a.test]}
  vault: {hosts: [a.test], paths: [/vault/**]}
conditions: {fresh: {mfa_within: 5m}, office: {ip_in: [10.0.0.0/8]}, east: {header: {X-Zone: east}}}
rules:
  - {id: admins, effect: allow, roles: [admin], resources: [all], methods: [any], when: [fresh]}
  - {id: closed, effect: deny, roles: [everyone], resources: [vault], methods: [any]}
  - {id: pages, effect: allow, roles: [viewer], resources: [all], methods: [read]}
  - {id: writes, effect: allow, roles: [editor], resources: [all], methods: [write], when: [office]}
  - {id: zone, effect: allow, roles: [anonymous], resources: [all], methods: [POST], when: [east]}
)")),
        bounds(*program) {
    question.now = at("2026-03-04T09:00:00Z");
  }

  std::string roles(const std::vector<std::string>& held) {
    return bounds.find_roles_problem(held, question.now);
  }
  std::string said(const std::string& method, const std::string& path, Outcome outcome,
                   std::vector<std::string> rules = {}, Unknown unknown = {true, false}) {
    RecordedAnswer answer;
    answer.outcome = outcome;
    answer.rules = std::move(rules);
    answer.login = login;
    answer.needs = needs;
    return bounds.find_answer_problem(question, request(*program, method, "a.test", path), answer, unknown);
  }

  ProgramPtr program;
  Bounds bounds;
  RecordedQuestion question;
  bool login = false;
  std::vector<std::string> needs;
};

TEST_F(KnownBounds, RolesAreThoseThatBindingsCanGive) {
  EXPECT_EQ(roles({"everyone", "anonymous"}), "");
  EXPECT_EQ(roles({"everyone", "authenticated", "editor", "viewer"}), "");
  EXPECT_EQ(roles({"everyone", "authenticated", "admin"}), "");
  EXPECT_THAT(roles({}), HasSubstr("everybody holds 'everyone'"));
  EXPECT_THAT(roles({"everyone"}), HasSubstr("one of 'anonymous' and 'authenticated'"));
  EXPECT_THAT(roles({"everyone", "anonymous", "authenticated"}), HasSubstr("one of"));
  EXPECT_THAT(roles({"everyone", "anonymous", "viewer"}), HasSubstr("holds no other role"));
  EXPECT_THAT(roles({"everyone", "authenticated", "editor"}), HasSubstr("no bindings give exactly"));
  EXPECT_THAT(roles({"everyone", "authenticated", "viewer"}), HasSubstr("no bindings give exactly"));
  EXPECT_THAT(roles({"everyone", "authenticated", "viewer", "editor"}), HasSubstr("in its place"));
  EXPECT_THAT(roles({"everyone", "authenticated", "ruler"}), HasSubstr("'ruler' is no role"));
  question.now = at("2026-03-04T10:00:00Z");
  EXPECT_THAT(roles({"everyone", "authenticated", "admin"}), HasSubstr("no bindings give exactly"));
}

TEST_F(KnownBounds, ARuleDecidesForItsRolesResourcesAndMethodsOnly) {
  ASSERT_EQ(roles({"everyone", "authenticated", "editor", "viewer"}), "");
  EXPECT_EQ(said("GET", "/x", Outcome::allow, {"pages"}), "");
  EXPECT_THAT(said("GET", "/x", Outcome::allow, {"admins"}), HasSubstr("for other roles"));
  EXPECT_THAT(said("POST", "/x", Outcome::allow, {"pages"}), HasSubstr("for other methods"));
  EXPECT_THAT(said("GET", "/x", Outcome::deny, {"closed"}), HasSubstr("for other resources"));
  EXPECT_THAT(said("GET", "/x", Outcome::deny, {"pages"}), HasSubstr("of the other effect"));
  EXPECT_THAT(said("GET", "/x", Outcome::allow, {"gone"}), HasSubstr("no rule of its policy"));
  EXPECT_THAT(said("GET", "/x", Outcome::allow, {}), HasSubstr("'pages' was passed over"));
  EXPECT_THAT(said("DELETE", "/x", Outcome::allow, {}), HasSubstr("without a rule"));
}

TEST_F(KnownBounds, ARuleThatNeedsNothingUnknownIsNotPassedOver) {
  ASSERT_EQ(roles({"everyone", "authenticated", "editor", "viewer"}), "");
  EXPECT_THAT(said("GET", "/vault/1", Outcome::allow, {"pages"}), HasSubstr("'closed' was passed over"));
  EXPECT_EQ(said("GET", "/vault/1", Outcome::deny, {"closed"}), "");
  EXPECT_THAT(said("GET", "/x", Outcome::deny), HasSubstr("'pages' was passed over"));
  EXPECT_EQ(said("POST", "/x", Outcome::deny), "") << "whether it was the office is not known";
  EXPECT_EQ(said("POST", "/x", Outcome::allow, {"writes"}), "");
  question.circumstances.client = parse_address("192.0.2.1");
  EXPECT_THAT(said("POST", "/x", Outcome::allow, {"writes"}, {}), HasSubstr("are not met"));
}

TEST_F(KnownBounds, AStepUpIsOneThatSomebodyCouldTake) {
  needs = {"fresh"};
  ASSERT_EQ(roles({"everyone", "authenticated", "admin"}), "");
  EXPECT_EQ(said("GET", "/x", Outcome::step_up), "");
  needs = {"office"};
  EXPECT_THAT(said("GET", "/x", Outcome::step_up), HasSubstr("'office' is no condition"));
  needs = {"fresh"};
  login = true;
  EXPECT_THAT(said("GET", "/x", Outcome::step_up), HasSubstr("needs no login"));
  ASSERT_EQ(roles({"everyone", "anonymous"}), "");
  EXPECT_EQ(said("GET", "/x", Outcome::step_up), "");
  login = false;
  needs.clear();
  EXPECT_THAT(said("GET", "/x", Outcome::deny), HasSubstr("a login would have helped"));
  EXPECT_THAT(said("POST", "/x", Outcome::allow, {"zone"}), HasSubstr("are not met"));
  EXPECT_EQ(said("POST", "/x", Outcome::allow, {"zone"}, {true, true}), "");
  ASSERT_EQ(roles({"everyone", "authenticated"}), "");
  EXPECT_THAT(said("GET", "/x", Outcome::step_up), HasSubstr("no rule that a step-up could meet"));
}

}  // namespace
}  // namespace tallygate::policy::test
