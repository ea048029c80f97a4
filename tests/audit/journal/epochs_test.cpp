// New signing keys and new segments: what becomes of the old ones, and what a crash on the way leaves.

#include "audit/journal/journal.hpp"
#include "audit/journal/seal.hpp"
#include "audit/proof/verify.hpp"
#include "tests/audit/support/collector.hpp"
#include "tests/audit/support/fault_vfs.hpp"
#include "tests/audit/support/home.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

namespace tallygate::audit {
namespace {

using testing::append;
using testing::Collector;
using testing::FaultVfs;
using ::testing::HasSubstr;
using testing::Home;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace std::chrono_literals;

std::vector<std::string> found(const VerifyReport& report) {
  std::vector<std::string> all;
  all.reserve(report.findings.size());
  for (const Finding& finding : report.findings) {
    all.push_back(std::to_string(finding.seq) + " " + finding.what + " " + finding.detail);
  }
  return all;
}

VerifyReport verified(const Home& home) {
  VerifyOptions options{home.journal(), load_root_key(home.root().vkey()).value(), {}, {}, {}, {}, 0, {}};
  options.head = home.head();
  return verify_journal(options).value();
}

std::size_t kept_keys(const Home& home) {
  return Keyring::open(home.keyring()).value().list().value().size();
}

// Whether any file beside the keyring, or itself, holds these bytes.
bool anywhere(const std::filesystem::path& folder, std::string_view bytes) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) {
      continue;
    }
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(in), {}};
    if (content.find(bytes) != std::string::npos) {
      return true;
    }
  }
  return false;
}

// The wrapped form of the newest key, as it lies in the keyring.
std::string wrapped_key(const Home& home) {
  auto database = Database::open(home.keyring(), SQLITE_OPEN_READONLY).value();
  auto row = database.prepare("SELECT wrapped FROM signing_key ORDER BY first DESC").value();
  EXPECT_EQ(row.step(), SQLITE_ROW);
  const auto bytes = row.blob(0);
  return {bytes.begin(), bytes.end()};
}

TEST(Epochs, ARotationIsSignedByBothKeysAndTheRecordVerifies) {
  Home home;
  auto journal = Journal::open(home.options()).value();
  const std::string first = journal->vkey();
  ASSERT_TRUE(append(*journal, 5));
  ASSERT_TRUE(journal->rotate());
  EXPECT_NE(journal->vkey(), first);
  ASSERT_TRUE(append(*journal, 5));
  ASSERT_TRUE(journal->rotate());
  ASSERT_TRUE(append(*journal, 1));
  ASSERT_TRUE(journal->close());
  const auto report = verified(home);
  EXPECT_THAT(found(report), IsEmpty());
  EXPECT_EQ(report.proven_by, journal->vkey());
  EXPECT_EQ(report.proven_size, journal->size());
}

TEST(Epochs, TheOldPrivateKeyIsInNoFileAfterARotation) {
  Home home;
  auto journal = Journal::open(home.options()).value();
  const std::string old = wrapped_key(home);
  ASSERT_TRUE(anywhere(home.folder(), old));
  ASSERT_TRUE(journal->rotate());
  EXPECT_FALSE(anywhere(home.folder(), old));
  EXPECT_EQ(kept_keys(home), 1U);
}

// Requests wait for a rotation, whoever else has a key.
TEST(Epochs, ARotationWritesAsMuchForThousandsOfPeopleAsForNone) {
  Home home;
  auto journal = Journal::open(home.options()).value();
  std::vector<std::string> names;
  for (int i = 0; i < 5'000; ++i) {
    names.push_back("person-" + std::to_string(i));
  }
  ASSERT_TRUE(journal->make_subjects(names));
  const auto written = [] {
    std::ifstream io("/proc/self/io");
    std::string name;
    std::uint64_t bytes = 0;
    while (io >> name >> bytes && name != "wchar:") {
    }
    return bytes;
  };
  const auto before = written();
  ASSERT_TRUE(journal->rotate());
  const auto cost = written() - before;
  EXPECT_GT(cost, 0U);
  EXPECT_LT(cost, std::filesystem::file_size(home.keyring()) / 3);
  EXPECT_EQ(Keyring::open_reading(home.keyring()).value().subject_count().value(), names.size());
}

