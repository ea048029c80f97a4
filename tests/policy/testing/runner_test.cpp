#include "policy/testing/runner.hpp"

#include "policy/testing/report.hpp"
#include "policy/testing/suite_reader.hpp"
#include "tests/policy/explain/world.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace tallygate::policy::testing {
namespace {

constexpr std::string_view wiki_suite = R"(suite: wiki & co
policy: policy.yaml
now: "2026-03-04T10:00:00Z"
principals:
  ana:  {groups: [staff]}
  bob:  {groups: [staff, wiki-editors]}
  dana: {user: dana@example.com, groups: [staff], claims: {department: platform, level: senior}}
contexts:
  office: {ip: 10.20.3.4,   mfa_age: 5m, device: {managed: true, disk_encrypted: true}}
  home:   {ip: 203.0.113.9, mfa_age: 5m, device: {managed: true, disk_encrypted: true}}
requests:
  page:  GET  https://wiki.example.com/pages/7
  save:  POST https://wiki.example.com/pages/7
  admin: GET  https://wiki.example.com/admin/users
tests:
  - name: from the office
    context: office
    table:
      columns: [page,            save,            admin]
      ana:     [allow read-wiki, deny default,    deny default]
      bob:     [allow read-wiki, allow edit-wiki, deny]
      dana:    [allow,           allow,           allow admin-pages]
  - name: admin pages are closed from home
    context: home
    principals: [ana, bob, dana]
    requests: [admin]
    expect: deny admin-only-from-office
  - name: old MFA asks for a new one
    context: {ip: 10.20.3.4, mfa_age: 40m, device: {managed: true, disk_encrypted: true}}
    principals: [dana]
    requests: ["POST https://wiki.example.com/admin/users"]
    expect: step-up fresh-mfa
  - name: path tricks stay outside
    context: home
    principals: [ana]
    raw:
      - {line: "GET //admin/users HTTP/1.1", host: wiki.example.com}
      - {line: "GET /x/..%2fadmin HTTP/1.1", host: wiki.example.com, expect: reject}
    expect: deny
)";

/// The suite of policy.md with one text replaced by another.
LoadedSuite load(std::string_view from = {}, std::string_view to = {}) {
  std::string text(wiki_suite);
  if (!from.empty()) {
    text.replace(text.find(from), from.size(), to);
  }
  yaml::Result<Suite> suite = read_suite({"dir/wiki_test.yaml", text});
  if (suite.has_error()) {
    ADD_FAILURE() << yaml::to_string(suite.error());
  }
  const World world;
  EXPECT_TRUE(check_names(*suite, world.program->policy()).empty());
  return {*std::move(suite), world.program};
}

RunResult run_one(const LoadedSuite& suite, std::string_view filter = {}) {
  return run({&suite, 1}, *Filter::parse(filter));
}

LoadedSuite with_a_failure() {
  return load("allow edit-wiki, deny]", "allow edit-wiki, allow]");
}

TEST(Runner, PassesTheSuiteOfTheLanguagePage) {
  const RunResult result = run_one(load());
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(result.passed, 15U);
  EXPECT_EQ(result.failed, 0U);
  EXPECT_EQ(report_text(result, {}),
            "wiki & co  dir/wiki_test.yaml\n"
            "  ok    from the office  9 cells\n"
            "  ok    admin pages are closed from home  3 cells\n"
            "  ok    old MFA asks for a new one  1 cell\n"
            "  ok    path tricks stay outside  2 cells\n"
            "\n"
            "15 passed, 0 failed (1 suite)\n");
}

