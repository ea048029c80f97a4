// Consistency between two checkpoints of a journal of the reference writer, checked with nothing but the
// provisioning key.
#include "audit/proof/consistency_proof.hpp"

#include "audit/journal/tree.hpp"
#include "audit/proof/tlog_proof.hpp"
#include "audit/search/prove_consistency.hpp"
#include "tests/audit/proof/reference_support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace tallygate::audit {
namespace {

using reference::Folder;
using reference::Journal;
using reference::Key;
using testing::HasSubstr;

class Consistency : public testing::Test {
 protected:
  void SetUp() override {
    journal_.requests(9);
    journal_.rotate("second");
    journal_.requests(9);
    journal_.seal();
    journal_.requests(9);
    journal_.rotate("third");
    journal_.requests(9);
    journal_.write();
  }
  RootKey root() { return *load_root_key(journal_.root().vkey()); }
  std::string proof(const CheckpointChoice& from, const CheckpointChoice& to) {
    const auto made = prove_consistency(journal_.folder, from, to);
    EXPECT_TRUE(made) << made.error().message;
    return made ? *made : std::string();
  }
  Failure refused(const CheckpointChoice& from, const CheckpointChoice& to) {
    const auto made = prove_consistency(journal_.folder, from, to);
    EXPECT_FALSE(made);
    return made ? Failure{} : made.error();
  }
  std::string why_not(const std::string& bytes) {
    const auto checked = check_consistency_proof(bytes, root());
    return checked ? "it holds" : checked.error().message;
  }
  std::uint64_t end() { return journal_.bodies.size(); }

  Folder folder_;
  Journal journal_{folder_.path / "journal"};
};

TEST_F(Consistency, HoldsBetweenAnyTwoCheckpoints) {
  for (const auto& older : journal_.notes) {
    for (const auto& newer : journal_.notes) {
      if (older.size > newer.size) {
        continue;
      }
      const auto proven = check_consistency_proof(proof(older.size, newer.size), root());
      ASSERT_TRUE(proven) << older.size << " to " << newer.size << ": " << proven.error().message;
      EXPECT_EQ(proven->older.size, older.size);
      EXPECT_EQ(proven->newer.size, newer.size);
      EXPECT_THAT(newer.bytes, HasSubstr(base64_encode(proven->newer.root)));
      EXPECT_THAT(older.bytes, HasSubstr(base64_encode(proven->older.root)));
      EXPECT_EQ(proven->origin, journal_.origin);
    }
  }
}

TEST_F(Consistency, NotesFromElsewhereMayBeHeldTogetherWithTheJournal) {
  const auto& note = journal_.notes[3];
  const auto proven = check_consistency_proof(prove_consistency(journal_.folder, note.bytes).value(), root());
  ASSERT_TRUE(proven) << proven.error().message;
  EXPECT_EQ(proven->older.size, note.size);
  EXPECT_EQ(proven->newer.size, end());
  // One that was never stored, as a witness may have it.
  EXPECT_EQ(why_not(proof(journal_.note(4, {journal_.key_at(4)}), end())), "it holds");
}

TEST_F(Consistency, EachByteOfTheFileMatters) {
  const std::string bytes = proof(journal_.notes[2].size, end());
  ASSERT_EQ(why_not(bytes), "it holds");
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string altered = bytes;
    altered[i] = static_cast<char>(altered[i] ^ 0x01);
    EXPECT_NE(why_not(altered), "it holds") << "byte " << i;
  }
}

TEST_F(Consistency, AnotherHistoryUnderTheSameKeyIsRefused) {
  Journal fork(folder_.path / "fork");
  fork.requests(3);
  fork.requests(4);
  const std::string note = fork.notes.back().bytes;  // its size is not one of the journal's
  const auto made = prove_consistency(journal_.folder, note);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, FailureKind::tampered);
  EXPECT_THAT(made.error().message, HasSubstr("not the beginning"));
}

