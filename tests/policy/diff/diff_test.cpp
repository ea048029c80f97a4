#include "policy/diff/diff.hpp"

#include "policy/diff/witness.hpp"
#include "policy/testing/runner.hpp"
#include "policy/testing/suite_reader.hpp"
#include "tests/policy/evaluate/support.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tallygate::policy::diff {
namespace {

const TimePoint now = test::at("2026-03-04T10:00:00Z");

const std::string head =
    "version: 1\npolicy: p\n"
    "roles: {viewer: {}, editor: {includes: [viewer]}, temp: {}}\n"
    "bindings:\n  - {role: viewer, groups: [staff]}\n  - {role: editor, groups: [editors]}\n"
    "resources:\n  wiki: {hosts: [wiki.test], paths: [/**], except: [/admin/**]}\n"
    "  admin: {hosts: [wiki.test], paths: [/admin/**]}\n  any: {hosts: [\"*.test\"], paths: [/**]}\n"
    "  record: {route: journal}\n"
    "conditions: {mfa: {mfa_within: 15m}, office: {ip_in: [10.0.0.0/8]}, disk: {device: {disk: true}}}\n"
    "rules:\n  - {id: read, effect: allow, roles: [viewer], resources: [wiki], methods: [read]}\n";

/// `opens deny default -> allow read`, a line a row.
std::string lines(const Report& report) {
  std::string out;
  for (const Row& row : report.rows) {
    out += std::string(to_string(row.change)) + ": " + to_string(row.before) + " -> " + to_string(row.after) +
           "\n";
  }
  return out;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) {
    out += part + "\n";
  }
  return out;
}

Report difference(const std::string& before, const std::string& after) {
  const auto old_program = test::compile(head + before);
  const auto new_program = test::compile(head + after);
  return compare(*old_program, *new_program, now);
}

TEST(PolicyDiff, NamesWhoWhereAndWhenSomethingOpens) {
  const Report report =
      difference("  - {id: edit, effect: allow, roles: [editor], resources: [wiki], methods: [write]}\n",
                 "  - {id: edit, effect: allow, roles: [viewer], resources: [wiki], methods: [write], when: "
                 "[office]}\n");
  ASSERT_EQ(lines(report),
            "opens: deny default -> allow edit\ncloses: allow edit -> deny default\n"
            "step-up: step-up login -> deny default\n");
  const Row& opens = report.rows[0];
  EXPECT_EQ(joined(opens.who), "roles = {viewer}: group staff\n");
  EXPECT_EQ(joined(opens.circumstances), "client address: 10.0.0.0/8\n");
  EXPECT_EQ(joined(where_lines(opens, report.methods)), "write https://wiki.test/, /x, /x/  (any, wiki)\n");
  const Row& closes = report.rows[1];
  EXPECT_EQ(joined(closes.who), "roles ⊇ {editor, viewer}: group editors\n");
  EXPECT_EQ(joined(closes.circumstances), "client address: elsewhere or unknown\n");
  EXPECT_EQ(joined(report.rows[2].who), "anonymous\n");
  EXPECT_TRUE(report.may_open());
}

TEST(PolicyDiff, SaysThatNothingChangesWhereOnlyWordsDo) {
  const Report report = difference(
      "  - {id: no, effect: deny, roles: [everyone], resources: [admin], methods: [any], message: a}\n",
      "  - {id: no, effect: deny, roles: [everyone], resources: [admin], methods: [any], message: b}\n");
  EXPECT_TRUE(report.rows.empty());
  EXPECT_FALSE(report.may_open());
  EXPECT_NE(to_text(report, {}).find("every request is decided alike\n"), std::string::npos);
}

TEST(PolicyDiff, ReportsARenamedRuleAsTheSameDecisionByAnother) {
  const Report report =
      difference("  - {id: a, effect: deny, roles: [everyone], resources: [admin], methods: [any]}\n",
                 "  - {id: b, effect: deny, roles: [everyone], resources: [admin], methods: [any]}\n");
  ASSERT_EQ(lines(report), "other-rule: deny a -> deny b\n");
  EXPECT_EQ(joined(report.rows[0].who), "everybody\n");
  EXPECT_FALSE(report.may_open());
}

