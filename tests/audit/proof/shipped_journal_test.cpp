// The verifier on journals of the writer that ships: while it is open, after it closed, and as it left them
// in the vectors.
#include "audit/journal/canonical_json.hpp"
#include "audit/proof/entry_proof.hpp"
#include "audit/proof/segment_reader.hpp"
#include "audit/proof/verify.hpp"
#include "audit/search/prove.hpp"
#include "audit/search/reader.hpp"
#include "tests/audit/proof/reference_support.hpp"
#include "tests/audit/support/home.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <map>
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

// And one to which everything happened: tests/vectors/README.md says what.
class LifeVector : public ::testing::Test {
 protected:
  VerifyReport verified() const {
    return verify(vectors_ / "journal", (vectors_ / "root.pem").string(), vectors_ / "head");
  }
  std::map<std::string, int> kinds() const {
    std::map<std::string, int> all;
    auto reader = JournalReader::open(vectors_ / "journal");
    const auto read = reader ? reader->up(0, reader->end().value(),
                                          [&all](std::uint64_t, std::string_view body) {
                                            std::array<WantedMember, 1> members = {WantedMember{"kind", {}}};
                                            EXPECT_FALSE(check_canonical_object(body, members));
                                            ++all[json_string(members[0].json).value_or("")];
                                            return true;
                                          })
                             : Result<void>(reader.error());
    EXPECT_TRUE(read) << read.error().message;
    return all;
  }

  fs::path vectors_ = fs::path(TALLYGATE_SOURCE_DIR) / "tests" / "vectors" / "journal-1-life";
};

TEST_F(LifeVector, IsWhole) {
  const auto before = reference::traces(vectors_);
  const VerifyReport report = verified();
  EXPECT_THAT(found(report), ::testing::IsEmpty());
  EXPECT_EQ(report.entries, 39U) << "those that have a body";
  EXPECT_EQ(report.proven_size, 55U);
  ASSERT_TRUE(report.root);
  EXPECT_EQ(to_hex(*report.root) + "\n", reference::read_file(vectors_ / "root-hash.txt"));
  EXPECT_EQ(reference::traces(vectors_), before);
}

TEST_F(LifeVector, HoldsEverythingThatItsReadmeNames) {
  const auto all = kinds();
  for (const char* kind :
       {"key.provision", "key.rotate", "key.revoke", "journal.seal", "journal.retire", "journal.hold",
        "journal.release", "journal.erase", "journal.recover", "writer.enrol", "writer.revoke",
        "ingest.record", "ingest.quarantine", "access.allow", "access.deny", "access.end", "gateway.stop"}) {
    EXPECT_TRUE(all.contains(kind)) << kind;
  }
  auto stub = SegmentReader::open(vectors_ / "journal" / "000000000000.db");
  ASSERT_TRUE(stub);
  EXPECT_EQ(stub->meta("state").value(), "stub");
  EXPECT_EQ(stub->meta("format").value(), "1");
}

// Proofs lead through changes of the key, past a revocation, a recovery and bodies that are gone.
TEST_F(LifeVector, ProvesItsEntries) {
  reference::Folder copy;
  fs::copy(vectors_ / "journal", copy.path / "journal");
  const auto root = load_root_key((vectors_ / "root.pem").string());
  ASSERT_TRUE(root);
  auto reader = JournalReader::open(copy.path / "journal");
  ASSERT_TRUE(reader);
  const std::uint64_t end = reader->end().value();
  std::size_t proven = 0;
  for (std::uint64_t seq = 0; seq < end; ++seq) {
    const auto body = reader->entry(seq).value();
    const auto proof = prove_entry(copy.path / "journal", seq);
    ASSERT_TRUE(proof) << seq << ": " << proof.error().message;
    EXPECT_EQ(proof->has_value(), body.has_value()) << seq;
    if (*proof) {
      const auto checked = check_entry_proof(**proof, *root);
      ASSERT_TRUE(checked) << seq << ": " << checked.error().message;
      ++proven;
    }
  }
  EXPECT_LT(proven, end) << "some bodies were retired";
  EXPECT_GT(proven, end / 2);
}

}  // namespace
}  // namespace tallygate::audit
