// Finding entries, following a journal, counting, and showing hostile values.
#include "audit/search/escape.hpp"
#include "audit/search/query.hpp"
#include "audit/search/reader.hpp"
#include "audit/search/stats.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace tallygate::audit {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

class Search : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "tallygate-search-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    database_.reset();
    fs::remove_all(folder_);
  }

  void open_segment(std::uint64_t first) {
    std::string digits = std::to_string(first);
    sqlite3* database = nullptr;
    ASSERT_EQ(
        sqlite3_open((folder_ / (std::string(12 - digits.size(), '0') + digits + ".db")).c_str(), &database),
        SQLITE_OK);
    database_.reset(database);
    run("CREATE TABLE entry (seq INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;"
        "CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, note BLOB NOT NULL) STRICT");
    next_ = first;
  }
  void run(const std::string& script) {
    char* message = nullptr;
    ASSERT_EQ(sqlite3_exec(database_.get(), script.c_str(), nullptr, nullptr, &message), SQLITE_OK)
        << message;
  }
  void add(const std::string& body) {
    sqlite3_stmt* statement = nullptr;
    ASSERT_EQ(sqlite3_prepare_v2(database_.get(), "INSERT INTO entry VALUES (?, ?)", -1, &statement, nullptr),
              SQLITE_OK);
    sqlite3_bind_int64(statement, 1, static_cast<sqlite3_int64>(next_++));
    sqlite3_bind_blob(statement, 2, body.data(), static_cast<int>(body.size()), SQLITE_TRANSIENT);
    ASSERT_EQ(sqlite3_step(statement), SQLITE_DONE);
    sqlite3_finalize(statement);
  }
  JournalReader reader() {
    auto reader = JournalReader::open(folder_);
    EXPECT_TRUE(reader) << reader.error().message;
    return std::move(*reader);
  }
  static std::vector<std::uint64_t> seqs_up(JournalReader& reader, std::uint64_t first, std::uint64_t end) {
    std::vector<std::uint64_t> seqs;
    EXPECT_TRUE(reader.up(first, end, [&](std::uint64_t seq, std::string_view) {
      seqs.push_back(seq);
      return true;
    }));
    return seqs;
  }

  struct Close {
    void operator()(sqlite3* database) const { sqlite3_close(database); }
  };
  fs::path folder_;
  std::unique_ptr<sqlite3, Close> database_;
  std::uint64_t next_ = 0;
};

