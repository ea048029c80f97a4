// Every write position of a workload is made to fail, in every way, and the process then goes on, or dies.

#include "audit/journal/journal.hpp"
#include "tests/audit/support/collector.hpp"
#include "tests/audit/support/fault_vfs.hpp"
#include "tests/audit/support/home.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>
#include <thread>

namespace tallygate::audit {
namespace {

using testing::append;
using testing::FaultVfs;
using testing::holds;
using testing::Home;
using testing::inspect;
using ::testing::IsEmpty;
using testing::sample_event;

constexpr std::uint64_t never = ~std::uint64_t{0};

struct Ran {
  std::vector<Receipt> acknowledged;
  bool failed = false;
};

// Small batches, one larger than a page, and a fold between: every kind of write that a writer makes.
Ran workload(Journal& journal) {
  Ran ran;
  for (unsigned round = 0; round < 4 && !ran.failed; ++round) {
    const auto receipts = append(journal, round == 2 ? 12 : 2);
    ran.failed = !receipts;
    if (receipts) {
      ran.acknowledged.insert(ran.acknowledged.end(), receipts->begin(), receipts->end());
    }
    if (!ran.failed && round == 2) {
      ran.failed = !journal.fold(1);
    }
  }
  return ran;
}

void expect_whole(const Home& home, const std::vector<Receipt>& acknowledged) {
  const auto seen = inspect(home);
  EXPECT_THAT(seen.faults, IsEmpty());
  EXPECT_TRUE(holds(seen, acknowledged)) << "an acknowledged entry is lost";
}

class Faults : public ::testing::TestWithParam<FaultVfs::Fault> {};

TEST_P(Faults, AtEveryWriteOfAWorkloadLoseNothingThatWasAcknowledgedAndAreRecoveredFrom) {
  FaultVfs vfs;
  bool reached_the_end = false;
  unsigned struck = 0;
  for (std::uint64_t at = 0; !reached_the_end; ++at) {
    SCOPED_TRACE("operation " + std::to_string(at));
    Home home;
    auto options = home.options();
    options.vfs = vfs.name();
    auto journal = Journal::open(options).value();
    vfs.fail_from(at, GetParam());
    Ran ran = workload(*journal);
    reached_the_end = !vfs.struck();
    struck += vfs.struck() ? 1U : 0U;
    vfs.heal();
    if (ran.failed) {
      const auto reopened = journal->reopen("an injected fault");
      ASSERT_TRUE(reopened) << reopened.error().message;
    }
    const Ran again = workload(*journal);
    EXPECT_FALSE(again.failed);
    ran.acknowledged.insert(ran.acknowledged.end(), again.acknowledged.begin(), again.acknowledged.end());
    ASSERT_TRUE(journal->close());
    expect_whole(home, ran.acknowledged);
  }
  EXPECT_GE(struck, 6U);
}

TEST_P(Faults, AtEveryWriteFollowedByTheEndOfTheProcessLoseNothingThatWasAcknowledged) {
  FaultVfs vfs;
  bool reached_the_end = false;
  for (std::uint64_t at = 0; !reached_the_end; ++at) {
    SCOPED_TRACE("operation " + std::to_string(at));
    Home home;
    auto options = home.options();
    options.vfs = vfs.name();
    Ran ran;
    {
      const auto journal = Journal::open(options).value();
      vfs.fail_from(at, GetParam());
      ran = workload(*journal);
      reached_the_end = !vfs.struck();
    }  // dropped while every write fails: nothing is tidied up
    vfs.heal();
    {
      const auto journal = Journal::open(home.options());
      ASSERT_TRUE(journal) << journal.error().message;
      ASSERT_TRUE((*journal)->close());
    }
    expect_whole(home, ran.acknowledged);
  }
}

TEST_P(Faults, ThatPassAreMendedByOpeningAgain) {
  FaultVfs vfs;
  for (std::uint64_t at = 0; at < 12; ++at) {
    SCOPED_TRACE("operation " + std::to_string(at));
    Home home;
    auto options = home.options();
    options.vfs = vfs.name();
    auto journal = Journal::open(options).value();
    vfs.fail_once(at, GetParam());
    Ran ran = workload(*journal);
    if (ran.failed) {
      const auto reopened = journal->reopen("once");
      ASSERT_TRUE(reopened) << reopened.error().message;
    }
    const Ran again = workload(*journal);
    ran.acknowledged.insert(ran.acknowledged.end(), again.acknowledged.begin(), again.acknowledged.end());
    if (again.failed) {
      ASSERT_TRUE(journal->reopen("later"));
    }
    ASSERT_TRUE(journal->close());
    vfs.heal();
    expect_whole(home, ran.acknowledged);
  }
}

std::string name_of(const ::testing::TestParamInfo<FaultVfs::Fault>& info) {
  const std::array names = {"WriteErrors", "FullDisks", "TornWrites", "SyncErrors"};
  return names.at(static_cast<std::size_t>(info.param));
}

INSTANTIATE_TEST_SUITE_P(Kinds, Faults,
                         ::testing::Values(FaultVfs::Fault::write_error, FaultVfs::Fault::disk_full,
                                           FaultVfs::Fault::torn_write, FaultVfs::Fault::sync_error),
                         name_of);

TEST(Fault, AStickyFailureStaysWhileTheDiskIsFull) {
  Home home;
  FaultVfs vfs;
  auto options = home.options();
  options.vfs = vfs.name();
  auto journal = Journal::open(options).value();
  vfs.fail_from(0, FaultVfs::Fault::disk_full);
  EXPECT_FALSE(append(*journal, 1));
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(journal->reopen("full"));
    EXPECT_FALSE(append(*journal, 1));
  }
  vfs.heal();
  EXPECT_TRUE(journal->reopen("full"));
  EXPECT_TRUE(append(*journal, 1));
}

TEST(Fault, AWriteOfHeadTornAnywhereLeavesTheOtherBlockWhole) {
  for (const std::size_t torn :
       {std::size_t{0}, std::size_t{1}, std::size_t{50}, std::size_t{120}, std::size_t{4095}}) {
    SCOPED_TRACE(torn);
    Home home;
    auto options = home.options();
    bool tear = false;
    const auto write = write_through();
    options.head_write = [&](int file, std::span<const char> block, std::int64_t at) {
      return tear ? (write(file, block.first(torn), at), EIO) : write(file, block, at);
    };
    std::vector<Receipt> acknowledged;
    {
      auto journal = Journal::open(options).value();
      acknowledged = append(*journal, 2).value();
      tear = true;
      EXPECT_FALSE(append(*journal, 2));
    }
    {
      const auto journal = Journal::open(home.options());
      ASSERT_TRUE(journal) << journal.error().message;
      ASSERT_TRUE((*journal)->close());
    }
    expect_whole(home, acknowledged);
  }
}

// Writes receipts to a pipe as they arrive, until it is killed.
class PipeSink final : public CompletionSink {
 public:
  explicit PipeSink(int pipe) : pipe_(pipe) {}
  void completed(std::span<const Completion> completions, std::string_view /*reason*/) noexcept override {
    for (const Completion& one : completions) {
      if (one.outcome != Outcome::durable ||
          ::write(pipe_, &one.receipt, sizeof one.receipt) != static_cast<ssize_t>(sizeof one.receipt)) {
        ::_exit(1);
      }
    }
  }