TEST(Runner, FailsACellThatComesOutOtherwiseAndExplainsIt) {
  const RunResult result = run_one(with_a_failure());
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(result.failed, 1U);
  const std::string text = report_text(result, {});
  EXPECT_NE(text.find("  FAIL  from the office  1 of 9 cells\n"
                      "        dir/wiki_test.yaml:21:51  bob, admin\n"
                      "            expected allow, got deny default\n"
                      "            decision    deny default\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("role-missing: needs admin"), std::string::npos);
  EXPECT_NE(text.find("14 passed, 1 failed (1 suite)\n"), std::string::npos);
}

TEST(Runner, ComparesWhatDecidedAndNotOnlyTheOutcome) {
  EXPECT_EQ(run_one(load("expect: deny admin-only-from-office", "expect: deny default")).failed, 3U);
  EXPECT_EQ(run_one(load("expect: reject}", "expect: reject path-params}")).failed, 1U);
  EXPECT_EQ(run_one(load("expect: reject}", "expect: deny}")).failed, 1U);
  EXPECT_EQ(run_one(load("expect: step-up fresh-mfa", "expect: deny")).failed, 1U);
  EXPECT_EQ(run_one(load("expect: step-up fresh-mfa", "expect: step-up managed-device")).failed, 1U);
}

TEST(Runner, TakesTheTimeFromTheSuiteOrTheTest) {
  const std::string_view ended = "name: old MFA asks for a new one\n    now: \"2027-01-01T00:00:00Z\"";
  const LoadedSuite suite = load("name: old MFA asks for a new one", ended);
  EXPECT_EQ(suite.suite.tests[2].now, TimePoint(*parse_timestamp("2027-01-01T00:00:00Z")));
  EXPECT_EQ(suite.suite.tests[3].now, TimePoint(*parse_timestamp("2026-03-04T10:00:00Z")));
}

TEST(Runner, RunsOnlyWhatTheFilterLetsThrough) {
  const LoadedSuite suite = load();
  EXPECT_EQ(run_one(suite, "principal=ana").passed, 6U);
  EXPECT_EQ(run_one(suite, "principal=ana,bob;test=from the office").passed, 6U);
  EXPECT_EQ(run_one(suite, "rule=edit-wiki").passed, 2U);
  EXPECT_EQ(run_one(suite, "outcome=reject").passed, 1U);
  EXPECT_EQ(run_one(suite, "context=home;request=admin").passed, 3U);
}

TEST(Runner, FailsARunThatTheFilterEmptied) {
  const RunResult result = run_one(load(), "rule=nope");
  EXPECT_FALSE(result.ok());
  EXPECT_NE(report_text(result, {}).find("no cell was run"), std::string::npos);
}

TEST(Runner, ExplainsOnlyTheFirstFailuresOfALongRun) {
  std::string requests;
  for (std::size_t i = 0; i <= explained_max; ++i) {
    requests += "\"GET https://other.example.com/" + std::to_string(i) + "\", ";
  }
  const LoadedSuite suite = load("requests: [admin]\n    expect: deny admin-only-from-office",
                                 "requests: [" + requests + "]\n    expect: allow");
  const RunResult result = run_one(suite, "principal=ana;context=home;outcome=allow");
  EXPECT_EQ(result.failed, explained_max + 1);
  const auto& cells = result.suites[0].cells;
  EXPECT_EQ(static_cast<std::size_t>(std::count_if(
                cells.begin(), cells.end(), [](const auto& cell) { return cell.explanation.has_value(); })),
            explained_max);
  EXPECT_NE(report_text(result, {}).find("only the first 50 failures are explained"), std::string::npos);
}

TEST(Report, HasAJsonFormWithTheFixedKeys) {
  const std::string text = report_json(run_one(with_a_failure()));
  ASSERT_TRUE(text.ends_with("}\n"));
  const boost::json::value json = boost::json::parse(text);
  EXPECT_EQ(json.at("ok"), false);
  EXPECT_EQ(json.at("passed"), 14);
  EXPECT_EQ(json.at("failed"), 1);
  const boost::json::value& suite = json.at("suites").as_array().at(0);
  EXPECT_EQ(suite.at("file"), "dir/wiki_test.yaml");
  EXPECT_EQ(suite.at("suite"), "wiki & co");
  EXPECT_EQ(
      boost::json::serialize(suite.at("cells").as_array().at(0)),
      R"({"test":"from the office","principal":"ana","request":"page","line":20,"expected":"allow read-wiki",)"
      R"("actual":"allow read-wiki","ok":true})");
  EXPECT_EQ(suite.at("cells").as_array().at(5).at("explain").at("outcome"), "deny");
}

TEST(Report, HasAJUnitFormWithATestCaseACell) {
  const std::string text = report_junit(run_one(with_a_failure()));
  EXPECT_EQ(
      text.find(
          "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"15\" failures=\"1\">\n"
          "  <testsuite name=\"wiki &amp; co\" file=\"dir/wiki_test.yaml\" tests=\"15\" failures=\"1\">\n"
          "    <testcase classname=\"wiki &amp; co.from the office\" name=\"ana: page\" "
          "file=\"dir/wiki_test.yaml\" line=\"20\"/>\n"),
      0U)
      << text;
  EXPECT_NE(text.find("<failure message=\"expected allow, got deny default\">decision"), std::string::npos);
}

TEST(Report, HasATapFormWithATestPointACell) {
  const std::string text = report_tap(run_one(with_a_failure()));
  EXPECT_EQ(text.find("TAP version 13\n1..15\nok 1 - wiki & co: from the office: ana, page\n"), 0U) << text;
  EXPECT_NE(
      text.find("not ok 6 - wiki & co: from the office: bob, admin\n  ---\n  at: \"dir/wiki_test.yaml:21\"\n"
                "  expected: \"allow\"\n  actual: \"deny default\"\n  explain: |\n    decision"),
      std::string::npos);
  EXPECT_TRUE(
      text.ends_with("ok 15 - wiki & co: path tricks stay outside: ana, GET /x/..%2fadmin HTTP/1.1\n"));
}

TEST(Report, IsInertWhateverARawLineHolds) {
  const LoadedSuite suite = load("{line: \"GET //admin/users HTTP/1.1\"",
                                 "{bytes: R0VUIC8bWzMxbSM8JiI+IEhUVFAvMS4x, expect: allow");
  const RunResult result = run_one(suite);
  for (const std::string& text :
       {report_text(result, {}), report_junit(result), report_tap(result), report_json(result)}) {
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
  }
  EXPECT_NE(report_junit(result).find("GET /\\x1b[31m#&lt;&amp;&quot;&gt; HTTP/1.1"), std::string::npos);
  EXPECT_NE(report_tap(result).find("GET /\\\\x1b[31m\\#<&\"> HTTP/1.1"), std::string::npos);
}

}  // namespace
}  // namespace tallygate::policy::testing
