#include "audit/journal/journal.hpp"

#include "audit/journal/schema.hpp"
#include "tests/audit/support/home.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace tallygate::audit {
namespace {

using testing::append;
using ::testing::HasSubstr;
using testing::holds;
using testing::Home;
using testing::inspect;
using ::testing::IsEmpty;

std::string error_of(const Result<std::unique_ptr<Journal>>& result) {
  return result ? "it was opened" : result.error().message;
}

void copy_over(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing);
}

std::string slurp(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Runs SQL as somebody who has the file and a plain SQLite.
void meddle(const std::filesystem::path& file, const std::string& sql) {
  sqlite3* connection = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &connection), SQLITE_OK);
  char* error = nullptr;
  EXPECT_EQ(sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK) << error;
  sqlite3_free(error);
  sqlite3_close(connection);
}

TEST(Journal, AProvisionedJournalHoldsItsCharterAndVerifies) {
  const Home home;
  const auto seen = inspect(home);
  EXPECT_THAT(seen.faults, IsEmpty());
  ASSERT_EQ(seen.entries.size(), 1U);
  EXPECT_EQ(seen.entries[0].kind, "key.provision");
}

TEST(Journal, OpeningRecordsItAndClosingLeavesOneFile) {
  Home home;
  {
    auto journal = Journal::open(home.options());
    ASSERT_TRUE(journal) << error_of(journal);
    EXPECT_EQ((*journal)->size(), 2U);
    EXPECT_TRUE((*journal)->close());
  }
  EXPECT_FALSE(std::filesystem::exists(home.segment().string() + "-wal"));
  const auto seen = inspect(home);
  EXPECT_THAT(seen.faults, IsEmpty());
  EXPECT_EQ(seen.entries.at(1).kind, "journal.open");
}

TEST(Journal, BatchesOfManySizesAreChainedSignedAndAcknowledged) {
  Home home;
  std::vector<Receipt> receipts;
  {
    auto journal = Journal::open(home.options()).value();
    for (const unsigned count : {1U, 2U, 3U, 7U, 1U, 64U, 5U}) {
      const auto batch = append(*journal, count);
      ASSERT_TRUE(batch) << batch.error().message;
      receipts.insert(receipts.end(), batch->begin(), batch->end());
    }
  }
  const auto seen = inspect(home);
  EXPECT_THAT(seen.faults, IsEmpty());
  EXPECT_EQ(seen.entries.size(), 2U + 83U);
  EXPECT_TRUE(holds(seen, receipts));
}

TEST(Journal, ABatchThatFormedIsTheSameAsOneThatCameWhole) {
  Home home;
  std::vector<Receipt> receipts;
  {
    auto journal = Journal::open(home.options()).value();
    for (int i = 0; i < 5; ++i) {
      auto event = testing::sample_event();
      ASSERT_TRUE(journal->add(event));
      home.time.advance(std::chrono::milliseconds(1));
    }
    EXPECT_EQ(journal->size(), 2U) << "nobody hears of it yet";
    const auto note = journal->commit_added(receipts);
    ASSERT_TRUE(note);
    ASSERT_TRUE(journal->acknowledge(*note));
    EXPECT_EQ(journal->size(), 7U);
    const auto after = append(*journal, 2).value();
    receipts.insert(receipts.end(), after.begin(), after.end());
  }
  const auto seen = inspect(home);
  EXPECT_THAT(seen.faults, IsEmpty());
  EXPECT_EQ(seen.entries.size(), 9U);
  EXPECT_TRUE(holds(seen, receipts));
}

TEST(Journal, ABatchThatIsAbandonedWhileItFormsLeavesNothing) {
  Home home;
  std::vector<Receipt> receipts;
  {
    auto journal = Journal::open(home.options()).value();
    auto event = testing::sample_event();
    ASSERT_TRUE(journal->add(event));
    journal->abandon();
    EXPECT_FALSE(journal->commit_added(receipts));
    receipts = append(*journal, 1).value();
    EXPECT_EQ(receipts.at(0).seq, 2U);
  }
  const auto seen = inspect(home);
  EXPECT_THAT(seen.faults, IsEmpty());
  EXPECT_TRUE(holds(seen, receipts));
}

TEST(Journal, AFileThatIsReplacedWhileABatchFormsTakesNothingOfIt) {
  Home home;
  {
    auto journal = Journal::open(home.options()).value();
    auto event = testing::sample_event();
    ASSERT_TRUE(journal->add(event));
    std::filesystem::rename(home.segment(), home.folder() / "aside");
    std::vector<Receipt> receipts;
    const auto note = journal->commit_added(receipts);
    ASSERT_FALSE(note);
    EXPECT_THAT(note.error().message, HasSubstr("removed or renamed"));
    std::filesystem::rename(home.folder() / "aside", home.segment());
    ASSERT_TRUE(journal->reopen("it was put back"));
  }
  const auto seen = inspect(home);
  EXPECT_THAT(seen.faults, IsEmpty());
  EXPECT_EQ(seen.entries.size(), 3U) << "provision, open, recover";
}