TEST_F(Search, EntriesAreReadUpAndDownAcrossSegments) {
  open_segment(0);
  run("BEGIN");
  for (int i = 0; i < 2'500; ++i) {
    add("{\"n\":" + std::to_string(i) + "}");
  }
  run("COMMIT");
  open_segment(2'500);
  add("{\"n\":2500}");
  add("{\"n\":2501}");
  JournalReader journal = reader();
  EXPECT_EQ(*journal.end(), 2'502U);
  EXPECT_EQ(**journal.entry(2'499), "{\"n\":2499}");
  EXPECT_EQ(**journal.entry(2'501), "{\"n\":2501}");
  EXPECT_FALSE(*journal.entry(2'502));
  EXPECT_THAT(seqs_up(journal, 2'498, 9'999), ElementsAre(2'498, 2'499, 2'500, 2'501));
  std::vector<std::uint64_t> down;
  ASSERT_TRUE(journal.down(0, 9'999, [&](std::uint64_t seq, std::string_view) {
    down.push_back(seq);
    return down.size() < 2'000;
  }));
  ASSERT_EQ(down.size(), 2'000U);
  EXPECT_EQ(down.front(), 2'501U);
  EXPECT_EQ(down.back(), 502U);
  EXPECT_TRUE(std::is_sorted(down.rbegin(), down.rend()));
}

TEST_F(Search, WhatIsAddedIsNoticedInEveryState) {
  open_segment(0);
  add("{}");
  database_.reset();
  JournalReader journal = reader();
  EXPECT_TRUE(*journal.changed()) << "nothing was read yet";
  EXPECT_FALSE(*journal.changed());
  // A writer takes the file up.
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open((folder_ / "000000000000.db").c_str(), &database), SQLITE_OK);
  database_.reset(database);
  run("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0");
  add("{}");
  EXPECT_TRUE(*journal.changed());
  EXPECT_EQ(*journal.end(), 2U);
  EXPECT_FALSE(*journal.changed());
  add("{}");
  EXPECT_TRUE(*journal.changed());
  EXPECT_EQ(*journal.end(), 3U);
  // The next segment.
  open_segment(3);
  add("{}");
  EXPECT_TRUE(*journal.changed());
  EXPECT_EQ(*journal.end(), 4U);
  EXPECT_FALSE(*journal.changed());
}

TEST_F(Search, AFolderWithoutAJournalIsAnError) {
  EXPECT_EQ(JournalReader::open(folder_).error().kind, FailureKind::missing);
  EXPECT_EQ(JournalReader::open(folder_ / "none").error().kind, FailureKind::missing);
}

constexpr std::string_view request =
    R"({"actor":{"email":"alice@example.com","groups":["eng"],"subject":"u-1"},"client":{"address":"198.51.100.4","peer":"10.0.0.1"},)"
    R"("decision":{"effect":"deny","rule":"r1","rules":["r1","r2"]},"id":"x","kind":"access.deny",)"
    R"("request":{"host":"wiki.example.com","method":"GET","path":"/a/\"b\""},"resource":{"route":"wiki"},)"
    R"("seq":5,"session":{"id":"s-1"},"status":403,"time":"2026-01-31T12:00:00.000000000Z"})";

bool matches(const QueryFilter& filter, std::string_view body = request) {
  return Query(filter).match(body).has_value();
}

TEST(Query, EveryConditionMustHold) {
  struct Row {
    std::string QueryFilter::* field;
    std::vector<std::string> good;
    std::vector<std::string> bad;
  };
  const std::vector<Row> rows = {
      {&QueryFilter::user, {"u-1", "alice@example.com"}, {"u", "alice", "eng", "\xFF"}},
      {&QueryFilter::kind,
       {"access.deny", "access", "access.*"},
       {"access.allow", "acc", "deny", "access.deny.x"}},
      {&QueryFilter::effect, {"deny"}, {"allow"}},
      {&QueryFilter::route, {"wiki"}, {"wik", "u-1"}},
      {&QueryFilter::path, {"/a/", "/a/\"b\"", "/"}, {"/b", "a", "/a/\"b\"c"}},
      {&QueryFilter::ip, {"198.51.100.4", "10.0.0.1"}, {"198.51.100.5", "10.0.0"}},
      {&QueryFilter::session, {"s-1"}, {"s-2"}},
      {&QueryFilter::rule, {"r1", "r2"}, {"r3", "r"}},
      {&QueryFilter::text, {"wiki.example", "\"b\"", "eng"}, {"nothing of this"}},
  };
  for (const Row& row : rows) {
    for (const std::string& good : row.good) {
      QueryFilter filter;
      filter.*row.field = good;
      EXPECT_TRUE(matches(filter)) << good;
    }
    for (const std::string& bad : row.bad) {
      QueryFilter filter;
      filter.*row.field = bad;
      EXPECT_FALSE(matches(filter)) << bad;
    }
  }
  QueryFilter two;
  two.user = "u-1";
  two.route = "other";
  EXPECT_FALSE(matches(two));
  EXPECT_TRUE(matches({}));
}

TEST(Query, TimesAreFromInclusiveToExclusive) {
  constexpr std::int64_t noon = 1'769'860'800'000'000'000;
  QueryFilter filter;
  filter.from_ns = noon;
  EXPECT_TRUE(matches(filter));
  filter.from_ns = noon + 1;
  EXPECT_FALSE(matches(filter));
  filter.from_ns = {};
  filter.to_ns = noon;
  EXPECT_FALSE(matches(filter));
  filter.to_ns = noon + 1;
  EXPECT_TRUE(matches(filter));
}

TEST(Query, OddEntriesNeverCrashAndMatchWhatTheyHave) {
  QueryFilter user;
  user.user = "x";
  for (const char* body :
       {"", "[]", "{", "{\"actor\":[]}", "{\"actor\":{\"email\":[\"x\"]}}", "{\"actor\":\"x\"}"}) {
    EXPECT_FALSE(matches(user, body)) << body;
  }
  QueryFilter path;
  path.path = "/long";
  EXPECT_TRUE(matches(path, R"({"request":{"path":{"bytes":9000,"cut":"/long/way","sha256":"00"}}})"));
}

TEST(Query, ARowShowsWhatATableNeeds) {
  const EntryRow row = row_of(5, boost::json::parse(request));
  EXPECT_EQ(row.user, "alice@example.com");
  EXPECT_EQ(row.kind, "access.deny");
  EXPECT_EQ(row.effect, "deny");
  EXPECT_EQ(row.ip, "198.51.100.4");
  EXPECT_EQ(row.path, "/a/\"b\"");
  EXPECT_EQ(row.status, "403");
  EXPECT_EQ(row_of(6, boost::json::parse("{}")).user, "");
}

TEST(Stats, CountByKindUserRouteAndDayWithABound) {
  Stats stats;
  const EntryRow row = row_of(5, boost::json::parse(request));
  stats.add(row);
  stats.add(row);
  stats.add(EntryRow{});
  EXPECT_EQ(stats.entries(), 3U);
  EXPECT_EQ(stats.kinds().at("access.deny"), 2U);
  EXPECT_EQ(stats.days().at("2026-01-31"), 2U);
  for (std::size_t i = 0; i < stats_values_max + 5; ++i) {
    EntryRow other;
    other.person = "user" + std::to_string(i);
    stats.add(other);
  }
  EXPECT_LE(stats.users().size(), stats_values_max + 1);
  EXPECT_GE(stats.users().at("(others)"), 5U);
  EXPECT_EQ(largest(stats.routes(), 1).front(), (std::pair<std::string, std::uint64_t>{"wiki", 2U}));
}

TEST(Stats, APersonIsCountedOnceWhateverAnEntryCallsThem) {
  Stats stats;
  for (const char* body : {R"({"actor":{"email":"admin@localhost","method":"local","subject":"admin"}})",
                           R"({"actor":{"method":"token","subject":"admin"}})",
                           R"({"actor":{"method":"local","user":"admin"}})", R"({"user":"admin"})"}) {
    stats.add(row_of(1, boost::json::parse(body)));
  }
  EXPECT_EQ(stats.users(), (Stats::Counts{{"admin", 4}}));
}

TEST(Escape, NothingRecordedMovesTheCursorOrTurnsText) {
  EXPECT_EQ(inert_text("plain \xC3\xB6 \xE6\xBC\xA2 \xF0\x9F\x98\x80"),
            "plain \xC3\xB6 \xE6\xBC\xA2 \xF0\x9F\x98\x80");
  EXPECT_EQ(inert_text("\x1b[31m\n\r\x07\x7f"), "\\u001b[31m\\u000a\\u000d\\u0007\\u007f");
  EXPECT_EQ(inert_text("\xC2\x9B"
                       "31m"),
            "\\u009b31m");
  EXPECT_EQ(inert_text("\xE2\x80\xA8\xE2\x80\xAE\xE2\x81\xA6\xEF\xBB\xBF"), "\\u2028\\u202e\\u2066\\ufeff");
  EXPECT_EQ(inert_text("\xF3\xA0\x80\xA1"), "\\udb40\\udc21");
  EXPECT_EQ(inert_text("\xFF\xC0\xAF"), "\\xff\\xc0\\xaf");
  EXPECT_EQ(inert_text("a\\b"), "a\\\\b");
}

TEST(Escape, InertJsonIsTheSameJson) {
  const std::string json = "{\"a\":\"\xE2\x80\xAE \x7f \xC2\x9B \xF3\xA0\x80\xA1 \\\\ \xC3\xB6\"}";
  const std::string inert = inert_json(json);
  EXPECT_EQ(inert.find('\x7f'), std::string::npos);
  EXPECT_EQ(inert.find("\xE2\x80\xAE"), std::string::npos);
  EXPECT_EQ(boost::json::parse(inert), boost::json::parse(json));
}

TEST(Escape, CsvFieldsAreQuotedAndNoFormulas) {
  EXPECT_EQ(csv_field("plain"), "plain");
  EXPECT_EQ(csv_field("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_field("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(csv_field("a\nb"), "a\\u000ab");
  EXPECT_EQ(csv_field("=1+1"), "'=1+1");
  EXPECT_EQ(csv_field("@x"), "'@x");
  EXPECT_EQ(csv_field("\t=1"), "'\\u0009=1");
}

}  // namespace
}  // namespace tallygate::audit