TEST(PolicyDiff, TellsAStepUpFromADenial) {
  const Report report = difference(
      "  - {id: see, effect: allow, roles: [viewer], resources: [admin], methods: [GET], when: [mfa]}\n",
      "  - {id: see, effect: allow, roles: [viewer], resources: [admin], methods: [GET], when: [mfa, "
      "disk]}\n");
  EXPECT_EQ(lines(report),
            "closes: allow see -> deny default\n"
            "step-up: step-up login -> deny default\n"
            "step-up: step-up login, mfa -> deny default\n"
            "step-up: step-up mfa -> deny default\n"
            "step-up: allow see -> step-up disk\n"
            "step-up: step-up mfa -> step-up disk, mfa\n"
            "step-up: step-up login -> step-up login, disk\n"
            "step-up: step-up login, mfa -> step-up login, disk, mfa\n")
      << "what a device reports wrongly cannot be mended";
}

TEST(PolicyDiff, TellsALoginFromACondition) {
  const std::string text =
      "version: 1\npolicy: p\nresources: {s: {hosts: [a.test]}}\n"
      "conditions: {a: {mfa_within: 1m}, b: {auth_within: 1m}}\nrules:\n"
      "  - {id: k, effect: allow, resources: [s], methods: [GET], roles: ";
  const Report report = compare(*test::compile(text + "[authenticated], when: [a]}\n"),
                                *test::compile(text + "[everyone], when: [b]}\n"), now);
  EXPECT_NE(lines(report).find("step-up: step-up login, a -> step-up b\n"), std::string::npos)
      << lines(report);
}

TEST(PolicyDiff, SeesThatADenyReadsPathsWidely) {
  const std::string pub =
      "  - {id: pub, effect: allow, roles: [everyone], resources: [any], methods: [read]}\n";
  const Report report = difference(
      pub, pub + "  - {id: no, effect: deny, roles: [everyone], resources: [admin], methods: [GET]}\n");
  ASSERT_EQ(lines(report), "closes: allow pub -> deny no\n");
  EXPECT_EQ(joined(report.rows[0].who), "everybody\n");
  const std::string where = joined(where_lines(report.rows[0], report.methods));
  EXPECT_EQ(where.substr(0, where.find("https")), "GET HEAD ") << "GET covers HEAD";
  bool other_case = false;
  for (const TargetClass::Member& member : report.rows[0].where) {
    other_case = other_case || member.where.path == "/Admin/";
  }
  EXPECT_TRUE(other_case) << where;
}

TEST(PolicyDiff, TakesTheRoleOfABindingOnlyUntilItEnds) {
  std::string before =
      head + "  - {id: t, effect: allow, roles: [temp], resources: [admin], methods: [PURGE]}\n";
  std::string after = before;
  after.insert(after.find("resources:"), "  - {role: temp, users: [ann], until: \"2026-04-01T00:00:00Z\"}\n");
  const Report report = compare(*test::compile(before), *test::compile(after), now);
  ASSERT_EQ(lines(report), "opens: deny default -> allow t\n");
  EXPECT_EQ(joined(report.rows[0].who), "roles ⊇ {} before, {temp} after: user ann\n");
  EXPECT_EQ(joined(report.rows[0].circumstances), "from 2026-03-04T10:00:00Z until 2026-04-01T00:00:00Z\n");
  const Report later =
      compare(*test::compile(before), *test::compile(after), test::at("2026-04-01T00:00:00Z"));
  EXPECT_TRUE(later.rows.empty());
}

