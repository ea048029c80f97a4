// A record with a hole between its segments: what stood there is not gone on without.

#include "audit/journal/journal.hpp"
#include "audit/journal/schema.hpp"
#include "tests/audit/support/home.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

namespace tallygate::audit {
namespace {

using testing::append;
using ::testing::HasSubstr;
using testing::Home;

// Sealed segments and an open one; gives their files.
std::vector<std::filesystem::path> segments_of(Home& home, int sealed) {
  std::vector<std::filesystem::path> files;
  auto journal = Journal::open(home.options()).value();
  for (int i = 0; i <= sealed; ++i) {
    EXPECT_TRUE(append(*journal, 5));
    files.push_back(home.journal() / segment_name(journal->segment_first()));
    EXPECT_TRUE(i == sealed || journal->seal());
  }
  EXPECT_TRUE(journal->close());
  return files;
}

TEST(Gaps, AJournalIsNotTakenUpWithoutASegmentBetweenOthersAndIsOnceItIsBack) {
  Home home;
  const auto files = segments_of(home, 3);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto aside = home.folder() / "aside.db";
    std::filesystem::rename(files[i], aside);
    const auto refused = Journal::open(home.options());
    ASSERT_FALSE(refused) << i;
    EXPECT_EQ(refused.error().kind, FailureKind::tampered);
    EXPECT_THAT(refused.error().message,
                HasSubstr("the segment " + files[i].filename().string() + " is not there"));
    EXPECT_THAT(refused.error().message, HasSubstr("Nothing is served until what is missing is put back"));
    EXPECT_THAT(refused.error().message, HasSubstr("tallygate audit recover"));
    std::filesystem::rename(aside, files[i]);
  }
  EXPECT_TRUE(Journal::open(home.options()));
}

TEST(Gaps, ASegmentUnderAnothersNameIsNotTakenForIt) {
  Home home;
  const auto files = segments_of(home, 3);
  std::filesystem::rename(files[1], home.folder() / "aside.db");
  std::filesystem::rename(files[2], files[1]);
  const auto refused = Journal::open(home.options());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, FailureKind::tampered);
}

TEST(Gaps, AWriterDoesNotGoOnAfterAFailureWhereASegmentIsGoneMeanwhile) {
  Home home;
  const auto files = segments_of(home, 2);
  auto journal = Journal::open(home.options()).value();
  std::filesystem::rename(files[1], home.folder() / "aside.db");
  EXPECT_EQ(journal->reopen("a test").error().kind, FailureKind::tampered);
  std::filesystem::rename(home.folder() / "aside.db", files[1]);
  EXPECT_TRUE(journal->reopen("a test"));
}

}  // namespace
}  // namespace tallygate::audit