TEST(Epochs, OfManyKeysThatWaitedAndGaveWayNoneIsInAnyFile) {
  Home home;
  auto journal = Journal::open(home.options()).value();
  for (int i = 0; i < 20; ++i) {
    const std::string old = wrapped_key(home);
    ASSERT_TRUE(journal->prepare_key());
    auto database = Database::open(home.keyring(), SQLITE_OPEN_READONLY).value();
    auto row = database.prepare("SELECT wrapped FROM next_key").value();
    ASSERT_EQ(row.step(), SQLITE_ROW);
    const std::string waiting(row.blob(0).begin(), row.blob(0).end());
    row.reset();
    ASSERT_TRUE(anywhere(home.folder(), waiting));
    ASSERT_TRUE(journal->rotate());
    ASSERT_TRUE(journal->prepare_key());
    EXPECT_FALSE(anywhere(home.folder(), old));
    EXPECT_FALSE(anywhere(home.folder(), waiting));
  }
}

// SQLite would unlink it as it is once it is played back, with keys on its pages.
TEST(Epochs, ARollbackJournalThatACrashLeftIsOverwrittenAfterItWasPlayedBack) {
  Home home;
  ASSERT_TRUE(Journal::open(home.options()).value()->close());
  const std::string key = wrapped_key(home);
  const std::filesystem::path beside = home.keyring().string() + "-journal";
  const auto held = home.folder() / "held";
  const auto copy = home.folder() / "copy";
  {
    auto database = Database::open(home.keyring(), SQLITE_OPEN_READWRITE).value();
    ASSERT_TRUE(
        database.execute("PRAGMA cache_size=1; BEGIN; UPDATE signing_key SET created = 'never'; "
                         "CREATE TABLE filler (bytes BLOB);"));
    for (int i = 0; i < 200; ++i) {
      ASSERT_TRUE(database.execute("INSERT INTO filler VALUES (zeroblob(3000))"));
    }
    std::filesystem::copy_file(home.keyring(), copy);
    std::filesystem::copy_file(beside, held);
  }
  std::filesystem::rename(copy, home.keyring());
  std::filesystem::permissions(home.keyring(), std::filesystem::perms(0600));
  std::filesystem::create_hard_link(held, beside);
  const auto holds_key = [&] {
    std::ifstream in(held, std::ios::binary);
    return std::string{std::istreambuf_iterator<char>(in), {}}.find(key) != std::string::npos;
  };
  ASSERT_TRUE(holds_key());
  {
    auto keyring = Keyring::open(home.keyring()).value();
    EXPECT_NE(keyring.list().value().front().created, "never") << "it was played back";
  }
  EXPECT_FALSE(std::filesystem::exists(beside));
  EXPECT_FALSE(holds_key());
  EXPECT_TRUE(Journal::open(home.options()));
}

TEST(Epochs, AJournalIsOpenedAgainWithTheKeyThatIsInForce) {
  Home home;
  {
    auto journal = Journal::open(home.options()).value();
    ASSERT_TRUE(journal->rotate());
    ASSERT_TRUE(journal->close());
  }
  auto journal = Journal::open(home.options());
  ASSERT_TRUE(journal) << journal.error().message;
  ASSERT_TRUE(append(**journal, 3));
  EXPECT_THAT(found(verified(home)), IsEmpty());
}

TEST(Epochs, ACrashBeforeTheRotationIsOnRecordLeavesTheOldKeyInForce) {
  Home home;
  std::string first;
  {
    auto journal = Journal::open(home.options()).value();
    first = journal->vkey();
    ASSERT_TRUE(journal->close());
  }
  {
    auto keys = SigningKeys::open(home.keyring(), home.options().kek).value();
    ASSERT_TRUE(keys.prepare(2, home.options().clock()));
    ASSERT_EQ(kept_keys(home), 2U);
  }
  auto journal = Journal::open(home.options()).value();
  EXPECT_EQ(journal->vkey(), first);
  EXPECT_EQ(kept_keys(home), 1U) << "the key that never signed is destroyed";
  EXPECT_THAT(found(verified(home)), IsEmpty());
}

