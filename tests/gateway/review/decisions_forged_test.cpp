// Forged decisions where not all can be computed: persons who are sealed or erased, refusals before a policy
// is asked, paths, and what a shadow policy answered.
#include "tests/gateway/review/decisions_support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace tallygate::review {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::policy_text;
using testing::program_of;

using Forged = std::vector<std::pair<std::string, std::string>>;

constexpr const char* robot = "018f5e5e-0000-4000-8000-000000000001";

/// Closed to all but the board.
constexpr const char* candidate_text = R"(
version: 1
policy: test
roles: {viewer: {}}
bindings: [{role: viewer, groups: [board]}]
resources: {wiki: {hosts: [wiki.example.com], slashes: keep}}
rules: [{id: read-wiki, effect: allow, roles: [viewer], resources: [wiki], methods: [read]}]
)";

class ForgedTest : public testing::DecisionsTest {
 protected:
  static std::string at(std::uint64_t seq, const std::string& what) {
    return std::to_string(seq) + " " + what;
  }
  void erase(const std::string& subject) { append("journal.erase", {{"subject", '"' + subject + '"'}}); }
  void start() {
    append("gateway.start", {{"process", R"({"pid":1,"version":"1"})"}});
    append("config.load", {{"config", "{}"}});
    load(policy_text);
  }
  void load_shadow(const std::string& text) {
    load(text, program_of(text)->digest_hex(), R"("mode":"shadow",)");
  }
  void shadow_with(const std::string& text) {
    gateway.shadow = program_of(text);
    access::add_reads(gateway.reads, access::policy_reads(gateway.shadow->policy()));
  }
  /// An allow that became a refusal of the gateway's own.
  std::uint64_t decide_denied(const Forged& forged) {
    const std::uint64_t seq = journal->size();
    kind_forged = "access.deny";
    decide(forged);
    kind_forged.clear();
    return seq;
  }
  void expect(const Forged& forged, const std::string& what) {
    const std::uint64_t seq = decide(forged);
    EXPECT_THAT(findings(check()), Contains(at(seq, what))) << forged.front().second;
  }
};

TEST_F(ForgedTest, SealedDecisionsOfHonestGatewaysAreNoFindings) {
  load(policy_text);
  sealed_for = robot;
  decide();
  gateway.target = "/admin/users";
  decide();
  gateway.who.groups = {"admins"};
  decide();
  gateway.who = {};
  decide();
  gateway.target = "/%zz";
  decide();
  const auto report = check();
  EXPECT_THAT(findings(report), IsEmpty());
  EXPECT_EQ(report.unasked, 1U);
  EXPECT_EQ(report.not_computed.begin()->second.count, 4U);
}

TEST_F(ForgedTest, WhatNeedsNoPersonIsComputedOfSealedDecisions) {
  load(policy_text);
  sealed_for = robot;
  expect({{R"("rule":"read-wiki")", R"("rule":"admin-pages")"}}, "decision-differs");
  expect({{R"("rule":"read-wiki")", R"("rule":"gone")"}}, "decision-differs");
  expect({{R"("path":"/pages/7")", R"("path":"/admin/x")"}}, "decision-differs");
  expect({{R"("method":"GET")", R"("method":"PUT")"}}, "decision-differs");
  expect({{R"("host":"wiki.example.com")", R"("host":"shop.example.com")"}}, "decision-differs");
  expect({{R"("roles":["everyone","authenticated","viewer"])", R"("roles":["viewer"])"}}, "roles-differ");
  expect(
      {{R"("roles":["everyone","authenticated","viewer"])", R"("roles":["everyone","anonymous","viewer"])"}},
      "roles-differ");
  expect({{R"("roles":["everyone","authenticated","viewer"])",
           R"("roles":["everyone","authenticated","root"])"}},
         "roles-differ");
  const std::uint64_t seq = decide({{R"("effect":"allow")", R"("effect":"deny")"},
                                    {R"("reasons":["rule"])", R"("reasons":["default"])"},
                                    {R"("rule":"read-wiki")", R"("rule":"default")"}});
  EXPECT_THAT(findings(check()), Contains(at(seq, "effect-differs"))) << "the kind says otherwise";
}

