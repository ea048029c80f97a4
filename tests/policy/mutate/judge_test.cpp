#include "policy/mutate/judge.hpp"

#include "policy/mutate/decision_form.hpp"
#include "policy/mutate/report.hpp"
#include "policy/testing/runner.hpp"
#include "policy/testing/suite_reader.hpp"
#include "tests/policy/explain/world.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tallygate::policy::mutate {
namespace {

constexpr std::string_view base = R"(version: 1
policy: small
roles:
  reader: {}
  chief: {includes: [reader]}
bindings:
  - {role: reader, groups: [staff]}
  - {role: chief, users: [dana]}
resources:
  pages: {hosts: [a.example.com], paths: [/**]}
rules:
  - {id: read, effect: allow, roles: [reader], resources: [pages], methods: [read]}
)";

/// `base` with one text replaced by another.
std::string changed(std::string_view from, std::string_view to) {
  std::string text(base);
  text.replace(text.find(from), from.size(), to);
  return text;
}

testing::LoadedSuite suite(const std::shared_ptr<const Program>& program, std::string_view tests) {
  auto read =
      testing::read_suite({"s.yaml",
                           "suite: s\npolicy: p.yaml\nnow: \"2026-03-04T10:00:00Z\"\n"
                           "principals: {ana: {groups: [staff]}, dana: {user: dana}, eve: {}}\n"
                           "requests: {get: GET https://a.example.com/, put: PUT https://a.example.com/}\n"
                           "tests:\n" +
                               std::string(tests)});
  if (read.has_error()) {
    ADD_FAILURE() << yaml::to_string(read.error());
  }
  return {*std::move(read), program};
}

/// What becomes of each mutant of a policy.
std::vector<std::string> fates(std::string_view policy, std::string_view tests) {
  const World world(policy);
  const testing::LoadedSuite loaded = suite(world.program, tests);
  EXPECT_EQ(testing::first_failure(loaded.suite, *world.program), nullptr);
  const std::vector<Trial> trials = trials_of({&loaded, 1});
  std::vector<std::string> out;
  for (std::size_t i = 0; i < trials.front().mutants().size(); ++i) {
    out.push_back(std::string(to_string(trials.front().judge(i))) + " " +
                  std::string(to_string(trials.front().mutants()[i].change)));
  }
  return out;
}

constexpr std::string_view whole =
    "  - {name: t, principals: [ana, dana], requests: [get], expect: allow read}\n"
    "  - {name: u, principals: [ana, dana, eve], requests: [put], expect: deny}\n";

TEST(Judge, FindsThatGoodTestsNoticeEveryChange) {
  EXPECT_EQ(fates(base, whole),
            (std::vector<std::string>{"killed delete-rule", "killed flip-effect", "killed drop-binding",
                                      "killed drop-binding", "killed any-method", "killed drop-include"}));
}

TEST(Judge, ListsWhatTestsDoNotNotice) {
  EXPECT_EQ(
      fates(base, "  - {name: t, principals: [ana], requests: [get], expect: allow}\n"),
      (std::vector<std::string>{"killed delete-rule", "killed flip-effect", "killed drop-binding",
                                "survived drop-binding", "survived any-method", "survived drop-include"}));
}

TEST(Judge, CountsNoChangeThatChangesNothing) {
  // A chief is a reader, so that the rule's naming chief too says nothing more.
  const std::vector<std::string> found = fates(changed("roles: [reader]", "roles: [reader, chief]"), whole);
  EXPECT_EQ(found[2], "equivalent drop-role");
  EXPECT_EQ(found[3], "killed drop-role");
}

TEST(Judge, KeepsTheChangesThatAreAskedFor) {
  const World world(base);
  const testing::LoadedSuite loaded = suite(world.program, whole);
  Trial trial = trials_of({&loaded, 1}).front();
  const std::vector<Change> wanted{Change::any_method};
  trial.keep(wanted);
  ASSERT_EQ(trial.mutants().size(), 1U);
  EXPECT_EQ(trial.mutants()[0].change, Change::any_method);
}

TEST(Judge, TakesSuitesOfOnePolicyTogether) {
  const World world(base);
  const World other(base);
  const std::vector<testing::LoadedSuite> suites{suite(world.program, whole), suite(other.program, whole),
                                                 suite(world.program, whole)};
  EXPECT_EQ(trials_of(suites).size(), 2U);
}

TEST(Judge, ReportsSurvivorsWithTheirPlace) {
  const World world(base);
  const testing::LoadedSuite loaded =
      suite(world.program, "  - {name: t, principals: [ana, dana], requests: [get], expect: allow}\n");
  const Trial trial = trials_of({&loaded, 1}).front();
  Judged judged{&trial, {}};
  for (std::size_t i = 0; i < trial.mutants().size(); ++i) {
    judged.fates.push_back(trial.judge(i));
  }
  EXPECT_EQ(to_text({&judged, 1}, {}),
            "policy.yaml:12:10: survived any-method: rule read: any method\n"
            "6 mutants: 5 killed, 1 survived, 0 not counted, since they decide every question as the policy "
            "does\n");
  const boost::json::object document = to_json({&judged, 1});
  EXPECT_EQ(document.at("ok"), false);
  EXPECT_EQ(document.at("survived"), 1U);
  const auto& mutant = document.at("policies").as_array().at(0).at("mutants").as_array().at(4);
  EXPECT_EQ(
      boost::json::serialize(mutant),
      R"({"change":"any-method","what":"rule read: any method","place":"policy.yaml:12:10","fate":"survived"})");
}

// Which policies are known to decide alike.

bool alike(const std::string& left, const std::string& right) {
  return decision_digest(World(left).program->policy()) == decision_digest(World(right).program->policy());
}

TEST(DecisionForm, IsTheSameHoweverPeopleComeByARole) {
  const std::string direct = changed("  - {role: chief, users: [dana]}", "  - {role: reader, users: [dana]}");
  EXPECT_TRUE(alike(std::string(base), direct));
  EXPECT_TRUE(alike(direct, changed("  - {role: reader, groups: [staff]}\n  - {role: chief, users: [dana]}",
                                    "  - {role: reader, groups: [staff], users: [dana]}")));
  EXPECT_FALSE(alike(std::string(base), changed("{includes: [reader]}", "{}")));
  EXPECT_FALSE(alike(std::string(base), changed("users: [dana]", "users: [dan]")));
}

TEST(DecisionForm, KnowsTheLatestEndOfAWayIn) {
  const auto with = [](const std::string& bindings) {
    return changed("  - {role: chief, users: [dana]}", "  - {role: reader, users: [dana]" + bindings);
  };
  const std::string soon = ", until: \"2026-06-01T00:00:00Z\"}";
  const std::string late = ", until: \"2027-06-01T00:00:00Z\"}";
  EXPECT_TRUE(alike(with(late), with(late + "\n  - {role: reader, users: [dana]" + soon)));
  EXPECT_TRUE(alike(with("}"), with("}\n  - {role: reader, users: [dana]" + soon)));
  EXPECT_FALSE(alike(with(soon), with(late)));
  EXPECT_FALSE(alike(with(soon), with("}")));
}

TEST(DecisionForm, LeavesOutWhatNoRuleNeeds) {
  EXPECT_TRUE(alike(std::string(base), std::string(base) + "conditions: {fresh: {mfa_within: 15m}}\n"));
  EXPECT_TRUE(alike(std::string(base), changed("rules:", "  idle: {hosts: [b.example.com]}\nrules:")));
  // Its option changes which requests are refused, with or without a rule.
  EXPECT_FALSE(alike(std::string(base),
                     changed("rules:", "  idle: {hosts: [b.example.com], encoded_slash: keep}\nrules:")));
}

TEST(DecisionForm, KnowsThatSomePatternsSayNothingMore) {
  const auto with = [](std::string_view paths) { return changed("paths: [/**]", paths); };
  EXPECT_TRUE(alike(with("paths: [/a/**]"), with("paths: [/a/**, /a/b, /a/*/c, /a]")));
  EXPECT_TRUE(alike(with("paths: [/a/*]"), with("paths: [/a/*, /a/b]")));
  EXPECT_FALSE(alike(with("paths: [/a/*]"), with("paths: [/a/*, /a/b/c]")));
  EXPECT_FALSE(alike(with("paths: [/a/b]"), with("paths: [/a/b, /a/b/**]")));
  EXPECT_TRUE(alike(with("paths: [/a/**]"), with("paths: [/a/**], except: [/b/**]")));
  EXPECT_FALSE(alike(with("paths: [/a/**]"), with("paths: [/a/**], except: [/A/b]")));
}

TEST(DecisionForm, KnowsRolesThatEverybodyHas) {
  const auto with = [](std::string_view roles) { return changed("roles: [reader]", roles); };
  EXPECT_TRUE(alike(with("roles: [everyone]"), with("roles: [everyone, reader]")));
  EXPECT_TRUE(alike(with("roles: [everyone]"), with("roles: [anonymous, authenticated]")));
  EXPECT_TRUE(alike(with("roles: [authenticated]"), with("roles: [authenticated, reader]")));
  EXPECT_FALSE(alike(with("roles: [anonymous]"), with("roles: [anonymous, reader]")));
  EXPECT_FALSE(alike(with("roles: [everyone]"), with("roles: [authenticated]")));
}

}  // namespace
}  // namespace tallygate::policy::mutate
