#include "policy/testing/rewrite.hpp"

#include "policy/testing/suite_reader.hpp"
#include "tests/policy/explain/world.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tallygate::policy::testing {
namespace {

/// A suite whose tests are `tests`, asked of the policy of policy.md.
class Updated {
 public:
  explicit Updated(std::string tests, std::string_view filter = {}, bool from_windows = false) {
    text_ = std::string(
                "# ä comment that stays\n"
                "suite: s\npolicy: p.yaml\nnow: \"2026-03-04T10:00:00Z\"\n"
                "principals:\n  ana: {groups: [staff]}\n  bob: {groups: [staff, wiki-editors]}\n"
                "contexts:\n  office: {ip: 10.20.3.4, mfa_age: 5m, device: {managed: true, disk_encrypted: "
                "true}}\n"
                "requests:\n  page: GET https://wiki.example.com/7\n  save: POST https://wiki.example.com/7\n"
                "tests:\n") +
            tests;
    if (from_windows) {
      for (std::size_t at = text_.find('\n'); at != std::string::npos; at = text_.find('\n', at + 2)) {
        text_.insert(at, "\r");
      }
      text_.insert(0, "\xEF\xBB\xBF");
    }
    yaml::Result<Suite> suite = read_suite({"s.yaml", text_});
    if (suite.has_error()) {
      ADD_FAILURE() << yaml::to_string(suite.error());
      return;
    }
    loaded_ = {*std::move(suite), world_.program, text_};
    const RunResult chosen = run({&loaded_, 1}, *Filter::parse(filter));
    const RunResult all = run({&loaded_, 1}, {});
    rewrite_ = rewrite_cells(text_, chosen.suites.front(), all.suites.front());
  }

  /// What the tests read afterwards.
  [[nodiscard]] std::string tests() const { return rewrite_.text.substr(rewrite_.text.find("tests:") + 7); }
  [[nodiscard]] std::string left() const { return yaml::to_string(rewrite_.left); }
  [[nodiscard]] std::size_t rewritten() const { return rewrite_.rewritten; }
  [[nodiscard]] const std::string& before() const { return text_; }
  [[nodiscard]] const std::string& after() const { return rewrite_.text; }

