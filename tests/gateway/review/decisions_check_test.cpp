// Decisions of a journal that is signed as it should be, held against the policies that are recorded in it.
#include "gateway/review/decisions_check.hpp"

#include "tests/gateway/review/decisions_support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tallygate::review {
namespace {

using ::testing::ElementsAre;
using DecisionsTest = testing::DecisionsTest;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::policy_text;
using testing::program_of;
using testing::stricter_text;

TEST_F(DecisionsTest, WhatTheGatewayDecidedFollows) {
  load(policy_text, gateway.program->digest_hex(), "", 3);
  decide();
  gateway.target = "/admin/users";
  decide();
  gateway.who.groups = {"admins"};
  decide();  // a step-up
  gateway.who.mfa_time = gateway.now;
  decide();
  gateway.routed = false;
  decide();
  gateway.target = "/%zz";
  decide();
  const auto report = check();
  EXPECT_THAT(findings(report), IsEmpty());
  EXPECT_EQ(report.computed, 5U);
  EXPECT_EQ(report.unasked, 1U);
  EXPECT_TRUE(report.not_computed.empty());
}

TEST_F(DecisionsTest, AForgedAllowIsFoundThoughItsSignatureIsGood) {
  load(policy_text);
  decide();
  gateway.target = "/admin/users";
  const std::uint64_t forged = decide({{R"("effect":"deny")", R"("effect":"allow")"},
                                       {R"("reasons":["default"])", R"("reasons":["rule"])"},
                                       {R"("rule":"default")", R"("rule":"admin-pages")"}});
  const auto report = check();
  EXPECT_THAT(findings(report), ElementsAre(std::to_string(forged) + " decision-differs"));
  EXPECT_THAT(report.findings.front().detail,
              HasSubstr("recorded 'allow admin-pages', but its policy answers 'deny default'"));
  journal.reset();
  EXPECT_THAT(audit::testing::inspect(home).faults, IsEmpty()) << "the record itself is whole";
}

TEST_F(DecisionsTest, EveryPartOfADecisionIsHeldAgainstItsPolicy) {
  load(policy_text);
  const auto found = [&](const std::string& from, const std::string& to, const std::string& what) {
    const std::uint64_t seq = decide({{from, to}});
    EXPECT_THAT(findings(check()), ::testing::Contains(std::to_string(seq) + " " + what)) << to;
  };
  found(R"("rule":"read-wiki")", R"("rule":"admin-pages")", "decision-differs");
  found(R"("roles":["everyone","authenticated","viewer"])", R"("roles":["everyone","authenticated"])",
        "roles-differ");
  found(R"("groups":["staff"])", R"("groups":["stafe"])", "decision-differs");
  found(R"("mode":"enforce")", R"("mode":"shadow")", "effect-differs");
  found(R"("reasons":["rule"])", R"("reasons":["default"])", "effect-differs");
  found(R"("effect":"allow")", R"("effect":"deny")", "effect-differs");
  found(R"("at":"2026)", R"("at":"2025)", "time-differs");
  found(R"("rule":"read-wiki")", R"("rule":null)", "decision-differs");
  found(R"("policy":")", R"("policy":"0)", "policy-unknown");
  found(R"("path":"/pages/7")", R"("path":7)", "malformed");
}

TEST_F(DecisionsTest, APolicyMustHaveBeenLoadedAndBeInForce) {
  const std::uint64_t early = decide();
  load(policy_text);
  decide();
  load(stricter_text);
  decide();  // a request that was under way
  home.time.advance(std::chrono::minutes(30));
  const std::uint64_t late = decide();
  EXPECT_THAT(findings(check()), ElementsAre(std::to_string(early) + " policy-not-in-force",
                                             std::to_string(late) + " policy-not-in-force"));
}

TEST_F(DecisionsTest, ADecisionWithoutItsTimeIsNotOneThatNoPolicyWasAskedFor) {
  load(policy_text);
  const std::uint64_t seq = decide({{R"("at":")", R"("as":")"}});
  const auto report = check();
  EXPECT_THAT(findings(report), ElementsAre(std::to_string(seq) + " malformed"));
  EXPECT_EQ(report.unasked, 0U);
}

TEST_F(DecisionsTest, ATimeSetBackBringsNoOldPolicyIntoForce) {
  load(policy_text);
  home.time.advance(std::chrono::hours(48));
  load(stricter_text);
  home.time.advance(-std::chrono::hours(24));
  const std::uint64_t seq = decide();
  EXPECT_THAT(findings(check()), ElementsAre(std::to_string(seq) + " policy-not-in-force"));
}

TEST_F(DecisionsTest, ATextThatIsNotItsDigestsPolicyIsFound) {
  const std::uint64_t seq = journal->size();
  load(stricter_text, gateway.program->digest_hex());
  const std::uint64_t decision = decide();
  EXPECT_THAT(findings(check()), ElementsAre(std::to_string(seq) + " policy-differs",
                                             std::to_string(decision) + " policy-unknown"));
}

TEST_F(DecisionsTest, AShadowIsComputedAgainAndPutsNothingInForce) {
  gateway.shadow = program_of(stricter_text);
  access::add_reads(gateway.reads, access::policy_reads(gateway.shadow->policy()));
  gateway.headers.lines = {{"x-area", "west"}, {"x-zone", "west"}};
  gateway.who.groups = {"staff", "board"};
  gateway.route.record.fields.groups = RecordedNames::policy;
  load(policy_text);
  load(stricter_text, gateway.shadow->digest_hex(), R"("mode":"shadow",)");
  home.time.advance(std::chrono::minutes(30));
  decide();
  EXPECT_THAT(findings(check()), IsEmpty());
  const std::uint64_t forged = decide({{R"("shadow":{"effect":"allow")", R"("shadow":{"effect":"deny")"}});
  EXPECT_THAT(findings(check()), ElementsAre(std::to_string(forged) + " shadow-differs"));
}

TEST_F(DecisionsTest, WhatCannotBeComputedIsCountedAndIsNoFinding) {
  load(policy_text);
  decide();
  decide({{R"("groups":["staff"])", R"("groups_policy":{"bytes":9,"cut":"x","sha256":"0"})"}});
  const auto report = check();
  EXPECT_EQ(report.computed, 1U);
  ASSERT_EQ(report.not_computed.size(), 1U);
  EXPECT_EQ(report.not_computed.begin()->first, "cut for its length: groups");
}

TEST_F(DecisionsTest, AllEntriesAreReadWhateverTheThreads) {
  load(policy_text);
  for (int round = 0; round < 40; ++round) {
    decide();
    if (round % 10 == 0) {
      ASSERT_TRUE(journal->seal());
    }
  }
  for (const unsigned threads : {1U, 3U, 8U}) {
    std::vector<std::atomic<unsigned>> seen(static_cast<std::size_t>(journal->size()));
    const auto read = read_in_parallel({home.journal(), threads, 0, UINT64_MAX, {}}, [&seen](unsigned) {
      return [&seen](std::uint64_t seq, std::string_view) { ++seen[seq]; };
    });
    ASSERT_TRUE(read);
    EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](const auto& times) { return times == 1U; }));
  }
  EXPECT_EQ(check().computed, 40U);
}

TEST_F(DecisionsTest, WhatATakerThrowsComesBack) {
  load(policy_text);
  const auto thrower = [](unsigned) -> TakeEntry {
    return [](std::uint64_t, std::string_view) { throw std::runtime_error("no"); };
  };
  EXPECT_THROW((void)read_in_parallel({home.journal(), 2, 0, UINT64_MAX, {}}, thrower), std::runtime_error);
}

}  // namespace
}  // namespace tallygate::review