TEST(Journal, ASecondWriterIsTurnedAwayAndToldWhoWrites) {
  Home home;
  const auto first = Journal::open(home.options()).value();
  const auto second = Journal::open(home.options());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, FailureKind::locked);
  EXPECT_THAT(error_of(second), HasSubstr("process " + std::to_string(::getpid())));
}

TEST(Journal, TheLockIsFreeAgainWhenTheWriterIsGone) {
  Home home;
  {
    const auto first = Journal::open(home.options()).value();
  }
  EXPECT_TRUE(Journal::open(home.options()));
}

TEST(Journal, AJournalAheadOfHeadRollsHeadForwardAndRecordsIt) {
  Home home;
  copy_over(home.head(), home.folder() / "older");
  std::vector<Receipt> receipts;
  {
    auto journal = Journal::open(home.options()).value();
    receipts = append(*journal, 3).value();
  }
  copy_over(home.folder() / "older", home.head());
  {
    const auto journal = Journal::open(home.options());
    ASSERT_TRUE(journal) << error_of(journal);
  }
  const auto seen = inspect(home);
  EXPECT_THAT(seen.faults, IsEmpty());
  EXPECT_TRUE(holds(seen, receipts));
  ASSERT_EQ(seen.entries.size(), 7U);
  EXPECT_EQ(seen.entries[5].kind, "journal.recover");
  EXPECT_THAT(seen.entries[5].body, HasSubstr(R"("first":1,"gateway")"));
  EXPECT_THAT(seen.entries[5].body, HasSubstr(R"("last":4,)"));
  EXPECT_EQ(seen.entries[6].kind, "journal.open");
}

TEST(Journal, AJournalBehindHeadIsRefusedWithTheNumberOfMissingEntries) {
  Home home;
  copy_over(home.segment(), home.folder() / "older.db");
  {
    auto journal = Journal::open(home.options()).value();
    append(*journal, 3).value();
    ASSERT_TRUE(journal->close());
  }
  copy_over(home.folder() / "older.db", home.segment());
  const auto journal = Journal::open(home.options());
  ASSERT_FALSE(journal);
  EXPECT_EQ(journal.error().kind, FailureKind::tampered);
  EXPECT_THAT(error_of(journal), HasSubstr("The journal ends after 1 entry, but " + home.head().string() +
                                           " acknowledged 5: the newest 4 entries are missing"));
  EXPECT_THAT(error_of(journal), HasSubstr("tallygate audit recover --journal " + home.journal().string()));
}

TEST(Journal, ALostWalIsNoticedByHead) {
  Home home;
  {
    auto journal = Journal::open(home.options()).value();
    append(*journal, 3).value();  // left in the WAL: the journal is dropped without close()
  }
  ASSERT_TRUE(std::filesystem::remove(home.segment().string() + "-wal"));
  const auto journal = Journal::open(home.options());
  ASSERT_FALSE(journal);
  EXPECT_THAT(error_of(journal), HasSubstr("are missing"));
}

TEST(Journal, AMissingHeadIsRefused) {
  Home home;
  std::filesystem::remove(home.head());
  const auto journal = Journal::open(home.options());
  ASSERT_FALSE(journal);
  EXPECT_EQ(journal.error().kind, FailureKind::missing);
  EXPECT_THAT(error_of(journal), HasSubstr(home.head().string()));
}

TEST(Journal, AHeadWithBothBlocksTornIsRefused) {
  Home home;
  std::filesystem::resize_file(home.head(), 0);
  std::filesystem::resize_file(home.head(), 2 * head_block_size);
  const auto journal = Journal::open(home.options());
  ASSERT_FALSE(journal);
  EXPECT_EQ(journal.error().kind, FailureKind::tampered);
  EXPECT_THAT(error_of(journal), HasSubstr("neither block holds a checkpoint signed by"));
}

TEST(Journal, OneTornBlockOfHeadIsSurvived) {
  Home home;
  {
    auto journal = Journal::open(home.options()).value();
    append(*journal, 1).value();
  }
  std::string bytes = slurp(home.head());
  // Sizes 1, 2 and 3 were written to the blocks 0, 1 and 0: tear the newest.
  bytes.replace(100, 3900, 3900, '\0');
  std::ofstream(home.head(), std::ios::binary) << bytes;
  {
    const auto journal = Journal::open(home.options());
    ASSERT_TRUE(journal) << error_of(journal);
  }
  const auto seen = inspect(home);
  EXPECT_THAT(seen.faults, IsEmpty());
  EXPECT_EQ(seen.entries.at(3).kind, "journal.recover");
}

