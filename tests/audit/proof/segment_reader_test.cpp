// Reading without a trace: closed files, files of a dead writer, files that are written right now.
#include "audit/proof/segment_reader.hpp"

#include "audit/proof/verify.hpp"
#include "tests/audit/proof/reference_support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

namespace tallygate::audit {
namespace {

namespace fs = std::filesystem;
using reference::Folder;
using reference::Journal;

struct CloseDatabase {
  void operator()(sqlite3* database) const { sqlite3_close(database); }
};
using Connection = std::unique_ptr<sqlite3, CloseDatabase>;

void run(sqlite3* database, const std::string& script) {
  char* message = nullptr;
  ASSERT_EQ(sqlite3_exec(database, script.c_str(), nullptr, nullptr, &message), SQLITE_OK)
      << (message == nullptr ? "" : message);
}

// A journal whose last entries are only in the WAL, and the writer's connection, still open.
class WalJournal {
 public:
  explicit WalJournal(const fs::path& folder) : journal(folder) {
    journal.requests(20);
    journal.write();
    sqlite3* database = nullptr;
    EXPECT_EQ(sqlite3_open(file().c_str(), &database), SQLITE_OK);
    writer.reset(database);
    run(database, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0");
    for (int batch = 0; batch < 5; ++batch) {
      append(4);
    }
  }

  // One batch, in one transaction.
  void append(unsigned entries) {
    const std::uint64_t first = journal.bodies.size();
    journal.requests(entries, entries);
    std::string script = "BEGIN;";
    for (std::uint64_t seq = first; seq < journal.bodies.size(); ++seq) {
      script += "INSERT INTO entry VALUES (" + std::to_string(seq) + "," +
                reference::blob(journal.bodies[seq]) + ");";
    }
    script += "INSERT INTO checkpoint VALUES (" + std::to_string(journal.notes.back().size) + "," +
              reference::blob(journal.notes.back().bytes) + ");COMMIT";
    run(writer.get(), script);
  }
  fs::path file() const { return journal.segment_file(0); }

  Journal journal;
  Connection writer;
};

VerifyReport verify(const Journal& journal, const fs::path& folder, const fs::path& head = {}) {
  VerifyOptions options{folder, *load_root_key(journal.root().vkey()), {}, {}, {}, {}, 2, {}};
  if (!head.empty()) {
    options.head = head;
  }
  const auto report = verify_journal(options);
  EXPECT_TRUE(report) << report.error().message;
  return report ? *report : VerifyReport{};
}

std::string first_finding(const VerifyReport& report) {
  return report.findings.empty() ? "none"
                                 : report.findings[0].what + "@" + std::to_string(report.findings[0].seq);
}

// What a killed writer leaves: copies of the files while they are open.
void copy_dead(const WalJournal& live, const fs::path& folder, bool with_index) {
  fs::create_directories(folder);
  for (const char* suffix : {"", "-wal", "-shm"}) {
    if (with_index || std::string_view(suffix) != "-shm") {
      fs::path from = live.file();
      from += suffix;
      fs::copy_file(from, folder / from.filename());
    }
  }
}

SegmentAccess access_of(const fs::path& file) {
  const auto reader = SegmentReader::open(file);
  EXPECT_TRUE(reader) << reader.error().message;
  return reader->access();
}

TEST(SegmentReader, LeavesNoTraceInAnyState) {
  Folder folder;
  const WalJournal live(folder.path / "live");
  copy_dead(live, folder.path / "dead", true);
  copy_dead(live, folder.path / "copied", false);
  Journal closed(folder.path / "closed");
  closed.requests(20);
  closed.write();
  const std::string name = live.file().filename().string();
  EXPECT_EQ(access_of(folder.path / "dead" / name), SegmentAccess::shared);
  EXPECT_EQ(access_of(folder.path / "copied" / name), SegmentAccess::copied);
  EXPECT_EQ(access_of(closed.segment_file(0)), SegmentAccess::immutable);
  for (const char* state : {"dead", "copied", "closed"}) {
    const auto before = reference::traces(folder.path / state);
    const Journal& journal = std::string_view(state) == "closed" ? closed : live.journal;
    const VerifyReport report = verify(journal, folder.path / state);
    EXPECT_EQ(first_finding(report), "none") << state;
    EXPECT_EQ(report.entries, journal.bodies.size()) << state;
    EXPECT_EQ(reference::traces(folder.path / state), before) << state;
  }
}

TEST(SegmentReader, AWalModeFileWithoutWalIsReadAsItIs) {
  Folder folder;
  Journal journal(folder.path / "journal");
  journal.requests(20);
  journal.write();
  reference::sql(journal.segment_file(0), "PRAGMA journal_mode=WAL");
  ASSERT_FALSE(fs::exists(journal.segment_file(0).string() + "-wal"));
  const auto before = reference::traces(journal.folder);
  EXPECT_EQ(first_finding(verify(journal, journal.folder)), "none");
  EXPECT_EQ(reference::traces(journal.folder), before);
}

TEST(SegmentReader, AFolderThatMayNotBeWrittenIsVerified) {
  Folder folder;
  const WalJournal live(folder.path / "live");
  copy_dead(live, folder.path / "dead", true);
  for (const auto& entry : fs::directory_iterator(folder.path / "dead")) {
    fs::permissions(entry.path(), fs::perms::owner_read);
  }
  fs::permissions(folder.path / "dead", fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_EQ(first_finding(verify(live.journal, folder.path / "dead")), "none");
  fs::permissions(folder.path / "dead", fs::perms::owner_all);
}

TEST(SegmentReader, AWalThatWasRemovedCutOrFlippedIsFoundByHead) {
  Folder folder;
  const WalJournal live(folder.path / "live");
  const std::uint64_t size = live.journal.bodies.size();
  const fs::path head = folder.path / "head";
  live.journal.write_head(head, size);
  int number = 0;
  const auto damaged = [&](const std::function<void(const fs::path& wal)>& damage) {
    const fs::path dead = folder.path / ("dead" + std::to_string(number++));
    copy_dead(live, dead, number % 2 == 0);
    fs::path wal = dead / live.file().filename();
    wal += "-wal";
    damage(wal);
    return verify(live.journal, dead, head);
  };
  EXPECT_EQ(first_finding(damaged([](const fs::path&) {})), "none");
  EXPECT_EQ(first_finding(damaged([](const fs::path& wal) { fs::remove(wal); })), "tail-cut@22");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(damaged([](const fs::path& wal) { fs::resize_file(wal, fs::file_size(wal) / 2); })
                  .findings.back()
                  .what,
              "tail-cut");
    EXPECT_EQ(damaged([](const fs::path& wal) {
                std::string bytes = reference::read_file(wal);
                bytes[bytes.size() / 2] ^= 1;
                reference::write_file(wal, bytes);
              })
                  .findings.back()
                  .what,
              "tail-cut");
  }
}

TEST(SegmentReader, AJournalIsVerifiedWhileItIsWritten) {
  Folder folder;
  WalJournal live(folder.path / "live");
  std::atomic<bool> stop{false};
  std::atomic<int> batches{0};
  std::thread writer([&] {
    while (!stop && batches < 200) {
      live.append(2);
      if (batches % 20 == 0) {
        sqlite3_wal_checkpoint_v2(live.writer.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
      }
      ++batches;
    }
  });
  std::uint64_t entries = 0;
  for (int round = 0; round < 15; ++round) {
    const VerifyReport report = verify(Journal(folder.path / "same keys"), live.file().parent_path());
    EXPECT_EQ(first_finding(report), "none");
    EXPECT_GE(report.entries, entries);
    entries = report.entries;
  }
  stop = true;
  writer.join();
  EXPECT_EQ(verify(live.journal, live.file().parent_path()).entries, live.journal.bodies.size());
}

TEST(SegmentReader, AReaderDoesNotKeepTheWriterFromFoldingItsWal) {
  Folder folder;
  WalJournal live(folder.path / "live");
  auto reader = SegmentReader::open(live.file());
  ASSERT_TRUE(reader);
  ASSERT_TRUE(reader->extent());
  live.append(2);
  reader->release();
  EXPECT_EQ(
      sqlite3_wal_checkpoint_v2(live.writer.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr),
      SQLITE_OK);
  EXPECT_EQ(reader->extent()->entry_last, static_cast<std::int64_t>(live.journal.bodies.size() - 1));
}

TEST(SegmentReader, AFileThatIsNoDatabaseIsAnError) {
  Folder folder;
  reference::write_file(folder.path / "x.db", std::string(10'000, 'x'));
  EXPECT_EQ(SegmentReader::open(folder.path / "x.db").error().kind, FailureKind::unreadable);
  EXPECT_EQ(SegmentReader::open(folder.path / "y.db").error().kind, FailureKind::missing);
}

// What a writer leaves that was killed when it had begun its first WAL: the head of one, and an index that
// was never set.
TEST(SegmentReader, AWalOfWhichOnlyTheHeadWasWrittenIsReadInACopy) {
  Folder folder;
  Journal journal(folder.path / "journal");
  journal.requests(20);
  journal.write();
  const auto file = journal.segment_file(0);
  std::string head;
  {
    auto writer = Database::open(file, SQLITE_OPEN_READWRITE).value();
    ASSERT_TRUE(writer.execute("PRAGMA journal_mode=WAL; INSERT INTO leaf VALUES (0, x'00')"));
    head = reference::read_file(file.string() + "-wal").substr(0, 32);
  }
  reference::write_file(file.string() + "-wal", head);
  reference::write_file(file.string() + "-shm", std::string(32'768, '\0'));
  auto reader = SegmentReader::open(file);
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_EQ(reader->extent().value().entry_last, static_cast<std::int64_t>(journal.bodies.size()) - 1);
}

}  // namespace
}  // namespace tallygate::audit
