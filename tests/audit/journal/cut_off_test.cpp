// A process that is killed at any system call by which it changes a file, while it seals segments, rotates
// keys, makes people's keys and destroys them: the next one goes on, and nothing acknowledged is lost.

#include "audit/custody/custodian.hpp"
#include "audit/custody/grant.hpp"
#include "audit/journal/journal.hpp"
#include "audit/journal/keyring.hpp"
#include "audit/proof/verify.hpp"
#include "audit/search/reader.hpp"
#include "tests/audit/support/home.hpp"
#include "tests/support/seed.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tallygate::audit {
namespace {

using testing::append;
using testing::Home;
using ::testing::IsEmpty;

constexpr std::size_t receipts_max = 1'024;
constexpr int rounds = 2;
constexpr int commits = 4;  // a round's, before and behind each change
constexpr std::uint64_t least_changes = 200;

// What outlives the one that is killed.
struct Told {
  std::atomic<std::size_t> count{0};
  std::array<Receipt, receipts_max> receipts{};       // of what was acknowledged
  std::array<std::atomic<bool>, rounds> destroyed{};  // a person's key, as the journal said
  std::array<std::array<char, 37>, rounds> people{};  // UUIDs
};

class Memory {
 public:
  Memory()
      : bytes_(::mmap(nullptr, sizeof(Told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)),
        told_(bytes_ == MAP_FAILED ? nullptr : new(bytes_) Told) {}
  ~Memory() { ::munmap(bytes_, sizeof(Told)); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  [[nodiscard]] Told& told() const { return *told_; }

 private:
  void* bytes_;
  Told* told_;
};

bool commit(Journal& journal, Told& told) {
  for (int i = 0; i < commits; ++i) {
    const auto receipts = append(journal, 2);
    if (!receipts) {
      return false;
    }
    for (const Receipt& receipt : *receipts) {
      told.receipts[told.count] = receipt;
      ++told.count;
    }
  }
  return true;
}

// In one go, or beside the writer.
bool erase(Home& home, Journal& journal, const std::string& uuid, bool beside) {
  const auto charter = read_own_charter(home.journal());
  if (!charter) {
    return false;
  }
  const auto grant = make_grant(home.root(), {charter->journal,
                                              "journal.erase",
                                              {{"subject", uuid}},
                                              home.options().clock() + std::chrono::hours(1)});
  const auto prepared = beside ? Keyring::prepare_without(home.keyring(), std::span(&uuid, 1))
                               : Result<KeyringWithout>(KeyringWithout{});
  return grant && prepared && journal.make_subjects(std::vector<std::string>{"a newcomer"}) &&
         journal.begin_erasure(uuid) &&
         append_object(journal, "journal.erase",
                       {{"subject", uuid}, {"grant", grant->terms}, {"signature", grant->signature}}) &&
         journal.settle_erasures(beside ? &*prepared : nullptr) &&
         (!beside || Keyring::destroy_old(home.keyring()));
}

// Whether all of it succeeded.
bool work(Home& home, Told& told) {
  const auto opened = Journal::open(home.options());
  if (!opened) {
    return false;
  }
  Journal& journal = **opened;
  for (int round = 0; round < rounds; ++round) {
    const auto keys = journal.make_subjects(std::vector<std::string>{"person-" + std::to_string(round)});
    if (!keys) {
      return false;
    }
    const std::string& uuid = keys->front().uuid;
    const auto at = static_cast<std::size_t>(round);
    uuid.copy(told.people[at].data(), uuid.size());
    const bool done = commit(journal, told) && journal.rotate() && commit(journal, told) && journal.seal() &&
                      commit(journal, told) && journal.fold(1);
    if (!done || !erase(home, journal, uuid, round % 2 == 1)) {
      return false;
    }
    told.destroyed[at] = true;
  }
  return static_cast<bool>(journal.close());
}

bool changes_a_file(const __ptrace_syscall_info& call) {
  static constexpr auto changing = std::to_array<std::uint64_t>({
      SYS_write,
      SYS_pwrite64,
      SYS_writev,
      SYS_fsync,
      SYS_fdatasync,
      SYS_ftruncate,
      SYS_renameat2,
      SYS_renameat,
      SYS_unlinkat,
      SYS_linkat,
      SYS_fchmod,
      SYS_fchmodat,
#ifdef SYS_rename  // the older calls, which not every machine has
      SYS_rename,
      SYS_unlink,
      SYS_link,
      SYS_chmod,
#endif
  });
  const std::uint64_t number = call.entry.nr;
  return std::find(changing.begin(), changing.end(), number) != changing.end() ||
         (number == SYS_openat && (call.entry.args[2] & O_CREAT) != 0);
}

// How one life ended: at the change where it was to be killed, or with its work done.
struct Life {
  bool killed = false;
  bool done = false;
  std::uint64_t changes = 0;
};

Life live(const std::function<bool()>& work, std::optional<std::uint64_t> killed_at) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::raise(SIGSTOP);
    ::_exit(work() ? 0 : 1);
  }
  Life life;
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) {
    ADD_FAILURE() << "no process can be followed here";
    return life;
  }
  ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  std::intptr_t signal = 0;
  while (::ptrace(PTRACE_SYSCALL, child, nullptr, signal) == 0 && ::waitpid(child, &status, 0) == child &&
         WIFSTOPPED(status)) {
    signal = WSTOPSIG(status) == (SIGTRAP | 0x80) ? 0 : WSTOPSIG(status);
    __ptrace_syscall_info call{};
    if (signal != 0 || ::ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof call, &call) <= 0 ||
        call.op != PTRACE_SYSCALL_INFO_ENTRY || !changes_a_file(call)) {
      continue;
    }
    if (life.changes++ == killed_at) {
      life.killed = true;
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
      return life;
    }
  }
  life.done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return life;
}