TEST(Journal, AnAlteredBodyIsNoticedAtStart) {
  Home home;
  {
    auto journal = Journal::open(home.options()).value();
    append(*journal, 3).value();
    ASSERT_TRUE(journal->close());
  }
  meddle(home.segment(),
         "DROP TRIGGER entry_update; UPDATE entry SET body = CAST(replace(body, 'alice', 'mally') AS BLOB) "
         "WHERE seq = 3;" +
             std::string(segment_schema[4].sql));
  const auto journal = Journal::open(home.options());
  ASSERT_FALSE(journal);
  EXPECT_EQ(journal.error().kind, FailureKind::tampered);
  EXPECT_THAT(error_of(journal), HasSubstr("do not have the root that its newest checkpoint signs"));
}

TEST(Journal, AMissingTriggerIsNoticedAtStart) {
  Home home;
  meddle(home.segment(), "DROP TRIGGER checkpoint_delete");
  const auto journal = Journal::open(home.options());
  ASSERT_FALSE(journal);
  EXPECT_THAT(error_of(journal), HasSubstr("a table or trigger of the segment is missing"));
}

TEST(Journal, AForeignTableIsNoticedAtStart) {
  Home home;
  meddle(home.segment(), "CREATE TABLE extra (x)");
  const auto journal = Journal::open(home.options());
  ASSERT_FALSE(journal);
  EXPECT_THAT(error_of(journal), HasSubstr("schema object \"extra\""));
}

TEST(Journal, AnEntryWithoutItsCheckpointIsNoticedAtStart) {
  Home home;
  meddle(home.segment(), "INSERT INTO entry SELECT seq + 1, body FROM entry");
  const auto journal = Journal::open(home.options());
  ASSERT_FALSE(journal);
  EXPECT_THAT(error_of(journal), HasSubstr("has 2 entries but its newest checkpoint covers 1"));
}

TEST(Journal, AnotherJournalsSegmentIsRefused) {
  Home home;
  const Home other;
  copy_over(other.segment(), home.segment());
  const auto journal = Journal::open(home.options());
  ASSERT_FALSE(journal);
  EXPECT_THAT(error_of(journal), HasSubstr("is not signed by"));
}

TEST(Journal, AnOlderFolderTogetherWithAnOlderHeadIsAcceptedAtStartButNotWhileRunning) {
  Home home;
  copy_over(home.segment(), home.folder() / "older.db");
  copy_over(home.head(), home.folder() / "older.head");
  auto journal = Journal::open(home.options()).value();
  append(*journal, 3).value();
  for (const char* suffix : {"-wal", "-shm"}) {
    std::filesystem::remove(home.segment().string() + suffix);
  }
  std::filesystem::remove(home.segment());
  copy_over(home.folder() / "older.db", home.segment());
  copy_over(home.folder() / "older.head", home.head());
  EXPECT_FALSE(append(*journal, 1));
  const auto reopened = journal->reopen("test");
  ASSERT_FALSE(reopened);
  EXPECT_THAT(reopened.error().message, HasSubstr("but 5 were recorded: it was replaced by an older one"));
}

TEST(Journal, AnUnlinkedSegmentIsNoticedAtTheNextBatchAndPutBackIsAcceptedAgain) {
  Home home;
  auto journal = Journal::open(home.options()).value();
  const auto before = append(*journal, 2).value();
  std::filesystem::rename(home.segment(), home.folder() / "aside.db");
  const auto failed = append(*journal, 1);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, FailureKind::missing);
  EXPECT_THAT(append(*journal, 1).error().message, HasSubstr("has not been opened again"));
  EXPECT_FALSE(journal->reopen("still away"));
  EXPECT_FALSE(std::filesystem::exists(home.segment())) << "a new file must not be made up";
  std::filesystem::rename(home.folder() / "aside.db", home.segment());
  const auto reopened = journal->reopen("the file was away");
  ASSERT_TRUE(reopened) << reopened.error().message;
  const auto after = append(*journal, 2);
  ASSERT_TRUE(after) << after.error().message;
  ASSERT_TRUE(journal->close());
  const auto seen = inspect(home);
  EXPECT_THAT(seen.faults, IsEmpty());
  EXPECT_TRUE(holds(seen, before));
  EXPECT_TRUE(holds(seen, *after));
  EXPECT_EQ(seen.entries.at(4).kind, "journal.recover");
  EXPECT_THAT(seen.entries.at(4).body, HasSubstr("the file was away"));
}