TEST_F(Consistency, AJournalThatEndsBeforeTheCheckpointIsRefused) {
  Journal longer(folder_.path / "longer");
  longer.requests(100);
  const Failure failure = refused(journal_.notes[1].size, longer.note(101, {journal_.key()}));
  EXPECT_EQ(failure.kind, FailureKind::tampered);
  EXPECT_THAT(failure.message, HasSubstr("ends at size"));
}

TEST_F(Consistency, SlipsAreNamed) {
  EXPECT_THAT(refused(3U, end()).message, HasSubstr("no checkpoint of size 3; the next one is of size 6"));
  EXPECT_EQ(refused(3U, end()).kind, FailureKind::missing);
  EXPECT_THAT(refused(10U, 6U).message, HasSubstr("larger"));
  EXPECT_EQ(refused(10U, 6U).kind, FailureKind::invalid);
  EXPECT_EQ(refused(std::string("nonsense"), end()).kind, FailureKind::invalid);
  EXPECT_THAT(refused(journal_.note(6, {Key(journal_.origin, "forger")}), end()).message,
              HasSubstr("no signature of"));
  EXPECT_EQ(prove_consistency(folder_.path / "none", std::uint64_t{1}).error().kind, FailureKind::missing);
}

TEST_F(Consistency, PartsOfOtherProofsDoNotFit) {
  const auto one = parse_consistency_proof(proof(6U, end())).value();
  const auto two = parse_consistency_proof(proof(10U, end())).value();
  EXPECT_NE(why_not(format_consistency_proof({one.keys, two.older, one.path, one.newer})), "it holds");
  EXPECT_NE(why_not(format_consistency_proof({one.keys, one.older, two.path, one.newer})), "it holds");
  EXPECT_THAT(why_not(format_consistency_proof({one.keys, one.newer, {}, one.older})), HasSubstr("larger"));
  const auto early = parse_consistency_proof(proof(1U, 2U)).value();
  EXPECT_NE(why_not(format_consistency_proof({early.keys, one.older, one.path, one.newer})), "it holds")
      << "rotations are missing";
  EXPECT_THAT(check_consistency_proof(proof(6U, end()),
                                      *load_root_key(Key(journal_.origin + "/root", "another").vkey()))
                  .error()
                  .message,
              HasSubstr("another provisioning key"));
}

TEST_F(Consistency, OfAKeyThatWasRevokedNothingIsProven) {
  Journal journal(folder_.path / "revoked");
  journal.requests(8);
  journal.revoke(journal.key().vkey(), 7, "n1");
  journal.write();
  EXPECT_TRUE(prove_consistency(journal.folder, std::uint64_t{2}, std::uint64_t{6}));
  EXPECT_FALSE(prove_consistency(journal.folder, std::uint64_t{2}, std::uint64_t{10}));
}

TEST(ConsistencyFile, IsReadAsItIsWrittenAndNotOtherwise) {
  const std::string file =
      "tallygate consistency-proof v1\n"
      "extra aGVsbG8=\n"
      "old aGVsbG8=\n"
      "yiM+eia4w1wsk/Ukx7kF56IQVkDW3MWUaUz/VtJu+yU=\n"
      "\n"
      "note\n";
  const auto proof = parse_consistency_proof(file).value();
  EXPECT_EQ(proof.keys, "hello");
  EXPECT_EQ(proof.path.size(), 1U);
  EXPECT_EQ(proof.newer, "note\n");
  EXPECT_EQ(format_consistency_proof(proof), file);
  const auto with = [&file](const std::string& from, const std::string& to) {
    std::string text = file;
    return text.replace(text.find(from), from.size(), to);
  };
  for (const std::string& text :
       {std::string(), with("v1", "v2"), with("extra ", "extra"), with("extra aGVsbG8=", "extra "),
        with("old aGVsbG8=", "old aGVsbG8"), with("old ", "new "), with("yiM+", " iM+"), with("\nnote\n", ""),
        with("note\n", ""), file + std::string(tlog_proof_bytes_max, 'x')}) {
    EXPECT_FALSE(parse_consistency_proof(text)) << text.substr(0, 100);
  }
}

}  // namespace
}  // namespace tallygate::audit
