// What is derived from a record is brought forward; the record is not touched.

#include "audit/search/upgrade.hpp"

#include "audit/journal/sqlite.hpp"
#include "audit/proof/verify.hpp"
#include "audit/search/export.hpp"
#include "audit/search/query.hpp"
#include "audit/search/reader.hpp"
#include "tests/audit/proof/reference_support.hpp"

#include <boost/json.hpp>
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
  EXPECT_EQ(form.error().kind, FailureKind::unreadable);
  EXPECT_THAT(form.error().message, HasSubstr("format 2"));
}

// What every reader says of a record that a later version wrote: nothing is wrong with it, and nothing of it
// is read.
class LaterFormat : public ::testing::Test {
 protected:
  LaterFormat() : journal_(folder_.path) { journal_.requests(3); }
  Result<std::vector<std::string>> read() const {
    auto reader = JournalReader::open(folder_.path);
    std::vector<std::string> bodies;
    const auto done = reader ? reader->up(0, 100,
                                          [&bodies](std::uint64_t, std::string_view body) {
                                            bodies.emplace_back(body);
                                            return true;
                                          })
                             : Result<void>(reader.error());
    return done ? Result<std::vector<std::string>>(std::move(bodies)) : done.error();
  }
  Result<VerifyReport> verify() const {
    return verify_journal({folder_.path, *load_root_key(journal_.root().vkey()), {}, {}, {}, {}, 1, {}});
  }
  void set_format(const std::string& format) const {
    reference::sql(journal_.segment_file(0), "UPDATE meta SET value = '" + format + "' WHERE key = 'format'");
  }

  Folder folder_;
  reference::Journal journal_;
};

TEST_F(LaterFormat, OfASegmentIsReadByNobodyAndCalledByItsName) {
  journal_.write();
  ASSERT_TRUE(read());
  ASSERT_TRUE(verify());
  set_format("2");
  const auto bundle = export_bundle({folder_.path, folder_.path / "bundle", {}, {}});
  for (const auto& failure :
       {read().error(), verify().error(), bundle.error(), JournalReader::open(folder_.path)->entry(1).error(),
        JournalReader::open(folder_.path)->changed().error()}) {
    EXPECT_EQ(failure.kind, FailureKind::unreadable);
    EXPECT_THAT(failure.message, HasSubstr("000000000000.db: a segment of format 2, and this version"));
    EXPECT_THAT(failure.message, HasSubstr("use a later version"));
  }
  EXPECT_FALSE(std::filesystem::exists(folder_.path / "bundle"));
}

TEST_F(LaterFormat, ThatThereNeverWasIsAFinding) {
  journal_.write();
  for (const std::string format : {"0", "01", "x", "-2", "2 "}) {
    set_format(format);
    EXPECT_EQ(read().error().kind, FailureKind::tampered) << format;
    const auto report = verify();
    ASSERT_TRUE(report) << format;
    ASSERT_EQ(report->findings.size(), 1U) << format;
    EXPECT_EQ(report->findings[0].what, "meta-altered") << format;
  }
}

TEST_F(LaterFormat, OfAnEntryIsNotReadAsOne) {
  const std::uint64_t seq = journal_.add("access.allow");
  journal_.checkpoint();
  std::string& body = journal_.bodies[seq];
  ASSERT_TRUE(body.ends_with(R"(,"v":1})")) << body;
  body.replace(body.size() - 2, 1, "2");
  journal_.rewrite_from(seq + 1, journal_.key());
  journal_.write();
  const auto read_it = read();
  ASSERT_FALSE(read_it);
  EXPECT_THAT(read_it.error().message,
              HasSubstr("entry " + std::to_string(seq) + ": its format version (v) is 2"));
  EXPECT_FALSE(JournalReader::open(folder_.path)->entry(seq));
  EXPECT_TRUE(JournalReader::open(folder_.path)->entry(seq - 1));
  const auto report = verify();
  ASSERT_TRUE(report);
  ASSERT_FALSE(report->findings.empty());
  EXPECT_EQ(report->findings[0].what, "entry-version");
}

TEST(Reader, KeepsMembersThatItDoesNotKnow) {
  Folder folder;
  reference::Journal journal(folder.path);
  const std::uint64_t seq = journal.add(
      "access.allow",
      {{"aaa", R"({"new":[1,null,"x"]})"}, {"request", R"({"later":"member"})"}, {"zzz", R"({"v":2})"}});
  journal.requests(2);
  journal.write();
  auto reader = JournalReader::open(folder.path);
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->entry(seq).value(), journal.bodies[seq]);
  EXPECT_THAT(journal.bodies[seq], HasSubstr(R"("zzz":{"v":2})"));
  const auto shown = Query(QueryFilter{}).match(journal.bodies[seq]);
  ASSERT_TRUE(shown);
  EXPECT_EQ(boost::json::serialize(*shown), journal.bodies[seq]);
  const auto report =
      verify_journal({folder.path, *load_root_key(journal.root().vkey()), {}, {}, {}, {}, 1, {}});
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->ok) << to_json(*report);
}

}  // namespace
}  // namespace tallygate::audit