TEST(Journal, EachFileThatIsReplacedWhileInUseIsNoticed) {
  for (const char* which : {"segment", "wal", "head", "lock"}) {
    SCOPED_TRACE(which);
    Home home;
    auto journal = Journal::open(home.options()).value();
    const std::string name = which;
    const std::filesystem::path file = name == "segment" ? home.segment()
                                       : name == "wal"
                                           ? std::filesystem::path(home.segment().string() + "-wal")
                                       : name == "head" ? home.head()
                                                        : home.journal() / "lock";
    std::filesystem::copy_file(file, home.folder() / "copy");
    std::filesystem::rename(home.folder() / "copy", file);
    EXPECT_FALSE(journal->check());
    const auto appended = append(*journal, 1);
    ASSERT_FALSE(appended);
  }
}

TEST(Journal, ALockThatWasRemovedIsTakenAgain) {
  Home home;
  auto journal = Journal::open(home.options()).value();
  std::filesystem::remove(home.journal() / "lock");
  EXPECT_FALSE(append(*journal, 1));
  EXPECT_TRUE(journal->reopen("test"));
  const auto second = Journal::open(home.options());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, FailureKind::locked);
}

TEST(Journal, AFailedHeadWriteIsNotAcknowledgedAndRolledForwardLater) {
  Home home;
  auto options = home.options();
  bool fail_now = false;
  const auto write = write_through();
  options.head_write = [&](int file, std::span<const char> block, std::int64_t at) {
    return fail_now ? EIO : write(file, block, at);
  };
  auto journal = Journal::open(options).value();
  const auto good = append(*journal, 1).value();
  fail_now = true;
  const auto bad = append(*journal, 2);
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().message, HasSubstr("cannot write durably"));
  EXPECT_FALSE(journal->reopen("head failed"));
  fail_now = false;
  const auto reopened = journal->reopen("head failed");
  ASSERT_TRUE(reopened) << reopened.error().message;
  ASSERT_TRUE(journal->close());
  const auto seen = inspect(home);
  EXPECT_THAT(seen.faults, IsEmpty());
  EXPECT_TRUE(holds(seen, good));
  ASSERT_EQ(seen.entries.size(), 6U);
  EXPECT_THAT(seen.entries[5].body,
              HasSubstr(R"("action":"roll-forward","anchor":"head","cause":"head failed","first":3,)"));
}

TEST(Journal, TheHeartbeatIsTheChartersUnlessAShorterOneIsAskedFor) {
  Home home;
  auto options = home.options();
  EXPECT_EQ(Journal::open(options).value()->heartbeat(), std::chrono::seconds(600));
  options.heartbeat = std::chrono::seconds(60);
  EXPECT_EQ(Journal::open(options).value()->heartbeat(), std::chrono::seconds(60));
  options.heartbeat = std::chrono::seconds(601);
  const auto journal = Journal::open(options);
  ASSERT_FALSE(journal);
  EXPECT_THAT(error_of(journal), HasSubstr("601 s is longer than the charter's 600 s"));
}

TEST(Journal, TheWritersConnectionRefusesToChangeTheRecord) {
  const Home home;
  auto segment = Segment::open(home.segment(), Home::origin).value();
  sqlite3* plain = nullptr;
  ASSERT_EQ(sqlite3_open(home.segment().c_str(), &plain), SQLITE_OK);
  sqlite3_exec(plain, "PRAGMA recursive_triggers=ON", nullptr, nullptr, nullptr);
  for (const char* sql : {"UPDATE entry SET body = x'00'", "DELETE FROM entry",
                          "REPLACE INTO entry SELECT * FROM entry", "UPDATE checkpoint SET note = x'00'",
                          "DELETE FROM checkpoint", "REPLACE INTO checkpoint SELECT * FROM checkpoint"}) {
    EXPECT_EQ(sqlite3_exec(plain, sql, nullptr, nullptr, nullptr), SQLITE_CONSTRAINT) << sql;
  }
  sqlite3_close(plain);
}

TEST(Journal, AFolderWithoutAJournalSaysHowToMakeOne) {
  Home home(false);
  const auto journal = Journal::open(home.options());
  ASSERT_FALSE(journal);
  EXPECT_EQ(journal.error().kind, FailureKind::missing);
  EXPECT_THAT(error_of(journal), HasSubstr("tallygate keys provision"));
}

TEST(Journal, AnotherKeyEncryptionKeyIsRefused) {
  Home home;
  std::filesystem::remove(home.kek());
  ASSERT_TRUE(create_kek_file(home.kek()));
  const auto journal = Journal::open(home.options());
  ASSERT_FALSE(journal);
  EXPECT_EQ(journal.error().kind, FailureKind::crypto);
}

}  // namespace
}  // namespace tallygate::audit