TEST_F(ForgedTest, AnAllowUnderAnErasedPersonsSubjectIsFound) {
  load(policy_text);
  sealed_for = robot;
  decide();
  erase(robot);
  decide();  // it was under way
  EXPECT_THAT(findings(check()), IsEmpty());
  EXPECT_EQ(check().erased, 2U);
  gateway.target = "/admin/x";
  gateway.who.groups = {"admins"};
  gateway.who.mfa_time = gateway.now;
  home.time.advance(std::chrono::seconds(30));
  const std::uint64_t late = decide();
  EXPECT_THAT(findings(check()), ElementsAre(at(late, "person-erased")));
}

TEST_F(ForgedTest, NobodyAnonymousWasErased) {
  load(policy_text);
  gateway.who = {};
  sealed_for = robot;
  const std::uint64_t asked = decide();
  gateway.target = "/%zz";
  const std::uint64_t unasked = decide();
  erase(robot);
  EXPECT_THAT(findings(check()), ElementsAre(at(asked, "roles-differ"), at(unasked, "roles-differ")));
}

TEST_F(ForgedTest, OfAKeyOfUnknownPeopleThatWasErasedNobodyWasKnown) {
  load(policy_text);
  sealed_for = robot;
  const std::uint64_t known = decide();
  gateway.who = {};
  decide();
  gateway.target = "/%zz";
  decide();
  append("journal.erase", {{"anonymous", "true"}, {"subject", '"' + std::string(robot) + '"'}});
  EXPECT_THAT(findings(check()), ElementsAre(at(known, "roles-differ")));
}

TEST_F(ForgedTest, OfAKeyOfUnknownPeopleThatARetirementEndedNobodyWasKnown) {
  load(policy_text);
  sealed_for = robot;
  const std::uint64_t known = decide();
  gateway.who = {};
  decide();
  append("journal.retire", {{"erased", "[\"" + std::string(robot) + "\"]"}, {"first", "0"}, {"last", "0"}});
  EXPECT_THAT(findings(check()), ElementsAre(at(known, "roles-differ")));
}

TEST_F(ForgedTest, ARefusalBeforeThePolicyHasAReasonOfThatPlace) {
  load(policy_text);
  const auto denied = [](const std::string& reason) {
    return Forged{{R"("rule":"default")", R"("rule":null)"},
                  {R"("reasons":["default"])", R"("reasons":[")" + reason + "\"]"}};
  };
  gateway.who.groups = {"nobody"};
  expect(denied("default"), "effect-differs");
  expect(denied("rule"), "effect-differs");
  expect(denied("because"), "effect-differs");
  expect(denied("bad-percent"), "path-differs");
  expect(denied("first-line"), "path-differs");
  expect(denied("token-expired"), "roles-differ");
  expect(denied("unknown-host"), "roles-differ");
  expect(denied("rate-address"), "roles-differ");
  expect(denied("rate-principal"), "roles-differ");
  expect(denied("rate-route"), "effect-differs");
  gateway.target = "/%zz";
  expect({{R"("reasons":["bad-percent"])", R"("reasons":["token-expired"])"}}, "path-differs");
  expect({{R"("reasons":["bad-percent"])", R"("reasons":["encoded-slash"])"}}, "path-differs");
  expect({{R"("line":"GET /%zz)", R"("line":"GET /pages/7)"}}, "path-differs");
  expect({{R"("reasons":["bad-percent"])", R"("reasons":["bad-percent","more"])"}}, "effect-differs");
  expect({{R"("roles":[])", R"("roles":["everyone"])"}}, "roles-differ");
  expect({{R"("policy":")", R"("policy":"0)"}}, "policy-unknown");
  expect({{R"("at":"2026)", R"("at":"2025)"}}, "time-differs");
}

