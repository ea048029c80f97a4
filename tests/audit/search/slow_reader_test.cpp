// Readers that take their time keep no writer from starting its WAL over, however long they take.

#include "audit/journal/journal.hpp"
#include "audit/proof/verify.hpp"
#include "audit/search/reader.hpp"
#include "tests/audit/support/home.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <utility>

namespace tallygate::audit {
namespace {

using testing::append;
using testing::Home;
using testing::inspect;
using ::testing::IsEmpty;

constexpr int fold_frames = 50;
// A batch dirties a handful of pages of 16 KiB: what 50 of them and one more batch take, doubled.
constexpr std::uintmax_t wal_bytes_max = 4ULL * 1024 * 1024;
// Enough of them to fill that many times over.
constexpr int batches = 250;

class SlowReader : public ::testing::Test {
 protected:
  void write_on() {
    for (int i = 0; i < batches; ++i) {
      ASSERT_TRUE(append(*journal_, 4));
      ASSERT_TRUE(journal_->fold(fold_frames));
      most_ = std::max(most_, std::filesystem::file_size(home_.segment().string() + "-wal"));
    }
  }
  void expect_bounded_and_whole() {
    EXPECT_LT(most_, wal_bytes_max);
    ASSERT_TRUE(journal_->close());
    const VerifyOptions options{
        home_.journal(), {home_.root().verify_key().key, {}}, home_.head(), {}, {}, {}, 1, {}};
    const auto report = verify_journal(options);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_TRUE(report->ok) << to_json(*report);
  }

  Home home_;
  std::unique_ptr<Journal> journal_ = Journal::open(home_.options()).value();
  std::uintmax_t most_ = 0;
};

TEST_F(SlowReader, AConsumerThatStandsStillInTheMiddleOfTheRecordHoldsNothing) {
  ASSERT_TRUE(append(*journal_, 8));
  auto reader = JournalReader::open(home_.journal()).value();
  bool stood_still = false;
  std::uint64_t seen = 0;
  ASSERT_TRUE(reader.up(0, 1'000'000, [&](std::uint64_t seq, std::string_view) {
    EXPECT_EQ(seq, seen++);
    if (!std::exchange(stood_still, true)) {
      write_on();
    }
    return true;
  }));
  EXPECT_EQ(seen, 10U) << "what was there when it began";
  EXPECT_EQ(reader.end().value(), 10U + 4U * batches);
  expect_bounded_and_whole();
}

TEST_F(SlowReader, OneThatOnlyWaitsForNewsHoldsNothing) {
  auto reader = JournalReader::open(home_.journal()).value();
  ASSERT_TRUE(reader.changed());
  ASSERT_TRUE(reader.end());
  ASSERT_TRUE(reader.checkpoint());
  ASSERT_TRUE(reader.entry(0));
  write_on();
  EXPECT_TRUE(reader.changed().value());
  expect_bounded_and_whole();
}

TEST_F(SlowReader, AVerificationThatIsUnderWayHoldsNothingBetweenItsSteps) {
  // More than a chunk, so that there is something between.
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(append(*journal_, 100));
    ASSERT_TRUE(journal_->fold(fold_frames));
  }
  bool once = false;
  VerifyOptions options{home_.journal(), {home_.root().verify_key().key, {}}, {}, {}, {}, {}, 1, {}};
  options.progress = [&](const VerifyProgress&) {
    if (!std::exchange(once, true)) {
      write_on();
    }
  };
  const auto report = verify_journal(options);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->ok) << to_json(*report);
  EXPECT_TRUE(once);
  expect_bounded_and_whole();
}

// What the others would do if they held a snapshot. Nothing is lost by it, but room.
TEST_F(SlowReader, AForeignOneThatHoldsASnapshotMakesTheWalGrow) {
  auto foreign = Database::open(home_.segment(), SQLITE_OPEN_READONLY).value();
  ASSERT_TRUE(foreign.execute("BEGIN; SELECT count(*) FROM entry"));
  write_on();
  EXPECT_GT(most_, wal_bytes_max);
  EXPECT_EQ(foreign.value("SELECT count(*) FROM entry").value(), "2");
  ASSERT_TRUE(foreign.execute("COMMIT"));
  ASSERT_TRUE(journal_->close());
  EXPECT_THAT(inspect(home_).faults, IsEmpty());
}

// Which is why its segment ends there: what it holds goes on growing for nobody.
TEST_F(SlowReader, AForeignOneThatHoldsASnapshotIsLeftWithItsSegment) {
  ASSERT_TRUE(journal_->close());
  JournalOptions options = home_.options();
  options.segment.wal_frames = 150;
  journal_ = Journal::open(options).value();
  auto foreign = Database::open(home_.segment(), SQLITE_OPEN_READONLY).value();
  ASSERT_TRUE(foreign.execute("BEGIN; SELECT count(*) FROM entry"));
  int sealed = 0;
  for (int i = 0; i < batches; ++i) {
    ASSERT_TRUE(append(*journal_, 4));
    ASSERT_TRUE(journal_->fold(fold_frames));
    if (journal_->due() == Journal::Due::seal) {
      ASSERT_TRUE(journal_->seal());
      ++sealed;
    }
    for (const auto& file : std::filesystem::directory_iterator(home_.journal())) {
      if (file.path().string().ends_with("-wal")) {
        most_ = std::max(most_, file.file_size());
      }
    }
  }
  EXPECT_EQ(sealed, 1) << "the next segment's WAL is held by nobody";
  EXPECT_EQ(foreign.value("SELECT count(*) FROM entry").value(), "3");
  expect_bounded_and_whole();
}

}  // namespace
}  // namespace tallygate::audit