TEST(Epochs, ACrashBetweenRecordAndAcknowledgementGoesOnWithTheNewKey) {
  Home home;
  {
    JournalOptions options = home.options();
    bool lost = false;
    options.head_write = [&](int descriptor, std::span<const char> block, std::int64_t offset) {
      return lost ? EIO : write_through()(descriptor, block, offset);
    };
    auto journal = Journal::open(options).value();
    lost = true;
    EXPECT_FALSE(journal->rotate());
    EXPECT_EQ(kept_keys(home), 2U) << "nothing is destroyed before head has the checkpoint";
  }
  auto journal = Journal::open(home.options());
  ASSERT_TRUE(journal) << journal.error().message;
  EXPECT_EQ(kept_keys(home), 1U);
  ASSERT_TRUE(append(**journal, 2));
  const auto report = verified(home);
  EXPECT_THAT(found(report), IsEmpty());
  EXPECT_EQ(report.proven_by, (*journal)->vkey());
}

TEST(Epochs, AKeyringThatWasBeingReplacedIsWholeWhicheverStepWasTheLast) {
  Home home;
  {
    ASSERT_TRUE(Journal::open(home.options()).value()->close());
  }
  const auto old = std::filesystem::path(home.keyring().string() + ".old");
  const auto fresh = std::filesystem::path(home.keyring().string() + ".new");
  // The second name was made, the new file not yet moved.
  std::filesystem::create_hard_link(home.keyring(), old);
  std::filesystem::copy_file(home.keyring(), fresh);
  {
    ASSERT_TRUE(Journal::open(home.options()).value()->close());
  }
  EXPECT_FALSE(std::filesystem::exists(old));
  EXPECT_FALSE(std::filesystem::exists(fresh));
  // The new file was moved, the old one not yet overwritten.
  std::filesystem::copy_file(home.keyring(), old);
  {
    ASSERT_TRUE(Journal::open(home.options()).value()->close());
  }
  EXPECT_FALSE(std::filesystem::exists(old));
  EXPECT_THAT(found(verified(home)), IsEmpty());
}

TEST(Segments, ASealedSegmentIsFinalAndTheNextBeginsWithWhatItWas) {
  Home home;
  auto journal = Journal::open(home.options()).value();
  ASSERT_TRUE(append(*journal, 20));
  const std::uint64_t end = journal->size();
  ASSERT_TRUE(journal->seal());
  EXPECT_EQ(journal->segment_first(), end);
  ASSERT_TRUE(append(*journal, 3));
  using std::filesystem::perms;
  const perms writable = perms::owner_write | perms::group_write | perms::others_write;
  EXPECT_EQ(std::filesystem::status(home.segment()).permissions() & writable, perms::none);
  EXPECT_FALSE(std::filesystem::exists(home.segment().string() + "-wal"));
  EXPECT_THAT(found(verified(home)), IsEmpty());
  const std::string digest = to_hex(file_sha256(home.segment()).value());
  ASSERT_TRUE(journal->close());
  auto database =
      Database::open(home.journal() / ("0000000000" + std::to_string(end) + ".db"), SQLITE_OPEN_READONLY);
  ASSERT_TRUE(database);
  const auto body = database->value("SELECT CAST(body AS TEXT) FROM entry ORDER BY seq LIMIT 1").value();
  EXPECT_THAT(body, HasSubstr("\"kind\":\"journal.seal\""));
  EXPECT_THAT(body, HasSubstr(digest));
  // Of the charter's entry, the opening and twenty requests the first two stay where it is retired.
  Sha256 sha;
  CompactRange stays;
  auto sealed = Database::open(home.segment(), SQLITE_OPEN_READONLY);
  ASSERT_TRUE(sealed);
  for (const char* seq : {"0", "1"}) {
    const std::string sql = "SELECT CAST(body AS TEXT) FROM entry WHERE seq = " + std::string(seq);
    stays.append(sha, sha.leaf(sealed->value(sql.c_str()).value()));
  }
  EXPECT_EQ(parse_seal(body).value().stays, (Stays{2, stays.root(sha)}));
}