void look_through(Home& home, const Told& told) {
  {
    const auto next = Journal::open(home.options());
    ASSERT_TRUE(next) << next.error().message;
    EXPECT_TRUE(append(**next, 2));
    EXPECT_TRUE((*next)->rotate());
    EXPECT_TRUE((*next)->seal());
    EXPECT_TRUE((*next)->close());
  }
  VerifyOptions options{home.journal(), {home.root().verify_key().key, {}}, home.head(), {}, {}, {}, 1, {}};
  const auto report = verify_journal(options);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->ok) << to_json(*report);
  auto reader = JournalReader::open(home.journal()).value();
  Sha256 sha;
  for (std::size_t i = 0; i < told.count; ++i) {
    const auto body = reader.entry(told.receipts[i].seq).value();
    ASSERT_TRUE(body) << "an acknowledged entry is lost";
    EXPECT_EQ(sha.leaf(*body), told.receipts[i].leaf) << "an acknowledged entry is another";
  }
  auto keyring = Keyring::open(home.keyring()).value();
  EXPECT_EQ(keyring.list().value().size(), 1U) << "a key that no longer signs is still there";
  EXPECT_THAT(keyring.begun_erasures().value(), IsEmpty());
  const auto kek = load_kek(home.options().kek).value();
  for (std::size_t i = 0; i < told.people.size(); ++i) {
    if (told.destroyed[i]) {
      EXPECT_FALSE(keyring.subject(std::string_view(told.people[i].data()), kek).value());
    }
  }
  for (const auto& file : std::filesystem::directory_iterator(home.keyring().parent_path())) {
    const std::string name = file.path().filename().string();
    EXPECT_TRUE(name == "head" || name == "keyring.db") << name << " was left";
  }
}

// The wrapped form of each signing key that a keyring holds, by vkey.
void gather_wrapped(const std::filesystem::path& keyring, std::map<std::string, std::string>& wrapped) {
  auto database = Database::open(keyring, SQLITE_OPEN_READWRITE);
  auto rows = database ? database->prepare("SELECT vkey, wrapped FROM signing_key")
                       : Result<Statement>(database.error());
  while (rows && rows->step() == SQLITE_ROW) {
    const auto bytes = rows->blob(1);
    wrapped[std::string(rows->text(0))] = {bytes.begin(), bytes.end()};
  }
}

std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// What lies beside the keyring gets another name each, so that what is only unlinked can still be read; and
// gives the keys that it holds, with its rollback journal played back and without.
std::map<std::string, std::string> keep_hold_of_all(const Home& home, const std::filesystem::path& held) {
  std::filesystem::create_directory(held);
  const auto copies = home.folder() / "copies";
  std::filesystem::create_directory(copies);
  for (const auto& file : std::filesystem::directory_iterator(home.keyring().parent_path())) {
    std::filesystem::create_hard_link(file.path(), held / file.path().filename());
    std::filesystem::copy_file(file.path(), copies / file.path().filename());
  }
  std::filesystem::copy_file(home.keyring(), copies / "alone.db");
  std::map<std::string, std::string> wrapped;
  gather_wrapped(copies / "alone.db", wrapped);
  gather_wrapped(copies / home.keyring().filename(), wrapped);
  std::filesystem::remove_all(copies);
  return wrapped;
}