TEST_F(ForgedTest, OnlyAWebSocketIsRefusedAsOne) {
  load(policy_text);
  for (const std::string reason : {"websocket", "origin"}) {
    const Forged forged{{R"("effect":"allow")", R"("effect":"deny")"},
                        {R"("reasons":["rule"])", R"("reasons":[")" + reason + "\"]"}};
    gateway.method = "GET";
    const std::uint64_t may_be = decide_denied(forged);
    gateway.method = "HEAD";
    const std::uint64_t is_none = decide_denied(forged);
    EXPECT_THAT(findings(check()), Contains(at(is_none, "effect-differs")));
    EXPECT_THAT(findings(check()), ::testing::Not(Contains(at(may_be, "effect-differs"))));
  }
}

TEST_F(ForgedTest, APathHasTheFormThatItsPolicyGives) {
  load(policy_text);
  gateway.target = "/pages//7";
  decide();
  EXPECT_THAT(findings(check()), IsEmpty());
  expect({{R"("path_sent":"/pages//7")", R"("path_sent":"/public//zzz")"}}, "path-differs");
  gateway.target = "/pages/7";
  expect({{R"("path":"/pages/7")", R"("path":"/pages/../7")"}}, "path-differs");
  expect({{R"("path":"/pages/7")", R"("path":"/pages/7","path_sent":"/pages/7;*")"}}, "path-differs");
}

TEST_F(ForgedTest, EveryPartOfAShadowsAnswerIsHeldAgainstItsPolicy) {
  start();
  load_shadow(candidate_text);
  shadow_with(candidate_text);
  decide();
  gateway.target = "/%zz";
  decide();
  gateway.target = "/pages/7";
  EXPECT_THAT(findings(check()), IsEmpty());
  const std::string roles = R"("reasons":["default"],"roles":["everyone","authenticated"])";
  expect({{R"("mode":"shadow")", R"("mode":"x")"}}, "shadow-effect-differs");
  expect({{R"("reasons":["default"])", R"("reasons":["nonsense"])"}}, "shadow-effect-differs");
  expect({{R"("rule":"default")", R"("rule":"read-wiki")"}}, "shadow-differs");
  expect({{roles, R"("reasons":["default"],"roles":["viewer"])"}}, "shadow-roles-differ");
  const std::string digest = gateway.shadow->digest_hex();
  expect({{R"("policy":")" + digest, R"("policy":")" + gateway.program->digest_hex()}},
         "shadow-not-in-force");
  sealed_for = robot;
  decide();
  expect({{roles, R"("reasons":["default"],"roles":["viewer"])"}}, "shadow-roles-differ");
  expect({{R"("shadow":{"effect":"deny")", R"("shadow":{"effect":"allow")"}}, "shadow-effect-differs");
}

TEST_F(ForgedTest, AShadowThatIsInForceAnswers) {
  start();
  const std::uint64_t before = decide();
  load_shadow(candidate_text);
  const std::uint64_t without = decide();
  shadow_with(candidate_text);
  decide();
  EXPECT_THAT(findings(check()), ElementsAre(at(without, "shadow-missing"))) << before;
  append("config.load", {{"config", "{}"}});  // which may have taken it away
  gateway.shadow.reset();
  decide();
  EXPECT_THAT(findings(check()), ElementsAre(at(without, "shadow-missing")));
  start();  // and with a start it is gone for certain
  shadow_with(candidate_text);
  const std::uint64_t gone = decide();
  EXPECT_THAT(findings(check()), ElementsAre(at(without, "shadow-missing"), at(gone, "shadow-not-in-force")));
}

TEST_F(ForgedTest, AShadowThatAReloadBroughtAnswersOnceItShowed) {
  start();
  append("config.load", {{"config", "{}"}});
  load_shadow(candidate_text);
  decide();  // under way
  home.time.advance(std::chrono::minutes(30));
  const std::uint64_t late = decide();
  EXPECT_THAT(findings(check()), IsEmpty()) << "the reload may have failed after all";
  shadow_with(candidate_text);
  decide();
  EXPECT_THAT(findings(check()), ElementsAre(at(late, "shadow-missing")));
}

TEST_F(ForgedTest, AShadowMayBeLeftOutWhereItReadsHeaders) {
  start();
  load_shadow(testing::stricter_text);
  decide();
  EXPECT_THAT(findings(check()), IsEmpty());
}

}  // namespace
}  // namespace tallygate::review
