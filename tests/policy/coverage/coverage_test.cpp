#include "policy/coverage/measure.hpp"
#include "policy/testing/suite_reader.hpp"
#include "tests/policy/explain/world.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace tallygate::policy::coverage {
namespace {

constexpr std::string_view small_policy = R"(version: 1
policy: small
roles:
  reader: {}
  chief: {includes: [reader]}
bindings:
  - {role: reader, groups: [staff]}
  - {role: chief, users: [dana], until: "2026-06-01T00:00:00Z"}
resources:
  pages: {hosts: [a.example.com], paths: [/**], except: [/vault/**]}
  vault: {hosts: [a.example.com], paths: [/vault/**]}
conditions:
  fresh: {mfa_within: 15m}
  day: {time: {from: "08:00", to: "18:00", zone: Europe/Madrid}}
  both: {all: [fresh, day]}
rules:
  - {id: all-pages, effect: allow, roles: [reader], resources: [pages], methods: [any]}
  - {id: closed, effect: deny, roles: [everyone], resources: [vault], methods: [write]}
  - {id: open-vault, effect: allow, roles: [chief], resources: [vault], methods: [any], when: [both]}
  - {id: read-pages, effect: allow, roles: [reader], resources: [pages], methods: [read]}
)";

/// The coverage of `small_policy` by tests.
Coverage covered(std::string_view tests) {
  const World world(small_policy);
  const yaml::SourceFile file{
      "s.yaml",
      "suite: s\npolicy: p.yaml\nnow: \"2026-03-04T10:00:00Z\"\n"
      "principals:\n  ana: {groups: [staff]}\n  dana: {user: dana}\n  eve: {}\n"
      "contexts:\n  fresh: {mfa_age: 5m}\n  old: {mfa_age: 40m}\n"
      "requests:\n  page: GET https://a.example.com/7\n  save: POST https://a.example.com/7\n"
      "  look: GET https://a.example.com/vault/1\n  change: POST https://a.example.com/vault/1\n"
      "tests:\n" +
          std::string(tests)};
  yaml::Result<testing::Suite> suite = testing::read_suite(file);
  if (suite.has_error()) {
    ADD_FAILURE() << yaml::to_string(suite.error());
    return {};
  }
  const testing::LoadedSuite loaded{*std::move(suite), world.program};
  return measure({&loaded, 1}).front();
}

const RuleCoverage& rule(const Coverage& coverage, std::string_view id) {
  return coverage.rules.at(coverage.program->find_rule(id).value());
}

const ConditionCoverage& condition(const Coverage& coverage, std::string_view name) {
  return coverage.conditions.at(coverage.program->find_condition(name).value());
}

TEST(Coverage, TellsARuleThatDecidesAloneFromOneThatNeverDoes) {
  const Coverage coverage =
      covered("  - {name: t, principals: [ana], requests: [page, save], expect: allow}\n");
  EXPECT_EQ(rule(coverage, "all-pages").state(), RuleState::decisive);
  EXPECT_EQ(rule(coverage, "all-pages").decisive, 1U);
  EXPECT_EQ(rule(coverage, "all-pages").shared, 1U);
  // `read-pages` allows nothing that `all-pages` does not.
  EXPECT_EQ(rule(coverage, "read-pages").state(), RuleState::shared);
  EXPECT_EQ(rule(coverage, "read-pages").shared_with,
            (std::map<RuleIndex, std::size_t>{{coverage.program->find_rule("all-pages").value(), 1}}));
}

TEST(Coverage, NamesTheRuleThatOverridesAnother) {
  const Coverage coverage =
      covered("  - {name: t, context: fresh, principals: [dana], requests: [change], expect: deny}\n");
  EXPECT_EQ(rule(coverage, "open-vault").state(), RuleState::overridden);
  EXPECT_EQ(rule(coverage, "open-vault").overridden_by,
            (std::map<RuleIndex, std::size_t>{{coverage.program->find_rule("closed").value(), 1}}));
  EXPECT_EQ(rule(coverage, "closed").decisive, 1U);
}

TEST(Coverage, SaysWhyARuleNeverMatchedAndWhatCameNearest) {
  const Coverage coverage = covered(
      "  - {name: t, context: old, principals: [ana], requests: [page, look], expect: deny}\n"
      "  - {name: u, context: old, principals: [dana], requests: [look], expect: step-up}\n");
  const RuleCoverage& vault = rule(coverage, "open-vault");
  EXPECT_EQ(vault.state(), RuleState::never);
  EXPECT_EQ(vault.missed, 3U);
  EXPECT_EQ(vault.offered, 1U);
  ASSERT_EQ(vault.reasons.size(), 2U);
  EXPECT_EQ(vault.reasons[0].clause, Clause::role);
  EXPECT_EQ(vault.reasons[0].reason, Reason::role_missing);
  EXPECT_EQ(vault.reasons[0].count, 2U);
  EXPECT_EQ(vault.reasons[1].reason, Reason::mfa_too_old);
  ASSERT_TRUE(vault.nearest.has_value());
  EXPECT_EQ(vault.nearest->where, "s.yaml:18 (u: dana, look)");
  ASSERT_EQ(vault.nearest->missing.size(), 1U);
  EXPECT_EQ(vault.nearest->missing[0].name, "both");
}

TEST(Coverage, CountsAConditionOnlyWhereItMatters) {
  // Only the vault asks for `both`, and only of a chief.
  const Coverage none =
      covered("  - {name: t, context: fresh, principals: [ana], requests: [page, look], expect: deny}\n");
  EXPECT_EQ(condition(none, "fresh").yes, 0U);
  const Coverage coverage = covered(
      "  - {name: t, context: fresh, principals: [dana], requests: [look], expect: allow}\n"
      "  - {name: u, context: old, principals: [dana], requests: [look], expect: step-up}\n"
      "  - {name: v, principals: [dana], requests: [look], expect: step-up}\n");
  const ConditionCoverage& fresh = condition(coverage, "fresh");
  EXPECT_EQ(fresh.yes, 1U);
  EXPECT_EQ(fresh.no, 1U);
  EXPECT_EQ(fresh.unknown, 1U);
  EXPECT_EQ(condition(coverage, "both").unknown, 1U);
  EXPECT_EQ(condition(coverage, "day").yes, 3U);
}

TEST(Coverage, KnowsThatTheTimeIsNeverUnknown) {
  const Coverage coverage = covered("  - {name: t, principals: [eve], requests: [page], expect: deny}\n");
  EXPECT_FALSE(condition(coverage, "day").may_be_unknown);
  EXPECT_TRUE(condition(coverage, "fresh").may_be_unknown);
  EXPECT_TRUE(condition(coverage, "both").may_be_unknown);
}

TEST(Coverage, AsksOfABindingWithAnEndThatItEnded) {
  const std::string before =
      "  - {name: t, context: fresh, principals: [dana], requests: [look], expect: allow}\n";
  const Coverage open = covered(before);
  EXPECT_EQ(open.bindings[1].used, 1U);
  EXPECT_EQ(open.bindings[1].ended, 0U);
  EXPECT_EQ(open.bindings[0].used, 0U);
  const Coverage ended = covered(
      before +
      "  - {name: u, now: \"2026-06-01T00:00:00Z\", principals: [dana], requests: [look], expect: deny}\n");
  EXPECT_EQ(ended.bindings[1].ended, 1U);
  EXPECT_EQ(ended.share().seen, open.share().seen + 1);
}

TEST(Coverage, CountsEachBindingThatGivesARole) {
  const World world(
      "version: 1\npolicy: p\nroles: {reader: {}}\n"
      "bindings: [{role: reader, groups: [a]}, {role: reader, groups: [b]}]\n");
  Principal both;
  both.anonymous = false;
  both.groups = {"a", "b"};
  EXPECT_EQ(trace(*world.program, both, {}, {}).bindings, (std::vector<std::size_t>{0, 1}));
}

TEST(Coverage, AsksOfAResourceThatItsExceptWasMet) {
  const Coverage coverage =
      covered("  - {name: t, principals: [ana], requests: [page, look], expect: allow}\n");
  EXPECT_EQ(coverage.resources[0].used, 1U);
  EXPECT_EQ(coverage.resources[0].excluded, 1U);
  EXPECT_EQ(coverage.resources[1].used, 1U);
  EXPECT_FALSE(coverage.resources[1].may_exclude);
}

TEST(Coverage, CountsWhatIsRefusedBeforeThePolicyIsAsked) {
  const Coverage coverage = covered(
      "  - {name: t, principals: [ana], raw: [{line: \"GET /%2f HTTP/1.1\", host: a.example.com}], expect: "
      "reject}\n");
  EXPECT_EQ(coverage.questions, 1U);
  EXPECT_EQ(coverage.refused, 1U);
  EXPECT_EQ(coverage.share().seen, 0U);
}

TEST(Coverage, IsTheShareOfOutcomesThatWereSeen) {
  // 4 rules; fresh and both 3 values each, day 2; 2 bindings, one of which ends; 2 roles; 2 resources, one
  // with `except`.
  const Coverage coverage = covered("  - {name: t, principals: [ana], requests: [save], expect: allow}\n");
  EXPECT_EQ(coverage.share().all, 4U + 8U + 3U + 2U + 3U);
  // all-pages, staff, reader, pages.
  EXPECT_EQ(coverage.share().seen, 4U);
  EXPECT_DOUBLE_EQ(coverage.share().percent(), 20.0);
  EXPECT_DOUBLE_EQ((Share{2, 3}).percent(), 66.6);
  EXPECT_DOUBLE_EQ((Share{1999, 2000}).percent(), 99.9);
  EXPECT_DOUBLE_EQ((Share{}).percent(), 100.0);
  EXPECT_TRUE((Share{2, 3}).reaches(66.65)) << "what is shown is rounded, what is asked for is not";
  EXPECT_FALSE((Share{2, 3}).reaches(66.67));
  EXPECT_TRUE((Share{3, 3}).reaches(100));
  EXPECT_FALSE((Share{1999, 2000}).reaches(100));
}

TEST(Coverage, ReadsAsText) {
  const Coverage coverage =
      covered("  - {name: t, context: old, principals: [ana], requests: [save, look], expect: deny}\n");
  const std::string text = to_text({&coverage, 1}, {});
  EXPECT_EQ(
      text,
      R"(coverage of small: 30.0 %, 6 of 20 outcomes, in 2 cells, of which 0 were refused before the policy is asked
  decisive       all-pages  alone once  policy.yaml:17:10
  never-matched  closed  policy.yaml:18:10
                 most often path vault: path-mismatch, 1 of 2
                 nearest s.yaml:17 (t: ana, save)
                   path vault: path-mismatch; it is /7, it would have to be /vault/**
  never-matched  open-vault  policy.yaml:19:10
                 most often role: role-missing, 2 of 2
                 nearest s.yaml:17 (t: ana, look)
                   role: role-missing; it is everyone, authenticated, reader, it would have to be chief
                   when both: mfa-too-old; it is day true, fresh false, it would have to be all of day, fresh
  never-matched  read-pages  policy.yaml:20:10
                 most often except pages: excluded, 1 of 2
                 nearest s.yaml:17 (t: ana, save)
                   method: method-mismatch; it is POST, it would have to be GET, HEAD, OPTIONS
  not seen       condition both: true, false, unknown  policy.yaml:15:3
  not seen       condition day: true, false  policy.yaml:14:3
  not seen       condition fresh: true, false, unknown  policy.yaml:13:3
  not seen       binding of chief (dana): gave its role  policy.yaml:8:5
  not seen       binding of chief (dana): had ended  policy.yaml:8:5
  not seen       role chief: held by somebody  policy.yaml:5:3

)");
}

TEST(Coverage, HasAJsonForm) {
  const Coverage coverage = covered("  - {name: t, principals: [ana], requests: [save], expect: allow}\n");
  const boost::json::object document = to_json({&coverage, 1});
  EXPECT_EQ(document.at("percent").as_double(), 20.0);
  const boost::json::object& policy = document.at("policies").as_array().at(0).as_object();
  EXPECT_EQ(policy.at("digest").as_string(), coverage.program->digest_hex());
  const boost::json::object& first = policy.at("rules").as_array().at(0).as_object();
  EXPECT_EQ(first.at("rule"), "all-pages");
  EXPECT_EQ(first.at("state"), "decisive");
  EXPECT_EQ(first.at("place"), "policy.yaml:17:10");
  const boost::json::object& closed = policy.at("rules").as_array().at(1).as_object();
  EXPECT_EQ(closed.at("state"), "never-matched");
  EXPECT_EQ(closed.at("reasons").as_array().at(0).at("reason"), "path-mismatch");
}

}  // namespace
}  // namespace tallygate::policy::coverage
