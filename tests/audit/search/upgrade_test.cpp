// What is derived from a record is brought forward; the record is not touched.

#include "audit/search/upgrade.hpp"

#include "audit/journal/sqlite.hpp"
#include "tests/audit/proof/reference_support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tallygate::audit {
namespace {

using reference::Folder;
using ::testing::HasSubstr;

// Segments only: the index is what changes.
std::vector<std::string> segments(const Folder& folder) {
  std::vector<std::string> all;
  for (const std::string& trace : reference::traces(folder.path)) {
    if (!trace.starts_with("index.db")) {
      all.push_back(trace);
    }
  }
  return all;
}

TEST(Upgrade, BringsTheIndexToTheEndOfTheRecordAndLeavesThat) {
  Folder folder;
  reference::Journal journal(folder.path);
  journal.requests(20);
  journal.seal();
  journal.requests(5);
  journal.write();
  const auto before = segments(folder);
  const auto form = upgrade_journal(folder.path, false).value();
  EXPECT_EQ(form.segments, 2U);
  EXPECT_EQ(form.format, 1U);
  EXPECT_EQ(form.indexed, journal.bodies.size());
  EXPECT_EQ(segments(folder), before);
}

TEST(Upgrade, AnIndexOfAnotherVersionOrMadeAfreshCoversTheSame) {
  Folder folder;
  reference::Journal journal(folder.path);
  journal.requests(20);
  journal.write();
  ASSERT_TRUE(upgrade_journal(folder.path, false));
  reference::sql(folder.path / "index.db", "PRAGMA user_version=1");
  EXPECT_EQ(upgrade_journal(folder.path, false).value().indexed, journal.bodies.size());
  reference::sql(folder.path / "index.db", "UPDATE tile SET hashes = zeroblob(length(hashes))");
  EXPECT_EQ(upgrade_journal(folder.path, true).value().indexed, journal.bodies.size());
}

TEST(Upgrade, ASegmentOfALaterFormatIsLeftToALaterVersion) {
  Folder folder;
  reference::Journal journal(folder.path);
  journal.requests(3);
  journal.write();
  reference::sql(journal.segment_file(0), "UPDATE meta SET value = '2' WHERE key = 'format'");
  const auto form = upgrade_journal(folder.path, false);
  ASSERT_FALSE(form);
  EXPECT_EQ(form.error().kind, FailureKind::invalid);
  EXPECT_THAT(form.error().message, HasSubstr("format 2"));
}

}  // namespace
}  // namespace tallygate::audit