 private:
  int pipe_;
};

[[noreturn]] void child(const JournalOptions& options, int pipe) {
  PipeSink sink(pipe);
  auto journal = Journal::open(options);
  if (!journal) {
    ::_exit(2);
  }
  WriterOptions limits;
  limits.fold_frames = 20;  // folds often, so that some die in the middle of one
  Writer writer(std::move(*journal), limits, sink);
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (;;) {
        if (const auto refusal = writer.submit(sample_event(), {}, true)) {
          std::this_thread::yield();  // the queue is full
        }
      }
    });
  }
  threads.front().join();
  ::_exit(3);
}

TEST(Fault, AProcessKilledUnderLoadLosesNothingThatWasAcknowledged) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  Home home;
  std::vector<Receipt> acknowledged;
  for (int round = 0; round < 6; ++round) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      ::close(ends[0]);
      child(home.options(), ends[1]);
    }
    ::close(ends[1]);
    const std::size_t until = acknowledged.size() + 1 + random() % 400;
    Receipt receipt;
    while (::read(ends[0], &receipt, sizeof receipt) == static_cast<ssize_t>(sizeof receipt)) {
      acknowledged.push_back(receipt);
      if (acknowledged.size() == until) {
        ::kill(pid, SIGKILL);
      }
    }
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
    const auto journal = Journal::open(home.options());
    ASSERT_TRUE(journal) << journal.error().message;
    ASSERT_TRUE((*journal)->close());
  }
  expect_whole(home, acknowledged);
}

TEST(Fault, NoOperationFailsUnlessAsked) {
  FaultVfs vfs;
  Home home;
  auto options = home.options();
  options.vfs = vfs.name();
  vfs.fail_from(never, FaultVfs::Fault::write_error);
  auto journal = Journal::open(options).value();
  EXPECT_FALSE(workload(*journal).failed);
  EXPECT_GT(vfs.operations(), 10U);
}

}  // namespace
}  // namespace tallygate::audit