TEST(PolicyDiff, SeesWhatARoleComesToIncludeAndAMethodThatNoRuleNames) {
  const std::string rule =
      "  - {id: all, effect: allow, roles: [temp], resources: [admin], methods: [any]}\n";
  std::string after = head + rule;
  after.replace(after.find("includes: [viewer]"), 18, "includes: [viewer, temp]");
  const Report report = compare(*test::compile(head + rule), *test::compile(after), now);
  ASSERT_EQ(lines(report), "opens: deny default -> allow all\n");
  EXPECT_EQ(joined(report.rows[0].who), "roles ⊇ {} before, {temp} after: group editors\n");
  EXPECT_EQ(joined(where_lines(report.rows[0], report.methods)).substr(0, 4), "any ");
}

TEST(PolicyDiff, SeesAPathThatOnlyAnOptionAccepts) {
  std::string before =
      head + "  - {id: w, effect: allow, roles: [everyone], resources: [git], methods: [GET]}\n";
  const std::size_t at = before.find("  record:");
  std::string after = before;
  before.insert(at, "  git: {hosts: [git.test]}\n");
  after.insert(at, "  git: {hosts: [git.test], encoded_slash: keep}\n");
  const Report report = compare(*test::compile(before), *test::compile(after), now);
  ASSERT_EQ(lines(report),
            "opens: reject encoded-slash -> allow w\nother-rule: reject encoded-slash -> deny default\n");
  EXPECT_EQ(report.rows[0].witness.where.path, "/x%2Fx");
}

TEST(PolicyDiff, ComparesAHostOnARouteWhereNeitherAloneShowsTheChange) {
  const Report report =
      difference("", "  - {id: no, effect: deny, roles: [everyone], resources: [record], methods: [GET]}\n");
  bool seen = false;
  for (const Row& row : report.rows) {
    if (row.change == Change::closes) {
      seen = true;
      EXPECT_FALSE(fits_a_suite(row.witness));
      EXPECT_TRUE(test_yaml(row, "t", "p").empty());
      EXPECT_EQ(to_string(row.before), "allow read");
    }
  }
  EXPECT_TRUE(seen);
  EXPECT_NE(to_text(report, {}).find("a suite can't ask a host on a route"), std::string::npos);
}

TEST(PolicyDiff, ShowsAnotherRuleOnARouteWhereTheHostAloneChangesNothing) {
  const Report report =
      difference("", "  - {id: open, effect: allow, roles: [viewer], resources: [record], methods: [GET]}\n");
  EXPECT_NE(lines(report).find("opens: deny default -> allow open\n"), std::string::npos) << lines(report);
  EXPECT_NE(lines(report).find("other-rule: allow read -> allow open, read\n"), std::string::npos)
      << lines(report);
}

TEST(PolicyDiff, MixesManyRolesOnlyAsFarAsTheyMatter) {
  std::string roles = "version: 1\npolicy: p\nroles: {chosen: {}";
  std::string bindings = "}\nbindings:\n  - {role: chosen, groups: [chosen]}\n";
  std::string rules = "resources: {s: {hosts: [a.test]}}\nconditions: {mfa: {mfa_within: 1m}}\nrules:\n";
  for (int i = 0; i < 60; ++i) {
    const std::string number = std::to_string(i);
    roles += ", r" + number + ": {}";
    bindings += "  - {role: r" + number + ", groups: [g" + number + "]}\n";
    rules += "  - {id: k" + number + ", effect: " + (i % 2 == 0 ? "allow" : "deny") + ", roles: [r" + number +
             "], resources: [s], methods: [GET]}\n";
  }
  const std::string before = roles + bindings + rules;
  const std::string after =
      before + "  - {id: z, effect: deny, roles: [chosen], resources: [s], methods: [GET], unless: [mfa]}\n";
  const Report report = compare(*test::compile(before), *test::compile(after), now);
  EXPECT_TRUE(report.notes.empty());
  EXPECT_NE(lines(report).find("closes: allow k10 -> deny z\n"), std::string::npos) << lines(report);
}

