#include "policy/testing/suite_reader.hpp"

#include "policy/language/loader.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tallygate::policy::testing {
namespace {

/// A suite with the sections that every one needs, and `tests` below them; its first line is line 1 of the
/// result of head_lines + 1.
constexpr std::string_view head = R"(suite: wiki
policy: policy.yaml
now: "2026-03-04T10:00:00Z"
principals:
  ana: {groups: [staff]}
  bob: {user: bob@example.com, groups: []}
contexts:
  office: {ip: 10.20.3.4}
requests:
  page: GET  https://wiki.example.com/pages/7
  save: POST https://wiki.example.com/pages/7
)";

std::string with_tests(std::string_view tests) {
  return std::string(head).append("tests:\n").append(tests);
}

/// All messages, one a line.
std::string errors_of(const std::string& text) {
  const yaml::Result<Suite> suite = read_suite({"s.yaml", text});
  return suite.has_error() ? yaml::to_string(suite.error()) : "";
}

Suite read(const std::string& text) {
  yaml::Result<Suite> suite = read_suite({"s.yaml", text});
  EXPECT_TRUE(suite.has_value()) << (suite.has_error() ? yaml::to_string(suite.error()) : "");
  return suite.has_value() ? *std::move(suite) : Suite{};
}

std::string cells_of(const Suite& suite) {
  std::string out;
  for (const SuiteTest& test : suite.tests) {
    for (const Cell& cell : test.cells) {
      out += std::to_string(cell.mark.line) + ":" + std::to_string(cell.mark.column) + " " +
             suite.principals[cell.principal].name + " " + suite.requests[cell.request].label + " " +
             to_string(cell.expected) + "\n";
    }
  }
  return out;
}

