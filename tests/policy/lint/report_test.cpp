#include "policy/lint/report.hpp"

#include "tests/policy/lint/support.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <set>

namespace tallygate::policy::lint::test {
namespace {

namespace json = boost::json;

std::vector<Finding> findings() {
  Finding suppressed{"L9", Severity::warning, "a b/p\xC3\xA4.yaml", {3, 7}, "too \"broad\"", "we know"};
  Finding whole{"L2", Severity::note, "/etc/p.yaml", {}, "and 3 more", std::nullopt};
  return {suppressed, whole, finding_of({"p.yaml", {1, 2}, "no such key", ""}),
          finding_of({"p.yaml", {1, 9}, "no such role", "L1"})};
}

const json::object& run_of(const json::value& log) {
  return log.at("runs").at(0).as_object();
}

}  // namespace

TEST(LintReport, TextLeavesOutWhatIsSuppressed) {
  EXPECT_EQ(to_text(findings()),
            "/etc/p.yaml: note: and 3 more [L2]\n"
            "p.yaml:1:2: error: no such key\n"
            "p.yaml:1:9: error: no such role [L1]\n");
}

TEST(LintReport, JsonKeepsItWithItsReason) {
  const std::vector<Finding> all = findings();
  EXPECT_EQ(
      json::value(to_json(std::span(all).first(2))),
      json::parse(R"([{"severity":"warning","id":"L9","file":"a b/p\u00e4.yaml","message":"too \"broad\"",
                             "line":3,"column":7,"suppressed":"we know"},
                            {"id":"L2","severity":"note","file":"/etc/p.yaml","message":"and 3 more"}])"));
}

// What OASIS SARIF 2.1.0 demands of each object that is written.
TEST(LintReport, SarifHasAllThatTheStandardDemands) {
  const json::value log = json::parse(to_sarif({findings(), {"L5"}}, "1.2.3"));
  EXPECT_EQ(log.at("version"), "2.1.0");
  EXPECT_EQ(log.at("runs").as_array().size(), 1U);
  const json::object& driver = run_of(log).at("tool").at("driver").as_object();
  EXPECT_EQ(driver.at("name"), "tallygate policy check");
  EXPECT_EQ(driver.at("version"), "1.2.3");
  EXPECT_EQ(run_of(log).at("columnKind"), "unicodeCodePoints");
  const json::object& invocation = run_of(log).at("invocations").at(0).as_object();
  EXPECT_EQ(invocation.at("executionSuccessful"), true);
  EXPECT_EQ(invocation.at("toolExecutionNotifications").at(0).at("message").at("text"),
            "L5 was too much work and is not finished");
  const std::set<std::string> levels{"none", "note", "warning", "error"};
  std::set<std::string> ids;
  for (const json::value& rule : driver.at("rules").as_array()) {
    EXPECT_TRUE(ids.insert(std::string(rule.at("id").as_string())).second);
    EXPECT_FALSE(rule.at("shortDescription").at("text").as_string().empty());
    EXPECT_FALSE(rule.at("fullDescription").at("text").as_string().empty());
    EXPECT_TRUE(levels.contains(std::string(rule.at("defaultConfiguration").at("level").as_string())));
  }
  const json::array& results = run_of(log).at("results").as_array();
  EXPECT_EQ(results.size(), findings().size());
  for (const json::value& result : results) {
    const auto index = static_cast<std::size_t>(result.at("ruleIndex").as_int64());
    EXPECT_EQ(driver.at("rules").at(index).at("id"), result.at("ruleId"));
    EXPECT_FALSE(result.at("message").at("text").as_string().empty());
    EXPECT_TRUE(levels.contains(std::string(result.at("level").as_string())));
    EXPECT_EQ(result.at("locations").as_array().size(), 1U);
  }
}

TEST(LintReport, SarifSaysWhereAndWhySomethingIsSuppressed) {
  const json::value log = json::parse(to_sarif({findings(), {"L5"}}, "1.2.3"));
  const json::array& results = run_of(log).at("results").as_array();
  EXPECT_EQ(results[0].at("suppressions"), json::parse(R"([{"kind":"inSource","justification":"we know"}])"));
  EXPECT_FALSE(results[1].as_object().contains("suppressions"));
  const auto place = [&](std::size_t number) {
    return results[number].at("locations").at(0).at("physicalLocation");
  };
  EXPECT_EQ(
      place(0),
      json::parse(
          R"({"artifactLocation":{"uri":"a%20b/p%C3%A4.yaml"},"region":{"startLine":3,"startColumn":7}})"));
  EXPECT_EQ(place(1), json::parse(R"({"artifactLocation":{"uri":"file:///etc/p.yaml"}})"));
}

TEST(LintReport, EveryIdOfPolicyMdIsACheck) {
  std::set<std::string_view> ids;
  for (const Check& check : checks()) {
    EXPECT_TRUE(ids.insert(check.id).second) << check.id;
  }
  for (int number = 1; number <= 21; ++number) {
    EXPECT_TRUE(ids.contains("L" + std::to_string(number))) << number;
  }
}

}  // namespace tallygate::policy::lint::test
