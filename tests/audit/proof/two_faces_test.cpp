// Files that show one thing to whoever reads them in order and another to whoever looks an entry up, that
// would change when they are opened, or that cost without end to read.
#include "audit/journal/rollback_journal.hpp"
#include "audit/journal/seal.hpp"
#include "audit/journal/segment.hpp"
#include "audit/proof/verify.hpp"
#include "audit/search/tree_index.hpp"
#include "tests/audit/proof/reference_support.hpp"
#include "tests/audit/proof/two_faces_support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tallygate::audit {
namespace {

using reference::Journal;
using reference::Key;
using reference::Rows;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TwoFaces : public ::testing::Test {
 protected:
  std::vector<std::string> findings(const reference::Key& root) {
    VerifyOptions options{journal_.folder, *load_root_key(root.vkey()), {}, {}, {}, {}, 2, {}};
    const auto report = verify_journal(options);
    EXPECT_TRUE(report) << report.error().message;
    details_.clear();
    std::vector<std::string> all;
    for (const Finding& finding : report ? report->findings : std::vector<Finding>{}) {
      all.push_back(finding.what + "@" + std::to_string(finding.seq));
      details_ += finding.detail + "\n";
    }
    return all;
  }
  std::vector<std::string> findings() { return findings(journal_.root()); }
  std::filesystem::path file() { return journal_.segment_file(0); }
  Rows rows() {
    Rows all;
    for (std::size_t seq = 0; seq < journal_.bodies.size(); ++seq) {
      all.emplace_back(seq, journal_.bodies[seq]);
    }
    return all;
  }
  Rows without_first_two(Rows rows) {
    rows.erase(rows.begin(), rows.begin() + 2);
    return rows;
  }

  reference::Folder folder_;
  Journal journal_{folder_.path / "journal"};
  std::string details_;
};

TEST_F(TwoFaces, TheSameRowsUnderContradictingPagesAreFound) {
  journal_.requests(300);
  journal_.write();
  ASSERT_THAT(findings(), IsEmpty());
  reference::give_two_faces(file(), rows(), without_first_two(rows()));
  EXPECT_THAT(findings(), Contains("segment-altered@0"));
  EXPECT_THAT(details_, HasSubstr("contradict each other"));
}

TEST_F(TwoFaces, AnOrdinaryEntryThatIsLookedUpAsAnotherIsFound) {
  journal_.requests(60);
  journal_.write();
  Rows other = without_first_two(rows());
  std::string& body = other[30].second;
  const std::size_t at = body.find("access.allow");
  ASSERT_NE(at, std::string::npos);
  body.replace(at, 12, "access.deny!");
  reference::give_two_faces(file(), rows(), other);
  EXPECT_THAT(findings(), Contains("segment-altered@0"));
}

TEST_F(TwoFaces, ARotationThatIsLookedUpAsAnotherHandsOverToNobody) {
  journal_.requests(20);
  journal_.rotate("second");
  const std::uint64_t rotation = journal_.bodies.size() - 1;
  ASSERT_THAT(journal_.bodies[rotation], HasSubstr("key.rotate"));
  journal_.requests(20);
  journal_.write();
  Rows other = without_first_two(rows());
  std::string& body = other[rotation - 2].second;
  const std::string mine = Key(journal_.origin, "a thief").vkey();
  const std::size_t at = body.find(journal_.key().vkey());
  ASSERT_NE(at, std::string::npos);
  body.replace(at, mine.size(), mine);
  reference::give_two_faces(file(), rows(), other);
  EXPECT_THAT(findings(),
              AllOf(Contains("segment-altered@0"), Contains("body-changed@" + std::to_string(rotation))));
}

TEST_F(TwoFaces, ARecordOfAWriterThatIsNotThereWhenItIsLookedUpIsFound) {
  journal_.add("writer.enrol", journal_.grant("writer.enrol",
                                              {{"key", "\"" + Key("vault", "w").vkey() + "\""},
                                               {"role", "\"writer\""},
                                               {"writer", "\"vault\""}},
                                              "n1"));
  journal_.requests(5);
  const std::uint64_t seq =
      journal_.add("ingest.record", {{"key", "\"k\""},
                                     {"record", R"("{\"record\":\"forged\"}")"},
                                     {"sent", "\"2026-09-21T00:00:00.000000000Z\""},
                                     {"signature", "\"" + reference::base64(std::string(64, '\0')) + "\""},
                                     {"source", "\"vault\""},
                                     {"writer", "\"vault\""}});
  journal_.requests(5);
  journal_.write();
  ASSERT_THAT(findings(), Contains("ingest-forged@" + std::to_string(seq)));
  Rows other = without_first_two(rows());
  std::erase_if(other, [seq](const auto& row) { return row.first == seq; });
  reference::give_two_faces(file(), rows(), other);
  EXPECT_THAT(findings(),
              AllOf(Contains("segment-altered@0"), Contains("entry-missing@" + std::to_string(seq))));
}

// ---- a rollback journal ----

TEST_F(TwoFaces, AJournalThatWouldPutOtherPagesBackIsFoundAndNoWriterOpensTheFile) {
  journal_.requests(40);
  journal_.write();
  const auto forged = folder_.path / "forged.db";
  std::filesystem::copy_file(file(), forged);
  reference::sql_against_triggers(forged, "UPDATE entry SET body = x'7b7d' WHERE seq = 7");
  reference::put_hot_journal(file(), forged);
  const std::string before = reference::read_file(file());
  EXPECT_THAT(findings(), Contains("segment-altered@0"));
  EXPECT_THAT(details_, HasSubstr("-journal"));
  const auto opened = Segment::open(file(), journal_.origin);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, FailureKind::tampered);
  EXPECT_THAT(opened.error().message, HasSubstr("tallygate audit verify"));
  EXPECT_FALSE(seal_file(file()));
  EXPECT_EQ(reference::read_file(file()), before);
}

TEST_F(TwoFaces, AJournalOfTheFirstPageAsItStandsIsOneThatAWriterLeft) {
  journal_.requests(40);
  journal_.write();
  const std::string whole = reference::read_file(file());
  // As it is left by whoever dies while the file leaves WAL mode: the first page, with the mode it had.
  reference::put_hot_journal(file(), file());
  const auto path = file().string() + "-journal";
  std::string journal = reference::read_file(path);
  const std::size_t page_bytes =
      static_cast<unsigned char>(whole[16]) * std::size_t{256} + static_cast<unsigned char>(whole[17]);
  journal.resize(512 + page_bytes + 8);
  journal[512 + 4 + 18] = journal[512 + 4 + 19] = '\2';
  reference::write_file(path, journal);
  EXPECT_TRUE(check_rollback_journal(file()));
  EXPECT_THAT(findings(), IsEmpty());
  for (const std::size_t at :
       {std::size_t{16 + 3}, std::size_t{512 + 4 + 40}, std::size_t{512 + 3}, std::size_t{24 + 2}}) {
    std::string other = journal;
    other[at] = static_cast<char>(other[at] ^ 1);
    reference::write_file(path, other);
    EXPECT_FALSE(check_rollback_journal(file())) << "byte " << at;
  }
  reference::write_file(path, "");
  EXPECT_TRUE(check_rollback_journal(file()));
  // One that was never finished: SQLite writes the first bytes last, and plays back none without them.
  reference::write_file(path, std::string(12, '\0') + journal.substr(12));
  EXPECT_TRUE(check_rollback_journal(file()));
  reference::write_file(path, journal.substr(0, 20));
  EXPECT_FALSE(check_rollback_journal(file()));
}

// SQLite deletes the file that a journal names at its end, as one of a commit to several databases.
TEST_F(TwoFaces, AJournalThatNamesAnotherFileIsRefusedAndThatFileStays) {
  journal_.requests(40);
  journal_.write();
  // As those that SQLite makes itself are called, too.
  for (const char* called : {"other", "other.db-wal", "other.db-journal"}) {
    const std::string other = (folder_.path / called).string();
    const std::string magic("\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 8);
    std::uint32_t sum = 0;
    for (const char c : other) {
      sum += static_cast<unsigned char>(c);
    }
    const auto number = [](std::size_t value) {
      std::string bytes;
      for (const unsigned shift : {24U, 16U, 8U, 0U}) {
        bytes += static_cast<char>(value >> shift & 0xFFU);
      }
      return bytes;
    };
    const std::string name = number(0x40001) + other + number(other.size()) + number(sum) + magic;
    reference::put_hot_journal(file(), file());
    const auto path = file().string() + "-journal";
    const std::string whole = reference::read_file(path);
    for (const std::string& before : {std::string(512, 'x'), magic + std::string(504, '\0'), whole}) {
      reference::write_file(other, "what somebody else has there");
      reference::write_file(path, before + name);
      EXPECT_FALSE(check_rollback_journal(file()));
      EXPECT_FALSE(Segment::open(file(), journal_.origin));
      // Not even where nobody looked at the journal before.
      if (auto opened = Database::open(file(), SQLITE_OPEN_READWRITE)) {
        static_cast<void>(opened->value("SELECT count(*) FROM entry"));
      }
      EXPECT_TRUE(std::filesystem::exists(other));
    }
  }
}

// ---- files that cost without end ----

TEST_F(TwoFaces, AQueryInThePlaceOfATableIsNotRun) {
  journal_.requests(10);
  journal_.write();
  const std::string whole = reference::read_file(file());
  for (const char* table : {"entry", "meta", "checkpoint"}) {
    const std::string columns = table == std::string("entry")  ? "seq, body"
                                : table == std::string("meta") ? "key, value"
                                                               : "size, note";
    reference::sql(
        file(), std::string("DROP TABLE ") + table + "; CREATE VIEW " + table +
                    " AS WITH RECURSIVE n(a) AS (SELECT 0 UNION ALL SELECT a + 1 FROM n) SELECT a AS " +
                    columns.substr(0, columns.find(',')) + ", a AS" + columns.substr(columns.find(',') + 1) +
                    " FROM n");
    EXPECT_THAT(findings(), Contains("table-altered@0")) << table;
    reference::write_file(file(), whole);
  }
}

TEST_F(TwoFaces, AColumnThatIsComputedIsNotRead) {
  journal_.requests(10);
  journal_.write();
  reference::sql(file(),
                 "DROP TABLE entry; CREATE TABLE entry (seq INTEGER PRIMARY KEY, body BLOB AS "
                 "(zeroblob(990000000))) STRICT;"
                 "INSERT INTO entry (seq) VALUES (0), (1), (2)");
  EXPECT_THAT(findings(), Contains("table-altered@0"));
}

TEST_F(TwoFaces, AnIndexWithAQueryInThePlaceOfItsTableIsMadeAnew) {
  journal_.requests(10);
  journal_.write();
  ASSERT_TRUE(TreeIndex::open(journal_.folder));
  const auto index = journal_.folder / "index.db";
  reference::sql(
      index,
      "DROP TABLE tree; CREATE VIEW tree AS WITH RECURSIVE n(a) AS (SELECT 0 UNION ALL SELECT a + 1 FROM n) "
      "SELECT 1 AS one, max(a) AS size FROM n");
  EXPECT_TRUE(TreeIndex::open(journal_.folder));
}

}  // namespace
}  // namespace tallygate::audit