TEST(SuiteReader, TurnsATableIntoACellForEachRowAndColumn) {
  const Suite suite = read(with_tests(R"(
  - name: t
    context: office
    table:
      columns: [page, "GET https://x.example.com/"]
      ana:     [allow read-wiki, deny]
      bob:     [step-up login,   reject]
)"));
  EXPECT_EQ(cells_of(suite),
            "18:17 ana page allow read-wiki\n"
            "18:34 ana GET https://x.example.com/ deny\n"
            "19:17 bob page step-up login\n"
            "19:34 bob GET https://x.example.com/ reject\n");
  EXPECT_EQ(suite.contexts[suite.tests[0].context].name, "office");
}

TEST(SuiteReader, CrossesPrincipalsWithRequestsAndRawLines) {
  const Suite suite = read(with_tests(R"(
  - name: t
    principals: [ana, bob]
    requests: [save]
    raw:
      - {line: "GET /x HTTP/1.1", host: wiki.example.com}
      - {line: "GET /y HTTP/1.1", host: wiki.example.com, expect: reject host}
    expect: deny
)"));
  EXPECT_EQ(cells_of(suite),
            "20:13 ana save deny\n18:9 ana GET /x HTTP/1.1 deny\n19:67 ana GET /y HTTP/1.1 reject host\n"
            "20:13 bob save deny\n18:9 bob GET /x HTTP/1.1 deny\n19:67 bob GET /y HTTP/1.1 reject host\n");
  EXPECT_EQ(suite.contexts[suite.tests[0].context].name, "(none)");
}

TEST(SuiteReader, NeedsNoExpectWhereEachRawLineHasItsOwn) {
  EXPECT_EQ(errors_of(with_tests("  - {name: t, principals: [ana], raw: [{line: x, expect: reject}]}\n")),
            "");
}

TEST(SuiteReader, ReadsWhatIsKnownOfPrincipalsAndContexts) {
  const Suite suite = read(R"(
version: 1
suite: s
policy: [a.yaml, b.yaml]
now: "2026-03-04T10:00:00Z"
principals:
  nobody: {anonymous: true}
  plain: {}
  dana: {user: dana@example.com, groups: [staff], claims: {level: [senior, 3], admin: true}}
contexts:
  all: {ip: "2001:db8::7", mfa_age: 5m, auth_age: 2h, method_of_auth: mtls, device: {managed: true, os: 12}, headers: {X-A: [b, c], Y: d}}
requests: {r: route journal GET /v1/entries}
tests:
  - {name: t, now: "2026-03-05T00:00:00Z", context: all, principals: [dana], requests: [r], expect: deny}
)");
  EXPECT_EQ(suite.policy.size(), 2U);
  EXPECT_TRUE(suite.principals[0].principal.anonymous);
  EXPECT_FALSE(suite.principals[1].principal.anonymous);
  const Principal& dana = suite.principals[2].principal;
  EXPECT_EQ(dana.user, "dana@example.com");
  EXPECT_EQ(dana.claims[0].values, (std::vector<Value>{std::string("senior"), std::int64_t{3}}));
  EXPECT_EQ(dana.claims[1].values, (std::vector<Value>{true}));
  const Circumstances& all = suite.contexts[0].circumstances;
  EXPECT_EQ(all.client, parse_address("2001:db8::7"));
  EXPECT_EQ(all.mfa_age, std::chrono::minutes(5));
  EXPECT_EQ(all.auth_age, std::chrono::hours(2));
  EXPECT_EQ(all.auth_method, AuthMethod::mtls);
  EXPECT_EQ(all.device->at(1).values, (std::vector<Value>{std::int64_t{12}}));
  EXPECT_EQ(all.headers.header("x-a", 0), "b");
  EXPECT_EQ(all.headers.header("X-A", 1), "c");
  EXPECT_EQ(all.headers.header("X-A", 2), std::nullopt);
  EXPECT_EQ(suite.requests[0].route, "journal");
  EXPECT_EQ(suite.tests[0].now, TimePoint(*parse_timestamp("2026-03-05T00:00:00Z")));
}

TEST(SuiteReader, ReadsRawLinesInBase64AndSeveralHosts) {
  const Suite suite = read(with_tests(R"(
  - name: t
    principals: [ana]
    raw:
      - {bytes: R0VUIC//IEhUVFAvMS4x, host: [a, b]}
      - {line: "GET / HTTP/1.1"}
    expect: reject
)"));
  EXPECT_EQ(suite.requests[2].line, "GET /\xFF HTTP/1.1");
  EXPECT_EQ(suite.requests[2].label, "GET /\\xff HTTP/1.1");
  EXPECT_EQ(suite.requests[2].hosts, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(suite.requests[3].hosts.empty());
}

TEST(SuiteReader, NamesEveryMistakeWithItsPlaceAndTheNearestName) {
  EXPECT_EQ(errors_of(with_tests(R"(
  - name: t
    contxt: office
    table:
      columns: [pge, save]
      anna: [allow, deny]
      bob:  [alow, deny]
  - name: u
    context: offce
    principals: [ana, ana]
    requests: [save]
)")),
            "s.yaml:15:5: unknown key 'contxt' in test; did you mean 'context'?\n"
            "s.yaml:17:17: unknown request 'pge'; did you mean 'page'?\n"
            "s.yaml:18:7: unknown principal 'anna'; did you mean 'ana'?\n"
            "s.yaml:19:14: 'alow' is no outcome; write allow, deny, step-up or reject, and behind it, if you "
            "like, what "
            "decides; did you mean 'allow'?\n"
            "s.yaml:20:5: this test has no 'expect'; nothing is expected implicitly\n"
            "s.yaml:21:14: unknown context 'offce'; did you mean 'office'?\n"
            "s.yaml:22:23: principal 'ana' stands twice; each once\n");
}

TEST(SuiteReader, AsksEachMemberOfAGroupOfPrincipals) {
  const std::string groups = std::string(head) + "principal_groups: {all: [bob, ana]}\ntests:\n";
  EXPECT_EQ(cells_of(read(groups +
                          "  - name: t\n    table:\n      columns: [page, save]\n      all: [allow, deny]\n"
                          "  - {name: u, principals: [all], requests: [page], expect: deny}\n")),
            "17:13 bob page allow\n17:20 bob save deny\n17:13 ana page allow\n17:20 ana save deny\n"
            "18:60 bob page deny\n18:60 ana page deny\n");
}

TEST(SuiteReader, NamesWhatIsWrongWithAGroupOfPrincipals) {
  const std::string test = "tests: [{name: t, principals: [ana], requests: [page], expect: deny}]\n";
  const auto with = [&](std::string_view groups) {
    return errors_of(std::string(head) + "principal_groups: " + std::string(groups) + "\n" + test);
  };
  EXPECT_EQ(with("{all: [anna]}"), "s.yaml:12:26: unknown principal 'anna'; did you mean 'ana'?\n");
  EXPECT_EQ(with("{all: [ana, ana]}"), "s.yaml:12:31: principal 'ana' stands twice; each once\n");
  EXPECT_EQ(with("{bob: [ana]}"), "s.yaml:12:25: 'bob' is a principal already; call the group otherwise\n");
  EXPECT_NE(with("{all: []}"), "");
  const std::string groups = std::string(head) + "principal_groups: {all: [ana, bob]}\n";
  EXPECT_EQ(errors_of(groups + "tests: [{name: t, table: {columns: [page], ana: [deny], all: [deny]}}]\n"),
            "s.yaml:13:57: principal 'ana' stands twice; each once\n");
  EXPECT_EQ(
      errors_of(groups + "tests: [{name: t, principals: [all, bob], requests: [page], expect: deny}]\n"),
      "s.yaml:13:37: principal 'bob' stands twice; each once\n");
}

TEST(SuiteReader, WantsEveryRowToHaveEveryColumn) {
  EXPECT_EQ(errors_of(with_tests("  - name: t\n    table: {columns: [page, save], ana: [allow]}\n")),
            "s.yaml:14:41: row 'ana' has 1 cells, the table has 2 columns; every row has every column\n");
  EXPECT_NE(errors_of(with_tests("  - name: t\n    table: {columns: [page]}\n")).find("no row"),
            std::string::npos);
  EXPECT_NE(errors_of(with_tests("  - name: t\n    table: {ana: [allow]}\n")).find("no 'columns'"),
            std::string::npos);
  EXPECT_NE(errors_of(with_tests("  - name: t\n    table: {columns: [page, page], ana: [allow, deny]}\n"))
                .find("column 'page' stands twice"),
            std::string::npos);
}

TEST(SuiteReader, RefusesASuiteOrTestThatAsksNothing) {
  EXPECT_NE(errors_of(with_tests("  - {name: t}\n")).find("asks nothing"), std::string::npos);
  EXPECT_NE(errors_of(with_tests("  - {name: t, principals: [], requests: [page], expect: deny}\n")), "");
  EXPECT_NE(errors_of(with_tests("  - {name: t, principals: [ana], expect: deny}\n")), "");
  EXPECT_NE(errors_of(with_tests("  - {name: t, requests: [page], expect: deny}\n")).find("no 'principals'"),
            std::string::npos);
  EXPECT_NE(errors_of(std::string(head) + "tests: []\n"), "");
  EXPECT_NE(errors_of(std::string(head)).find("'tests'"), std::string::npos);
}

TEST(SuiteReader, RefusesAnExpectThatSaysNothing) {
  EXPECT_NE(errors_of(with_tests("  - {name: t, table: {columns: [page], ana: [allow]}, expect: deny}\n"))
                .find("'expect' says nothing here"),
            std::string::npos);
}

TEST(SuiteReader, WantsNowAndUniqueTestNames) {
  std::string text = with_tests("  - {name: t, principals: [ana], requests: [page], expect: deny}\n");
  EXPECT_NE(errors_of(text + "  - {name: t, principals: [ana], requests: [page], expect: deny}\n")
                .find("'t' stands twice"),
            std::string::npos);
  text.replace(text.find("now:"), 4, "nw: ");
  EXPECT_NE(errors_of(text).find("no test reads the real clock"), std::string::npos);
}

TEST(SuiteReader, WarnsOfARequestRepeatedInAList) {
  const Suite suite =
      read(with_tests("  - {name: t, principals: [ana], requests: [page, page], expect: deny}\n"));
  ASSERT_EQ(suite.warnings.size(), 1U);
  EXPECT_EQ(yaml::to_string(suite.warnings[0]), "s.yaml:13:51: request 'page' is repeated in this list");
  EXPECT_EQ(suite.tests[0].cells.size(), 1U);
}

TEST(SuiteReader, RefusesAnonymousPrincipalsWithAnIdentityAndReservedNames) {
  std::string text = with_tests("  - {name: t, principals: [ana], requests: [page], expect: deny}\n");
  const auto with_principal = [&text](std::string_view line) {
    std::string changed = text;
    changed.insert(changed.find("  bob:"), std::string(line) + "\n");
    return changed;
  };
  EXPECT_NE(errors_of(with_principal("  eve: {anonymous: true, groups: [staff]}"))
                .find("an anonymous principal has no"),
            std::string::npos);
  EXPECT_NE(errors_of(with_principal("  columns: {}")), "");
  EXPECT_NE(errors_of(with_principal("  eve: {groups: staff}")), "");
  EXPECT_NE(errors_of(with_principal("  eve: {group: [staff]}")).find("did you mean 'groups'"),
            std::string::npos);
  EXPECT_EQ(errors_of(with_principal("  eve: {groups: [staff]}")), "");
}

TEST(SuiteReader, RefusesContextsItCanNotRead) {
  const auto with_context = [](std::string_view value) {
    return with_tests("  - {name: t, context: " + std::string(value) +
                      ", principals: [ana], requests: [page], expect: deny}\n");
  };
  for (const char* bad : {"{ip: 10.20.3}", "{ip: 10.0.0.0/8}", "{mfa_age: 5}", "{mfa_age: 5 minutes}",
                          "{method_of_auth: saml}", "{device: true}", "{headers: [a]}", "{headers: {a: 5}}",
                          "{device: {managed: {}}}", "{time: now}", "[]", "null"}) {
    EXPECT_NE(errors_of(with_context(bad)), "") << bad;
  }
  EXPECT_EQ(errors_of(with_context("{}")), "");
}

/// A suite of many principals, all of them in one group.
std::string with_crowd(std::size_t size, const std::string& rest) {
  std::string text = "suite: s\npolicy: p.yaml\nnow: \"2026-03-04T10:00:00Z\"\nprincipals:\n";
  std::string names;
  for (std::size_t i = 0; i < size; ++i) {
    text += "  p" + std::to_string(i) + ": {}\n";
    names += (i == 0 ? "p" : ", p") + std::to_string(i);
  }
  return text + "principal_groups:\n  all: [" + names + "]\n" + rest;
}

TEST(SuiteReader, MakesNoCellsBeyondTheirLimit) {
  std::string requests;
  std::string cells;
  for (std::size_t i = 0; i < 2000; ++i) {
    requests += (i == 0 ? "" : ", ") + ("\"GET https://wiki.test/" + std::to_string(i)) + "\"";
    cells += i == 0 ? "deny" : ", deny";
  }
  const std::string list = with_crowd(
      2000, "tests:\n  - {name: t, principals: [all], requests: [" + requests + "], expect: deny}\n");
  const std::string table =
      with_crowd(2000, "tests:\n  - {name: t, table: {columns: [" + requests + "], all: [" + cells + "]}}\n");
  for (const std::string& text : {list, table}) {
    EXPECT_NE(errors_of(text).find("at most 1000000 cells"), std::string::npos);
  }
}

TEST(SuiteNames, KnowRulesConditionsAndTheirEffects) {
  Policy policy;
  policy.rules.resize(2);
  policy.rules[0].id = "close";
  policy.rules[0].effect = Effect::deny;
  policy.rules[1].id = "open";
  policy.rules[1].effect = Effect::allow;
  policy.conditions = {{.name = "fresh-mfa", .test = MfaWithin{}, .place = {}}};
  const Suite suite = read(with_tests(R"(
  - name: t
    table:
      columns: [page, save]
      ana: [allow open, deny close]
      bob: [allow close, deny open]
  - name: u
    table:
      columns: [page, save]
      ana: [deny default, allow opne]
      bob: [step-up fresh-mfaa, step-up open]
  - {name: v, principals: [ana, bob], requests: [page], expect: allow default}
)"));
  EXPECT_EQ(
      yaml::to_string(check_names(suite, policy)),
      "s.yaml:18:13: rule 'close' has effect deny, so it can never allow; name a rule with effect allow\n"
      "s.yaml:18:26: rule 'open' has effect allow, so it can never deny; name a rule with effect deny or "
      "'default'\n"
      "s.yaml:22:27: unknown rule 'opne'; did you mean 'open'?\n"
      "s.yaml:23:13: unknown condition 'fresh-mfaa'; did you mean 'fresh-mfa'?\n"
      "s.yaml:23:33: 'open' is a rule; 'step-up' names the condition to be met, or 'login'\n"
      "s.yaml:24:65: 'default' never allows; name a rule with effect allow\n");
}

}  // namespace
}  // namespace tallygate::policy::testing