 private:
  World world_;
  std::string text_;
  LoadedSuite loaded_;
  Rewrite rewrite_;
};

TEST(Rewriting, ChangesTheCellsThatDifferAndNotAByteElsewhere) {
  const Updated updated(
      "  - name: t   # why\n    context: office\n    table:\n"
      "      columns: [page,   save]\n"
      "      ana:     [deny,   deny default] # ana ä\n"
      "      bob:     [allow edit-wiki  ,  deny ]\n");
  EXPECT_EQ(updated.tests(),
            "  - name: t   # why\n    context: office\n    table:\n"
            "      columns: [page,   save]\n"
            "      ana:     [allow,   deny default] # ana ä\n"
            "      bob:     [allow read-wiki  ,  allow ]\n");
  EXPECT_EQ(updated.rewritten(), 3U);
  EXPECT_EQ(updated.left(), "");
}

TEST(Rewriting, ChangesNothingWhereEverythingPasses) {
  const Updated updated("  - {name: t, principals: [ana], requests: [page], expect: allow}\n");
  EXPECT_EQ(updated.after(), updated.before());
  EXPECT_EQ(updated.rewritten(), 0U);
}

TEST(Rewriting, KeepsWhetherACellNamesWhatDecides) {
  EXPECT_EQ(Updated("  - {name: t, principals: [ana], requests: [page], expect: deny}\n").tests(),
            "  - {name: t, principals: [ana], requests: [page], expect: allow}\n");
  EXPECT_EQ(Updated("  - {name: t, principals: [ana], requests: [page], expect: deny default}\n").tests(),
            "  - {name: t, principals: [ana], requests: [page], expect: allow read-wiki}\n");
}

TEST(Rewriting, KeepsQuotesAndAnchors) {
  EXPECT_EQ(Updated("  - {name: t, principals: [ana], requests: [page], expect: \"deny default\"}\n").tests(),
            "  - {name: t, principals: [ana], requests: [page], expect: \"allow read-wiki\"}\n");
  EXPECT_EQ(Updated("  - {name: t, principals: [ana], requests: [page], expect: &x 'deny'}\n"
                    "  - {name: u, principals: [bob], requests: [page], expect: *x }\n")
                .tests(),
            "  - {name: t, principals: [ana], requests: [page], expect: &x 'allow'}\n"
            "  - {name: u, principals: [bob], requests: [page], expect: *x }\n");
}

TEST(Rewriting, FindsCellsInFilesWithAByteOrderMarkAndLineEndsOfWindows) {
  const std::string tests =
      "  - name: t\n    principals: [ana]\n    requests: [page]\n    expect: deny # ü\n";
  const Updated updated(tests, {}, true);
  std::string wanted = updated.before();
  wanted.replace(wanted.find("deny"), 4, "allow");
  EXPECT_EQ(updated.after(), wanted);
}

TEST(Rewriting, RewritesATextOfManyCellsOnlyIfItIsRightForAll) {
  const std::string same = "  - {name: t, principals: [ana, bob], requests: [page], expect: deny}\n";
  EXPECT_EQ(Updated(same).rewritten(), 1U);
  const std::string unlike =
      "  - {name: t, context: office, principals: [ana, bob], requests: [save], expect: step-up}\n";
  const Updated updated(unlike);
  EXPECT_EQ(updated.tests(), unlike);
  EXPECT_EQ(
      updated.left(),
      "s.yaml:14:82: not rewritten: one text cannot say what comes out for ana, save: deny default; bob, "
      "save: allow edit-wiki\n");
  // What the filter leaves out is looked at, since the text speaks for it too.
  EXPECT_EQ(Updated(unlike, "principal=ana").tests(), unlike);
}

TEST(Rewriting, NamesARuleOnlyIfItDecidesForAll) {
  EXPECT_EQ(Updated("  - {name: t, context: office, principals: [bob], requests: [page, save], expect: deny "
                    "default}\n")
                .tests(),
            "  - {name: t, context: office, principals: [bob], requests: [page, save], expect: allow}\n");
}

TEST(Rewriting, RewritesOnlyWhatTheFilterChose) {
  const Updated updated(
      "  - name: t\n    context: office\n    table: {columns: [page], ana: [deny], bob: [deny]}\n",
      "principal=bob");
  EXPECT_EQ(updated.tests(),
            "  - name: t\n    context: office\n    table: {columns: [page], ana: [deny], bob: [allow]}\n");
}

TEST(Rewriting, WritesTheExpectationOfARawRequestWhereItStands) {
  EXPECT_EQ(Updated("  - name: t\n    principals: [ana]\n    raw:\n"
                    "      - {line: \"GET /7 HTTP/1.1\", host: wiki.example.com}\n"
                    "      - {line: \"GET /%2f HTTP/1.1\", host: wiki.example.com, expect: reject control}\n"
                    "    expect: deny\n")
                .tests(),
            "  - name: t\n    principals: [ana]\n    raw:\n"
            "      - {line: \"GET /7 HTTP/1.1\", host: wiki.example.com}\n"
            "      - {line: \"GET /%2f HTTP/1.1\", host: wiki.example.com, expect: reject encoded-slash}\n"
            "    expect: allow\n");
}

TEST(Rewriting, LeavesATextThatMeansSomethingElseElsewhere) {
  const std::string shared =
      "  - name: &x deny\n    principals: [ana]\n    requests: [page]\n    expect: *x\n"
      "  - {name: other, principals: [ana], requests: [page], expect: allow}\n";
  const Updated updated(shared);
  EXPECT_EQ(updated.tests(), shared);
  EXPECT_EQ(updated.left(),
            "s.yaml:14:11: not rewritten: this cell shares its text with something else, through an alias; "
            "write it "
            "out\n");
}

TEST(Rewriting, LeavesWhatIsWrittenOverSeveralLines) {
  const std::string folded =
      "  - name: t\n    principals: [ana]\n    requests: [page]\n    expect: deny\n      default\n";
  const Updated updated(folded);
  EXPECT_EQ(updated.tests(), folded);
  EXPECT_EQ(
      updated.left(),
      "s.yaml:17:13: not rewritten: this cell is not written as plain text on one line; it would be 'allow "
      "read-wiki'\n");
}

}  // namespace
}  // namespace tallygate::policy::testing
