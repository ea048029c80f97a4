// The verifier on journals of the writer that ships: while it is open, after it closed, and as it left them
// in the vectors.
#include "audit/proof/verify.hpp"
#include "audit/search/reader.hpp"
#include "tests/audit/proof/reference_support.hpp"
#include "tests/audit/support/home.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace tallygate::audit {
namespace {

namespace fs = std::filesystem;

VerifyReport verify(const fs::path& journal, const std::string& root, const fs::path& head) {
  VerifyOptions options{journal, *load_root_key(root), head, {}, {}, {}, 2, {}};
  const auto report = verify_journal(options);
  EXPECT_TRUE(report) << report.error().message;
  return report ? *report : VerifyReport{};
}

std::vector<std::string> found(const VerifyReport& report) {
  std::vector<std::string> all;
  for (const Finding& finding : report.findings) {
    all.push_back(finding.what + "@" + std::to_string(finding.seq) + " " + finding.detail);
  }
  return all;
}

TEST(ShippedJournal, IsWholeWhileOpenAfterClosingAndAfterOpeningAgain) {
  testing::Home home;
  for (int run = 0; run < 2; ++run) {
    auto journal = Journal::open(home.options());
    ASSERT_TRUE(journal) << journal.error().message;
    for (const std::size_t count : {1U, 7U, 40U}) {
      home.time.advance(std::chrono::seconds(1));
      ASSERT_TRUE(testing::append(**journal, count));
    }
    const VerifyReport open = verify(home.journal(), home.root().vkey(), home.head());
    EXPECT_THAT(found(open), ::testing::IsEmpty());
    EXPECT_EQ(open.entries, (*journal)->size());
    EXPECT_EQ(open.anchors, (std::vector<AnchorReport>{{"head", (*journal)->size(), true}}));
    EXPECT_EQ(open.proven_size, (*journal)->size());
    ASSERT_TRUE((*journal)->close());
    const auto before = reference::traces(home.journal());
    EXPECT_THAT(found(verify(home.journal(), home.root().vkey(), home.head())), ::testing::IsEmpty());
    EXPECT_EQ(reference::traces(home.journal()), before);
  }
}

TEST(ShippedJournal, OneAlteredByteOfItsFileIsFound) {
  testing::Home home;
  {
    auto journal = Journal::open(home.options());
    ASSERT_TRUE(journal);
    ASSERT_TRUE(testing::append(**journal, 30));
    ASSERT_TRUE((*journal)->close());
  }
  std::string bytes = reference::read_file(home.segment());
  const std::size_t at = bytes.find("access.allow", bytes.size() / 2);
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at, 12, "access.alloy");
  reference::write_file(home.segment(), bytes);
  EXPECT_FALSE(verify(home.journal(), home.root().vkey(), home.head()).ok);
}

// tests/vectors holds a journal of format 1 that every later version must read and find whole.
class Vectors : public ::testing::Test {
 protected:
  fs::path vectors_ = fs::path(TALLYGATE_SOURCE_DIR) / "tests" / "vectors" / "journal-1";
};

TEST_F(Vectors, TheJournalOfFormat1IsWhole) {
  const auto before = reference::traces(vectors_);
  const VerifyReport report =
      verify(vectors_ / "journal", (vectors_ / "root.pem").string(), vectors_ / "head");
  EXPECT_THAT(found(report), ::testing::IsEmpty());
  EXPECT_EQ(report.entries, 28U);
  EXPECT_EQ(report.origin, "gw.example.com/journal");
  std::ifstream expected(vectors_ / "root-hash.txt");
  std::string root;
  expected >> root;
  ASSERT_TRUE(report.root);
  EXPECT_EQ(to_hex(*report.root), root);
  EXPECT_EQ(reference::traces(vectors_), before);
}

TEST_F(Vectors, TheJournalOfFormat1IsNotProvenByAnotherKey) {
  const reference::Key other("gw.example.com/journal/root", "another");
  const VerifyReport report = verify(vectors_ / "journal", other.vkey(), vectors_ / "head");
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings[0].what, "charter-forged");
}

}  // namespace
}  // namespace tallygate::audit