TEST(Segments, ManySegmentsAreOneRecordAndOpenAgain) {
  Home home;
  for (int round = 0; round < 3; ++round) {
    auto journal = Journal::open(home.options());
    ASSERT_TRUE(journal) << journal.error().message;
    ASSERT_TRUE(append(**journal, 7));
    ASSERT_TRUE((*journal)->seal());
    ASSERT_TRUE((*journal)->rotate());
    ASSERT_TRUE(append(**journal, 2));
    ASSERT_TRUE((*journal)->close());
  }
  const auto report = verified(home);
  EXPECT_THAT(found(report), IsEmpty());
  EXPECT_EQ(report.entries, report.last + 1);
}

TEST(Segments, NothingButASealIsNotSealedAgain) {
  Home home;
  auto journal = Journal::open(home.options()).value();
  ASSERT_TRUE(journal->seal());
  const std::uint64_t size = journal->size();
  ASSERT_TRUE(journal->seal());
  EXPECT_EQ(journal->size(), size);
}

TEST(Segments, AReaderThatHoldsTheSegmentKeepsNobodyFromSealingIt) {
  Home home;
  auto journal = Journal::open(home.options()).value();
  ASSERT_TRUE(append(*journal, 4));
  auto reader = Database::open(home.segment(), SQLITE_OPEN_READONLY).value();
  ASSERT_TRUE(reader.execute("BEGIN"));
  const auto before = reader.value("SELECT count(*) FROM entry").value();
  ASSERT_TRUE(append(*journal, 4));
  ASSERT_TRUE(journal->seal());
  ASSERT_TRUE(append(*journal, 4));
  EXPECT_EQ(reader.value("SELECT count(*) FROM entry").value(), before);
  EXPECT_THAT(found(verified(home)), IsEmpty());
}

TEST(Segments, ACopyThatACrashKeptFromTheSegmentsPlaceIsTakenUp) {
  Home home;
  const auto copy = std::filesystem::path(home.segment().string() + ".sealed.new");
  std::uint64_t size = 0;
  {
    auto journal = Journal::open(home.options()).value();
    ASSERT_TRUE(append(*journal, 4));
    auto reader = Database::open(home.segment(), SQLITE_OPEN_READONLY).value();
    ASSERT_TRUE(reader.execute("BEGIN; SELECT count(*) FROM entry"));
    ASSERT_TRUE(append(*journal, 4));
    ASSERT_TRUE(journal->seal());
    size = journal->size();
    ASSERT_TRUE(journal->close());
  }
  // As if the process had ended when the WAL was gone and the copy not yet in place.
  std::filesystem::rename(home.segment(), copy);
  {
    std::ofstream(home.segment()) << "what the WAL was needed for";
  }
  auto journal = Journal::open(home.options());
  ASSERT_TRUE(journal) << journal.error().message;
  EXPECT_GT((*journal)->size(), size);
  EXPECT_FALSE(std::filesystem::exists(copy));
  EXPECT_THAT(found(verified(home)), IsEmpty());
}

TEST(Epochs, AKeyringBehindALinkIsReplacedWhereItIs) {
  Home home;
  const auto real = home.folder() / "elsewhere.db";
  std::filesystem::rename(home.keyring(), real);
  std::filesystem::create_symlink(real, home.keyring());
  auto journal = Journal::open(home.options()).value();
  ASSERT_TRUE(journal->rotate());
  ASSERT_TRUE(journal->close());
  EXPECT_TRUE(std::filesystem::is_symlink(home.keyring()));
  EXPECT_TRUE(Journal::open(home.options()));
  EXPECT_THAT(found(verified(home)), IsEmpty());
}

class SealFaults : public ::testing::TestWithParam<FaultVfs::Fault> {};

