// Proofs of single entries: made from a journal of the reference writer, checked with nothing but the
// provisioning key.
#include "audit/proof/entry_proof.hpp"

#include "audit/journal/tree.hpp"
#include "audit/proof/key_chain.hpp"
#include "audit/proof/tlog_proof.hpp"
#include "audit/search/prove.hpp"
#include "audit/search/tree_index.hpp"
#include "tests/audit/proof/reference_support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace tallygate::audit {
namespace {

using reference::Folder;
using reference::Journal;
using reference::Key;
using testing::HasSubstr;

class EntryProof : public testing::Test {
 protected:
  std::string proof_of(std::uint64_t seq) {
    auto proof = prove_entry(journal_.folder, seq);
    EXPECT_TRUE(proof) << proof.error().message;
    return proof && *proof ? **proof : std::string();
  }
  Result<ProvenEntry> check(const std::string& proof) {
    return check_entry_proof(proof, *load_root_key(journal_.root().vkey()));
  }
  std::string why_not(const std::string& proof) {
    const auto checked = check(proof);
    return checked ? "it holds" : checked.error().message;
  }
  std::filesystem::path index() { return journal_.folder / "index.db"; }

  Folder folder_;
  Journal journal_{folder_.path / "journal"};
};

TEST_F(EntryProof, EveryEntryIsProvenByTheProvisioningKeyAlone) {
  journal_.requests(300);
  journal_.write();
  for (std::uint64_t seq = 0; seq < journal_.bodies.size(); ++seq) {
    const auto proven = check(proof_of(seq));
    ASSERT_TRUE(proven) << seq << ": " << proven.error().message;
    EXPECT_EQ(proven->body, journal_.bodies[seq]);
    EXPECT_EQ(proven->seq, seq);
    EXPECT_GT(proven->size, seq);
    EXPECT_LE(proven->size, seq + 4) << "the first checkpoint over it";
    EXPECT_EQ(proven->origin, journal_.origin);
  }
}

TEST_F(EntryProof, ThereIsNoneOfAnEntryThatIsNotThere) {
  journal_.requests(4);
  journal_.write();
  EXPECT_FALSE(prove_entry(journal_.folder, journal_.bodies.size()).value());
}

TEST_F(EntryProof, EachByteOfTheFileMatters) {
  journal_.requests(40);
  journal_.write();
  const std::string proof = proof_of(17);
  ASSERT_TRUE(check(proof));
  for (std::size_t i = 0; i < proof.size(); ++i) {
    std::string altered = proof;
    altered[i] = static_cast<char>(altered[i] ^ 0x01);
    EXPECT_FALSE(check(altered)) << "byte " << i;
  }
}

TEST_F(EntryProof, AnotherProvisioningKeyProvesNothing) {
  journal_.requests(4);
  journal_.write();
  const auto root = load_root_key(Key(journal_.origin + "/root", "another").vkey()).value();
  EXPECT_THAT(check_entry_proof(proof_of(3), root).error().message, HasSubstr("another provisioning key"));
}

TEST_F(EntryProof, AnotherEntryInItsPlaceIsNoticed) {
  journal_.requests(40);
  journal_.write();
  TlogProof proof = parse_tlog_proof(proof_of(17)).value();
  std::string body = journal_.bodies[17];
  body.replace(body.find("alice"), 5, "mally");
  const std::string charter = charter_line(journal_.bodies[0]).value();
  proof.extra = charter + body;
  EXPECT_THAT(why_not(format_tlog_proof(proof)), HasSubstr("not in the tree"));
  proof.extra = charter + journal_.bodies[18];
  EXPECT_THAT(why_not(format_tlog_proof(proof)), HasSubstr("says it is number 18"));
  proof.index = 18;
  EXPECT_THAT(why_not(format_tlog_proof(proof)), HasSubstr("not in the tree"));
}

TEST_F(EntryProof, ACheckpointThatAnotherKeySignedIsNoticed) {
  journal_.requests(40);
  journal_.write();
  TlogProof proof = parse_tlog_proof(proof_of(17)).value();
  proof.checkpoint = journal_.note(journal_.bodies.size(), {Key(journal_.origin, "forger")});
  EXPECT_THAT(why_not(format_tlog_proof(proof)), HasSubstr("no signature of " + journal_.key().vkey()));
}

TEST_F(EntryProof, AJournalThatWasAlteredGivesNoProof) {
  journal_.requests(40);
  journal_.write();
  std::string body = journal_.bodies[9];
  body.replace(body.find("alice"), 5, "mally");
  reference::sql_against_triggers(journal_.segment_file(0),
                                  "UPDATE entry SET body = " + reference::blob(body) + " WHERE seq = 9");
  EXPECT_EQ(prove_entry(journal_.folder, 17).error().kind, FailureKind::tampered);
}

TEST_F(EntryProof, TheIndexGrowsWithTheJournal) {
  journal_.requests(100);
  journal_.write();
  proof_of(5);
  EXPECT_TRUE(std::filesystem::exists(index()));
  journal_.requests(900);
  journal_.write();
  const auto proven = check(proof_of(777));
  ASSERT_TRUE(proven) << proven.error().message;
  EXPECT_EQ(proven->body, journal_.bodies[777]);
}

TEST_F(EntryProof, AnIndexThatLeadsElsewhereIsMadeAgain) {
  journal_.requests(600);
  journal_.write();
  proof_of(5);
  reference::sql(index(), "UPDATE tile SET hashes = zeroblob(8192) WHERE level = 0 AND number = 1");
  EXPECT_TRUE(check(proof_of(5)));
  reference::sql(index(), "UPDATE tree SET size = 7");
  EXPECT_TRUE(check(proof_of(5)));
  reference::sql(index(), "UPDATE tree SET size = 1000000");
  EXPECT_TRUE(check(proof_of(5)));
  reference::write_file(index(), std::string(10'000, 'x'));
  EXPECT_TRUE(check(proof_of(5)));
  std::filesystem::remove(index());
  EXPECT_TRUE(check(proof_of(5)));
}

TEST_F(EntryProof, SegmentsMakeOneTree) {
  journal_.requests(50);
  journal_.seal();
  journal_.requests(50);
  journal_.write();
  for (const std::uint64_t seq : {std::uint64_t{3}, std::uint64_t{60}}) {
    const auto proven = check(proof_of(seq));
    ASSERT_TRUE(proven) << proven.error().message;
    EXPECT_EQ(proven->body, journal_.bodies[seq]);
  }
}

TEST_F(EntryProof, WhereNothingCanBeWrittenMemoryWillDo) {
  journal_.requests(20);
  journal_.write();
  std::filesystem::create_directory(index());  // no file can take its place
  EXPECT_TRUE(check(proof_of(5)));
}

// Writing is forbidden to whoever runs this; root becomes somebody else, who may read.
class ReadOnly {
 public:
  explicit ReadOnly(const std::filesystem::path& folder) : folder_(folder) {
    namespace fs = std::filesystem;
    fs::permissions(folder.parent_path(), fs::perms(0755));
    for (const auto& entry : fs::directory_iterator(folder)) {
      fs::permissions(entry.path(), fs::perms(0444));
    }
    fs::permissions(folder, fs::perms(0555));
    EXPECT_EQ(was_ == 0 ? ::seteuid(somebody) : 0, 0);
  }
  ReadOnly(const ReadOnly&) = delete;
  ReadOnly& operator=(const ReadOnly&) = delete;
  ~ReadOnly() {
    EXPECT_EQ(was_ == 0 ? ::seteuid(was_) : 0, 0);
    std::filesystem::permissions(folder_, std::filesystem::perms(0755));
  }
  static constexpr uid_t somebody = 12'345;

 private:
  std::filesystem::path folder_;
  uid_t was_ = ::geteuid();
};

TEST_F(EntryProof, AnIndexThatCannotBeWrittenIsGoneOnFromInMemory) {
  journal_.requests(300);
  journal_.write();
  proof_of(5);
  journal_.requests(50);
  journal_.write();
  const ReadOnly folder(journal_.folder);
  const auto proven = check(proof_of(320));
  ASSERT_TRUE(proven) << proven.error().message;
  EXPECT_EQ(proven->body, journal_.bodies[320]);
}

TEST_F(EntryProof, AnIndexWhoseFileIsTakenAwayGoesOnInMemory) {
  journal_.requests(300);
  journal_.write();
  auto reader = JournalReader::open(journal_.folder).value();
  auto tree = TreeIndex::open(journal_.folder).value();
  ASSERT_TRUE(tree.extend(reader, 100));
  std::filesystem::remove(index());
  const auto extended = tree.extend(reader, 300);
  ASSERT_TRUE(extended) << extended.error().message;
  EXPECT_EQ(to_hex(tree.root(300).value()), reference::hex(reference::tree_root(journal_.bodies, 300)));
}

TEST_F(EntryProof, ALinkInPlaceOfTheIndexIsNotFollowed) {
  journal_.requests(20);
  journal_.write();
  const auto nowhere = folder_.path / "nowhere";
  std::filesystem::create_symlink(nowhere, index());
  EXPECT_TRUE(check(proof_of(5)));
  EXPECT_FALSE(std::filesystem::exists(nowhere));
  EXPECT_FALSE(std::filesystem::is_symlink(index()));
}

TEST_F(EntryProof, AnIndexThatRootMakesBelongsToWhomTheFolderBelongsTo) {
  journal_.requests(20);
  journal_.write();
  const bool root = ::geteuid() == 0;
  if (root) {
    ASSERT_EQ(::chown(journal_.folder.c_str(), ReadOnly::somebody, ReadOnly::somebody), 0);
  }
  proof_of(5);
  struct stat status{};
  ASSERT_EQ(::stat(index().c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, root ? ReadOnly::somebody : ::geteuid());
}

TEST_F(EntryProof, TheIndexHoldsTheTreesNodes) {
  journal_.requests(700);
  journal_.write();
  auto reader = JournalReader::open(journal_.folder).value();
  auto tree = TreeIndex::open(journal_.folder).value();
  ASSERT_TRUE(tree.extend(reader, journal_.bodies.size()));
  EXPECT_EQ(tree.size(), journal_.bodies.size());
  Sha256 sha;
  std::vector<Digest> leaves;
  for (const std::string& body : journal_.bodies) {
    leaves.push_back(sha.leaf(body));
  }
  for (unsigned height = 0; height < 10; ++height) {
    for (std::uint64_t i = 0; (i + 1) << height <= leaves.size(); ++i) {
      EXPECT_EQ(tree.node(height, i).value(),
                tree_root(sha, std::span(leaves).subspan(i << height, std::size_t{1} << height)));
    }
  }
  EXPECT_FALSE(tree.node(0, leaves.size()));
  EXPECT_FALSE(tree.extend(reader, journal_.bodies.size() + 1)) << "the journal ends before";
  EXPECT_TRUE(tree.node(0, leaves.size() - 1)) << "what failed has changed nothing";
}

}  // namespace
}  // namespace tallygate::audit
