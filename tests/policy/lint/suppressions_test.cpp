#include "policy/lint/suppressions.hpp"

#include "policy/language/yaml_comments.hpp"
#include "tests/policy/lint/support.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace tallygate::policy::lint::test {
namespace {

/// A policy whose role on line 4 is unused, with comments before and behind.
std::string unused(std::string_view above, std::string_view behind) {
  return "roles:\n" + std::string(above) + "  idle: {}" + std::string(behind) +
         "\n  r: {}\n"
         "bindings: [{role: r, groups: [g]}]\n"
         "resources: {s: {hosts: [a.example.com]}}\n"
         "rules: [{id: one, effect: allow, roles: [r], resources: [s], methods: [read]}]\n";
}

/// Lines and texts of the comments of a file.
std::vector<std::string> comment_texts(std::string_view text) {
  std::vector<std::string> out;
  for (const yaml::Comment& comment : yaml::comments(text)) {
    out.push_back(std::to_string(comment.mark.line) + ':' + std::to_string(comment.mark.column) + ' ' +
                  std::string(comment.text));
  }
  return out;
}

}  // namespace

TEST(LintSuppressions, HideAFindingOnTheirLineOrTheOneBelow) {
  EXPECT_EQ(found(unused("", "")), Places{"L2 4:3 note"});
  EXPECT_EQ(found(unused("", "  # lint: allow L2 because it comes next month")), Places{});
  EXPECT_EQ(found(unused("  # lint: allow L2 because it comes next month\n", "")), Places{});
  EXPECT_EQ(
      found(unused("  # lint: allow L2 because it comes next month\n  # and somebody waits for it\n", "")),
      Places{});
}

TEST(LintSuppressions, KeepWhatTheyHideInTheReport) {
  const Report report = report_of(unused("", "  # lint: allow L2 because it comes next month"));
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings[0].reason, "it comes next month");
}

TEST(LintSuppressions, HideNothingElse) {
  EXPECT_EQ(found(unused("", "  # lint: allow L3 because it comes next month")),
            (Places{"L2 4:3 note", "L23 4:13 note"}));
  EXPECT_EQ(found(unused("  # lint: allow L2 because it comes next month\n\n", "")),
            (Places{"L23 4:3 note", "L2 6:3 note"}));
}

TEST(LintSuppressions, NeedAReasonAndAnIdThatExists) {
  for (const char* text : {"allow L2", "allow L2 because", "allow L2 because  ", "allow because it must",
                           "allow L99 because so", "deny L2 because so", ""}) {
    EXPECT_EQ(found(unused("", "  # lint: " + std::string(text))), (Places{"L2 4:3 note", "L22 4:13"}))
        << text;
  }
  EXPECT_EQ(
      message("L22", unused("", "  # lint: allow L2")),
      "a suppression says why; write '# lint: allow L9 because ...' with the check's id and the reason");
}

TEST(LintSuppressions, NameSeveralChecks) {
  EXPECT_EQ(found(unused("", "  # lint: allow L2, L19 because both are meant")), Places{"L23 4:13 note"});
  EXPECT_EQ(found(unused("", "  # lint: allow L2 because one is meant  ")), Places{});
}

TEST(LintSuppressions, WaitForWhatWasNotLookedFor) {
  EXPECT_EQ(found(unused("", "  # lint: allow L2, L21 because it is for a group to come")), Places{});
  EXPECT_EQ(found(unused("", "  # lint: allow L2, L21 because it is for a group to come"),
                  {{}, std::vector<std::string>{"g"}}),
            Places{"L23 4:13 note"});
}

TEST(LintSuppressions, HideFindingsHoweverManyThereAre) {
  std::string text = "roles:\n";
  for (int i = 0; i < 510; ++i) {
    text += "  idle" + std::to_string(i) +
            (i % 255 == 254 ? ": {}  # lint: allow L2 because it comes next month\n" : ": {}\n");
  }
  text +=
      "  r: {}\n"
      "bindings: [{role: r, groups: [g]}]\n"
      "resources: {s: {hosts: [a.example.com]}}\n"
      "rules: [{id: one, effect: allow, roles: [r], resources: [s], methods: [read]}]\n";
  const Report report = report_of(text);
  const Places places = found(report);
  EXPECT_EQ(places.size(), 501U);
  EXPECT_EQ(report.findings.size(), 503U);
  EXPECT_EQ(report.findings.front().message, "and 8 more of this kind");
  EXPECT_EQ(std::count_if(places.begin(), places.end(), [](const auto& place) { return place[1] != '2'; }),
            0);
  EXPECT_FALSE(report.findings.back().mark.line < 500);
}

