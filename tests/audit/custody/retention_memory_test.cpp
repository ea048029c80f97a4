// Retention reads the record once, and judges by what it remembers as by what it would read.

#include "audit/custody/retention.hpp"
#include "audit/custody/stub.hpp"
#include "audit/journal/journal.hpp"
#include "tests/audit/support/home.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace tallygate::audit {
namespace {

using testing::append;
using testing::Home;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace std::chrono_literals;

constexpr std::chrono::hours day{24};

class Remembering : public ::testing::Test {
 protected:
  Remembering() { open(); }

  void open() {
    journal_.reset();
    auto opened = Journal::open(home_.options());
    ASSERT_TRUE(opened) << opened.error().message;
    journal_ = std::move(*opened);
  }
  void grow(std::chrono::hours then) {
    ASSERT_TRUE(append(*journal_, 20));
    ASSERT_TRUE(journal_->seal());
    ASSERT_TRUE(journal_->close());
    home_.time.advance(then);
    open();
  }
  std::vector<SegmentStanding> judge(RetentionMemory& memory) {
    return judge_retention(home_.journal(), rules_, home_.options().clock(), memory).value();
  }
  // What matters of each segment, in words.
  std::vector<std::string> told(RetentionMemory& memory) {
    std::vector<std::string> all;
    for (const SegmentStanding& one : judge(memory)) {
      all.push_back(std::to_string(one.seal.first) + (one.due ? " due" : " stays: " + one.why_not) +
                    (one.recorded ? " recorded" : "") + (one.shortened ? " early" : ""));
    }
    return all;
  }

  Home home_;
  std::unique_ptr<Journal> journal_;
  KeepRules rules_{400 * day, {{"access", 600 * day}}, {}};
};

TEST_F(Remembering, ChangesNothingAboutWhatIsJudged) {
  RetentionMemory memory;
  const auto same = [&] {
    RetentionMemory fresh;
    const auto now = told(fresh);
    EXPECT_EQ(told(memory), now);
    return now;
  };
  EXPECT_THAT(same(), IsEmpty());
  grow(150 * day);
  EXPECT_THAT(same(), SizeIs(1));
  grow(451 * day);
  EXPECT_THAT(same(), SizeIs(2));
  const std::array<Member, 3> hold = {{{"first", "3"}, {"hold", "\"case-17\""}, {"last", "4"}}};
  ASSERT_TRUE(journal_->append_own("journal.hold", hold));
  EXPECT_THAT(same().front(), ::testing::HasSubstr("case-17"));
  const std::array<Member, 1> release = {{{"hold", "\"case-17\""}}};
  ASSERT_TRUE(journal_->append_own("journal.release", release));
  EXPECT_THAT(same().front(), ::testing::HasSubstr("due"));
  const Seal seal = judge(memory).front().seal;
  const std::string stub = '"' + to_hex(write_stub(home_.segment(), seal).value()) + '"';
  const std::string last = std::to_string(seal.last);
  const std::array<Member, 3> retire = {{{"first", "0"}, {"last", last}, {"stub", stub}}};
  ASSERT_TRUE(journal_->append_own("journal.retire", retire));
  EXPECT_THAT(same().front(), ::testing::HasSubstr("recorded"));
  ASSERT_TRUE(place_stub(home_.segment()));
  EXPECT_THAT(same(), SizeIs(1));
}

TEST_F(Remembering, TheBodiesOfASegmentAreReadOnce) {
  grow(500 * day);
  RetentionMemory memory;
  ASSERT_FALSE(judge(memory).at(0).due);  // its requests are kept for 600 days
  // Another file in its place: who reads it again sees that.
  const auto other = home_.folder() / "other.db";
  std::filesystem::copy_file(home_.segment(), other);
  std::filesystem::permissions(other, std::filesystem::perms::owner_write,
                               std::filesystem::perm_options::add);
  {
    auto database = Database::open(other, SQLITE_OPEN_READWRITE).value();
    ASSERT_TRUE(database.execute(
        "DROP TRIGGER entry_delete; DELETE FROM entry WHERE instr(CAST(body AS TEXT), 'access.')"));
  }
  std::filesystem::rename(other, home_.segment());
  EXPECT_THAT(judge(memory).at(0).why_not, ::testing::HasSubstr("kept for 600 d"));
  RetentionMemory fresh;
  EXPECT_THAT(judge(fresh).at(0).why_not, ::testing::HasSubstr("not the file that was sealed"));
}

TEST_F(Remembering, OfAnotherFileInTheSegmentsPlaceNothingStays) {
  grow(500 * day);
  const auto kept = home_.folder() / "kept.db";
  std::filesystem::rename(home_.segment(), kept);
  std::filesystem::copy_file(kept, home_.segment());
  std::filesystem::permissions(home_.segment(), std::filesystem::perms::owner_write,
                               std::filesystem::perm_options::add);
  {
    auto database = Database::open(home_.segment(), SQLITE_OPEN_READWRITE).value();
    ASSERT_TRUE(database.execute(
        "DROP TRIGGER entry_delete; DELETE FROM entry WHERE instr(CAST(body AS TEXT), 'access.')"));
  }
  RetentionMemory memory;
  const auto swapped = judge(memory);
  ASSERT_THAT(swapped, SizeIs(1));
  EXPECT_FALSE(swapped[0].due);
  EXPECT_TRUE(swapped[0].faulty);
  std::filesystem::rename(kept, home_.segment());
  const auto back = judge(memory);
  EXPECT_FALSE(back.at(0).faulty);
  EXPECT_THAT(back.at(0).why_not, ::testing::HasSubstr("kept for 600 d"));
}

TEST_F(Remembering, AStoppedReadingBeginsAnew) {
  grow(500 * day);
  RetentionMemory memory;
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(judge_retention(home_.journal(), rules_, home_.options().clock(), memory, stop.get_token()));
  EXPECT_THAT(judge(memory), SizeIs(1));
}

}  // namespace
}  // namespace tallygate::audit