TEST(PolicyDiff, SaysSoWhereTheProductIsTooLarge) {
  std::string conditions = "conditions: {";
  std::string when;
  for (int i = 0; i < 12; ++i) {
    const std::string number = std::to_string(i);
    conditions += "c" + number + ": {device: {d" + number + ": [1, 2]}}, ";
    when += (i == 0 ? "c" : ", c") + number;
  }
  const std::string text = "version: 1\npolicy: p\nresources: {s: {hosts: [a.test]}}\n" + conditions +
                           "last: {mfa_within: 1m}}\nrules:\n  - {id: k, effect: allow, roles: [everyone], "
                           "resources: [s], methods: [GET], when: [" +
                           when;
  const Report report = compare(*test::compile(text + ", last]}\n"), *test::compile(text + "]}\n"), now);
  ASSERT_EQ(report.notes.size(), 1U);
  EXPECT_NE(report.notes[0].find("GET https://a.test/"), std::string::npos) << report.notes[0];
  EXPECT_TRUE(report.may_open()) << "what was not looked at may open";
  EXPECT_NE(to_text(report, {}).find("not whole: "), std::string::npos);
}

TEST(PolicyDiff, WritesItsRowsAsASuiteThatPassesUnderTheNewPolicyAlone) {
  const std::string rule =
      "  - {id: see, effect: allow, roles: [editor], resources: [admin, record], methods: [any], when: [mfa, "
      "disk], "
      "unless: [office]}\n";
  const auto before = test::compile(head);
  const auto after = test::compile(head + rule);
  const Report report = compare(*before, *after, now);
  ASSERT_GE(report.rows.size(), 3U);
  const std::vector<std::string> files{"new.yaml"};
  const std::string text = suite_yaml(report.rows, "changes", files, report.now);
  const auto suite = testing::read_suite({"suite.yaml", text});
  ASSERT_FALSE(suite.has_error()) << text << yaml::to_string(suite.error());
  EXPECT_TRUE(testing::check_names(*suite, after->policy()).empty()) << text;
  const std::vector<testing::LoadedSuite> now_passing{{*suite, after}};
  const std::vector<testing::LoadedSuite> before_failing{{*suite, before}};
  const auto filter = testing::Filter::parse("");
  EXPECT_TRUE(testing::run(now_passing, *filter).ok()) << text;
  EXPECT_EQ(testing::run(before_failing, *filter).passed, 0U) << text;
}

TEST(PolicyDiff, HasAJsonFormWithATestForEachRow) {
  const Report report = difference(
      "",
      "  - {id: open, effect: allow, roles: [viewer], resources: [admin], methods: [GET], when: [disk]}\n");
  const boost::json::object json = to_json(report);
  EXPECT_EQ(json.at("whole"), true);
  EXPECT_EQ(json.at("counts").at("opens"), 1);
  const boost::json::object& row = json.at("rows").as_array().at(0).as_object();
  EXPECT_EQ(row.at("change"), "opens");
  EXPECT_EQ(row.at("after").at("by").as_array().at(0), "open");
  EXPECT_EQ(row.at("witness").at("request"), "GET https://wiki.test/admin");
  EXPECT_EQ(row.at("witness").at("context").at("device").at("disk").as_array().at(0), true);
  EXPECT_EQ(row.at("test").at("principal"), "p1: {groups: [\"staff\"]}");
  EXPECT_EQ(row.at("test").at("test"),
            "- name: \"opens 1\"\n  now: \"2026-03-04T10:00:00Z\"\n  context: {device: {\"disk\": true}}\n"
            "  principals: [p1]\n  requests: [\"GET https://wiki.test/admin\"]\n"
            "  expect: allow open  # was: deny default\n");
}

TEST(PolicyDiff, RefusesToShowARowThatItsWitnessDoesNotProve) {
  const auto before = test::compile(head);
  const auto after = test::compile(
      head + "  - {id: open, effect: allow, roles: [viewer], resources: [admin], methods: [GET]}\n");
  const Report report = compare(*before, *after, now);
  ASSERT_FALSE(report.rows.empty());
  EXPECT_NO_THROW(prove(report.rows[0], *before, *after));
  EXPECT_THROW(prove(report.rows[0], *after, *after), std::logic_error);
}

}  // namespace
}  // namespace tallygate::policy::diff
