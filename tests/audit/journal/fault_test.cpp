// Every write position of a workload is made to fail, in every way, and the process then goes on, or dies.

#include "audit/journal/journal.hpp"
#include "tests/audit/support/fault_vfs.hpp"
#include "tests/audit/support/home.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace tallygate::audit {
namespace {

using testing::append;
using testing::FaultVfs;
using testing::holds;
using testing::Home;
using testing::inspect;
using ::testing::IsEmpty;

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