// Every write of a seal fails once; then the journal is opened again, in this process or the next.
TEST_P(SealFaults, WhicheverWriteFailsTheRecordIsWholeAfterwards) {
  bool struck = true;
  for (std::uint64_t at = 0; struck; ++at) {
    const bool restart = (at + static_cast<std::uint64_t>(GetParam())) % 2 == 1;
    SCOPED_TRACE("operation " + std::to_string(at) + (restart ? ", started again" : ", reopened"));
    Home home;
    FaultVfs vfs;
    JournalOptions options = home.options();
    options.vfs = vfs.name();
    auto journal = Journal::open(options).value();
    ASSERT_TRUE(append(*journal, 3));
    vfs.fail_once(at, GetParam());
    const bool sealed = static_cast<bool>(journal->seal());
    struck = vfs.struck();
    EXPECT_TRUE(sealed || struck);
    vfs.heal();
    if (restart) {
      journal.reset();
      auto again = Journal::open(options);
      ASSERT_TRUE(again) << again.error().message;
      journal = std::move(*again);
    } else if (!sealed) {
      const auto reopened = journal->reopen("a test");
      ASSERT_TRUE(reopened) << reopened.error().message;
    }
    ASSERT_TRUE(append(*journal, 2));
    ASSERT_TRUE(journal->close());
    const auto report = verified(home);
    EXPECT_THAT(found(report), IsEmpty());
    EXPECT_GE(report.entries, 8U);
  }
}

INSTANTIATE_TEST_SUITE_P(Every, SealFaults,
                         ::testing::Values(FaultVfs::Fault::write_error, FaultVfs::Fault::disk_full,
                                           FaultVfs::Fault::torn_write, FaultVfs::Fault::sync_error));

TEST(Epochs, AWriterRotatesAndSealsByItselfUnderLoadAndLosesNothing) {
  Home home;
  JournalOptions options = home.options();
  options.epoch.entries = 40;
  options.segment.entries = 100;
  Collector collector;
  constexpr std::uintptr_t producers = 4;
  constexpr std::uintptr_t each = 200;
  std::uint64_t newest = 0;
  {
    Writer writer(Journal::open(options).value(), {}, collector);
    std::vector<std::thread> threads;
    threads.reserve(producers);
    for (std::uintptr_t p = 0; p < producers; ++p) {
      threads.emplace_back([&, p] {
        for (std::uintptr_t i = 0; i < each; ++i) {
          const std::uintptr_t number = p * each + i + 1;
          EXPECT_FALSE(writer.submit(testing::sample_event(), Collector::ticket(number), true));
          if (i % 8 == 0) {
            EXPECT_EQ(collector.wait(number).outcome, Outcome::durable);
          }
        }
      });
    }
    for (auto& thread : threads) {
      thread.join();
    }
    const auto by_hand = writer.perform([](Journal& journal) -> Result<std::string> {
      const std::string before = journal.vkey();
      if (auto rotated = journal.rotate(); !rotated) {
        return rotated.error();
      }
      return before == journal.vkey() ? std::string("the same") : journal.vkey();
    });
    ASSERT_TRUE(by_hand) << by_hand.error().message;
    EXPECT_NE(*by_hand, "the same");
    writer.close();
    newest = writer.health().newest_seq;
  }
  EXPECT_THAT(collector.receipts(), SizeIs(producers * each));
  const auto report = verified(home);
  EXPECT_THAT(found(report), IsEmpty());
  EXPECT_GE(report.entries, newest + 1);
  std::size_t segments = 0;
  for (const auto& file : std::filesystem::directory_iterator(home.journal())) {
    segments += file.path().extension() == ".db" ? 1 : 0;
  }
  EXPECT_GT(segments, 4U);
}

TEST(Epochs, AnActIsAnsweredWhenTheWriterClosesOrHasFailed) {
  Home home;
  Collector collector;
  Writer writer(Journal::open(home.options()).value(), {}, collector);
  const auto failing = writer.perform(
      [](Journal&) -> Result<std::string> { return fail(FailureKind::invalid, "not like this"); });
  ASSERT_FALSE(failing);
  EXPECT_EQ(failing.error().message, "not like this");
  EXPECT_TRUE(writer.health().good) << "an act that is refused harms nothing";
  writer.close();
  EXPECT_FALSE(writer.perform([](Journal&) -> Result<std::string> { return std::string(); }));
}

}  // namespace
}  // namespace tallygate::audit