bool rotate_with_people(Home& home) {
  const auto journal = Journal::open(home.options());
  return journal && (*journal)->rotate() && (*journal)->close();
}

void make_people(Home& home) {
  std::vector<std::string> names;
  for (int i = 0; i < 100; ++i) {
    names.push_back("person-" + std::to_string(i));
  }
  const auto journal = Journal::open(home.options()).value();
  ASSERT_TRUE(journal->make_subjects(names));
  ASSERT_TRUE(journal->close());
}

// The next opening has the key that the record says, and of the other nothing is left.
void expect_one_key(Home& home, const std::filesystem::path& held,
                    const std::map<std::string, std::string>& wrapped) {
  std::string in_force;
  {
    const auto next = Journal::open(home.options());
    ASSERT_TRUE(next) << next.error().message;
    in_force = (*next)->vkey();
    EXPECT_TRUE((*next)->close());
  }
  VerifyOptions options{home.journal(), {home.root().verify_key().key, {}}, home.head(), {}, {}, {}, 1, {}};
  const auto report = verify_journal(options).value();
  EXPECT_TRUE(report.ok) << to_json(report);
  EXPECT_EQ(report.proven_by, in_force);
  for (const auto& [vkey, bytes] : wrapped) {
    for (const auto& folder : {home.keyring().parent_path(), held}) {
      for (const auto& file : std::filesystem::directory_iterator(folder)) {
        EXPECT_TRUE(vkey == in_force || content_of(file.path()).find(bytes) == std::string::npos)
            << file.path() << " still holds " << vkey;
      }
    }
  }
}

TEST(CutOff, AtAnyChangeWhileAKeyGivesWayTheOneThatIsNotInForceIsDestroyedWhereverItLay) {
  const std::uint64_t seed = tallygate::testing::test_seed();
  SCOPED_TRACE(tallygate::testing::how_to_repeat(seed));
  std::uint64_t changes = 0;
  std::size_t two_keys = 0;
  const std::uint64_t step = tallygate::testing::test_full() ? 1 : 3;
  for (std::uint64_t at = seed % step; !::testing::Test::HasFailure(); at += step) {
    SCOPED_TRACE("killed at change " + std::to_string(at));
    Home home;
    ASSERT_NO_FATAL_FAILURE(make_people(home));
    const Life life = live([&] { return rotate_with_people(home); }, at);
    const auto held = home.folder() / "held";
    const auto wrapped = keep_hold_of_all(home, held);
    two_keys += wrapped.size() == 2 ? 1 : 0;
    ASSERT_NO_FATAL_FAILURE(expect_one_key(home, held, wrapped));
    if (!life.killed) {
      EXPECT_TRUE(life.done);
      changes = life.changes;
      break;
    }
  }
  EXPECT_GT(changes, 30U);
  EXPECT_GT(two_keys, 3U) << "some were killed between";
}

TEST(CutOff, AtAnyChangeOfAFileWhileSegmentsAndKeysChangeNothingIsLostAndTheNextOneGoesOn) {
  const std::uint64_t seed = tallygate::testing::test_seed();
  SCOPED_TRACE(tallygate::testing::how_to_repeat(seed));
  std::uint64_t changes = 0;
  {
    Home home;
    const Memory memory;
    const Life whole = live([&] { return work(home, memory.told()); }, std::nullopt);
    ASSERT_TRUE(whole.done);
    changes = whole.changes;
    look_through(home, memory.told());
  }
  EXPECT_GE(changes, least_changes);
  // A prime, so that samples fall on every kind of change.
  const std::uint64_t step = tallygate::testing::test_full() ? 1 : 89;
  for (std::uint64_t at = seed % step; at < changes && !::testing::Test::HasFailure(); at += step) {
    SCOPED_TRACE("killed at change " + std::to_string(at) + " of " + std::to_string(changes));
    Home home;
    const Memory memory;
    EXPECT_TRUE(live([&] { return work(home, memory.told()); }, at).killed);
    look_through(home, memory.told());
  }
  RecordProperty("changes", std::to_string(changes));
}

}  // namespace
}  // namespace tallygate::audit