TEST(LintSuppressions, CountWhatIsSaidTwiceOnce) {
  // Through the alias the list is met twice.
  std::string repeated;
  for (int i = 0; i < 300; ++i) {
    repeated += ", x" + std::to_string(i) + ", x" + std::to_string(i);
  }
  const Places places = found(
      "roles: {r: {}}\n"
      "bindings: [{role: r, groups: &g [g" +
      repeated +
      "]}, {role: r, users: *g}]\n"
      "resources: {s: {hosts: [a.example.com]}}\n"
      "rules: [{id: one, effect: allow, roles: [r], resources: [s], methods: [read]}]\n");
  EXPECT_EQ(std::count_if(places.begin(), places.end(), [](const auto& p) { return p.starts_with("L3 "); }),
            300);
}

TEST(LintSuppressions, AreCommentsAndNoTextInQuotes) {
  EXPECT_EQ(comment_texts("a: 1 # one\n"
                          "# two\n"
                          "b: \"# no\" # three\n"
                          "c: '# it''s no'# no\n"
                          "d: x#no\n"
                          "e: \"a \\\" # no\n  # no\" # four\n"
                          "f: don't # five\n"
                          "g: [\"#\", '#'] #six\n"
                          "h: rock 'n roll # seven\n"
                          "i: &here '# no' # eight\n"
                          "j: a size of 5 \" # nine\n"),
            (std::vector<std::string>{"1:6 one", "2:1 two", "3:11 three", "7:9 four", "8:10 five", "9:15 six",
                                      "10:17 seven", "11:17 eight", "12:18 nine"}));
}

TEST(LintSuppressions, AreNoTextOfBlockScalars) {
  EXPECT_EQ(comment_texts("a: | # one\n"
                          "  # no\n"
                          "\n"
                          "   # no\n"
                          "# two\n"
                          "b:\n"
                          "  - >-\n"
                          "    # no\n"
                          "  # three\n"
                          "c: x | # four\n"
                          "  # five\n"),
            (std::vector<std::string>{"1:6 one", "5:1 two", "9:3 three", "10:8 four", "11:3 five"}));
}

TEST(LintSuppressions, AreNoTextOfScalarsHoweverTheseBegin) {
  EXPECT_EQ(
      comment_texts("a: &m | # one\n"
                    "  # no\n"
                    "b: |2 # two\n"
                    "      # no\n"
                    "  # no\n"
                    "c: &n >-\n"
                    "  # no\n"
                    "d: &o\n"
                    "  |+ # three\n"
                    "  # no\n"
                    "\n"
                    "# four\n"
                    "? | # five\n"
                    "  # no\n"
                    ": x # six\n"),
      (std::vector<std::string>{"1:9 one", "3:7 two", "9:6 three", "12:1 four", "13:5 five", "15:5 six"}));
  EXPECT_EQ(comment_texts("a: Closed - 'til Monday # one\n"
                          "b: it, 'tis # two\n"
                          "c: a: ' # not yaml\n"),
            (std::vector<std::string>{"1:25 one", "2:13 two"}));
  EXPECT_EQ(comment_texts("a: plain\n  over lines#no\n  - 'x # one\nb: [x, 'y'] # two"),
            (std::vector<std::string>{"3:8 one", "4:13 two"}));
}

TEST(LintSuppressions, StandOnTheLinesThatTheParserCounts) {
  EXPECT_EQ(comment_texts("a: 1 # one\rb: 2 # two\r\nc: 3 # three"),
            (std::vector<std::string>{"1:6 one", "2:6 two", "3:6 three"}));
}

TEST(LintSuppressions, InsideAMessageHideNothing) {
  for (const std::string_view message :
       {"&m |\n      Closed.\n      # lint: allow L12 because of this text\n",
        "|2\n      Closed.\n      # lint: allow L12 because of this text\n",
        "Closed - 'til Monday # lint: allow L12 because of this comment\n"}) {
    const std::string text =
        "resources: {s: {hosts: [a.example.com]}, t: {hosts: [b.example.com]}}\nrules:\n"
        "  - id: d\n    effect: deny\n    roles: [anonymous]\n    resources: [s]\n"
        "    methods: [any]\n    message: " +
        std::string(message) +
        "  - {id: a, effect: allow, roles: [everyone], resources: [s, t], methods: [any]}\n";
    const bool comment = message.find("comment") != std::string_view::npos;
    EXPECT_EQ(found(text), comment ? (Places{"L23 10:35 note", "L20 11:36", "L12 11:76"})
                                   : (Places{"L20 13:36", "L12 13:76"}))
        << text;
  }
}

TEST(LintSuppressions, CountColumnsInCharacters) {
  EXPECT_EQ(comment_texts("\xEF\xBB\xBFz\xC3\xA9: 1 # one\r\n"), std::vector<std::string>{"1:7 one"});
}

}  // namespace tallygate::policy::lint::test
