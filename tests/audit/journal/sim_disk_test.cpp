// Whatever a disk does to a workload of 500 commits, at whichever of its operations: nothing that was
// acknowledged is lost, nothing that was not is half there, and the journal goes on by itself.

#include "tests/audit/support/sim_disk.hpp"

#include "audit/journal/journal.hpp"
#include "audit/journal/segment.hpp"
#include "audit/proof/verify.hpp"
#include "tests/audit/support/home.hpp"
#include "tests/support/seed.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <iostream>
#include <map>

namespace tallygate::audit {
namespace {

using testing::DiskFault;
using testing::DiskOperation;
using testing::Home;
using testing::inspect;
using ::testing::IsEmpty;
using testing::sample_event;
using testing::SimDisk;

constexpr unsigned commits = 500;
constexpr int fold_frames = 60;
// Commits do at least so many things to the disk each: write to the WAL, sync it, write head, sync it, and
// fold now and then.
constexpr unsigned operations_of_a_commit = 5;
constexpr unsigned inspect_every = 16;  // of the lives that end here: an independent reader is slow
constexpr unsigned verify_at = 8;       // of as many lives, another one: so is the verifier
constexpr unsigned stop_after = 3;      // failures

enum class Story {
  power_cut,        ///< and then it comes back
  power_cut_twice,  ///< the second time while the journal recovers
  killed,           ///< the process, and soon after its successor starts the power is cut
  write_error,      ///< once; the journal opens itself again
  disk_full,        ///< until it is not
  torn_write,
  sync_error,       ///< and what could not be kept is lost when the power is cut later
  sync_error_early  ///< or at once, while the journal recovers
};

DiskFault fault_of(Story story) {
  switch (story) {
    case Story::power_cut:
    case Story::power_cut_twice:
      return DiskFault::power_cut;
    case Story::killed:
      return DiskFault::halt;
    case Story::write_error:
      return DiskFault::write_error;
    case Story::disk_full:
      return DiskFault::disk_full;
    case Story::torn_write:
      return DiskFault::torn_write;
    case Story::sync_error:
    case Story::sync_error_early:
      return DiskFault::sync_error;
  }
  return DiskFault::none;
}

// A workload on a simulated disk. At chosen operations the process forks: the child meets the fault, lives
// on, is looked through and ends; the parent goes on as if nothing had happened.
class Sweep {
 public:
  Sweep(Story story, std::uint64_t seed, std::uint64_t step)
      : story_(story), seed_(seed), step_(step), random_(seed), disk_(seed), options_(home_.options()) {
    disk_.adopt(home_.segment());
    disk_.adopt(home_.head());
    options_.vfs = disk_.name();
    options_.head_write = disk_.head_writer(home_.head());
  }

  // Begins a life for every chosen operation of the workload; how many lives ended otherwise.
  unsigned run() {
    open();
    if (!journal_) {
      return 0;
    }
    const std::uint64_t first = disk_.operations();
    disk_.set_plan([this](std::uint64_t number, DiskOperation) { return fork_at(number); });
    for (unsigned i = 0; i < commits && failed_ < stop_after; ++i) {
      const bool committed = append(1 + random_() % 3 + (i % 97 == 96 ? 40 : 0));
      const auto folded = committed ? journal_->fold(fold_frames) : Result<void>();
      if (child_ && disk_.failures() != 0) {
        finish(!committed);
      }
      EXPECT_TRUE(committed && folded) << "commit " << i;
    }
    const std::uint64_t end = disk_.operations();
    disk_.start();
    look_through(Look::by_an_independent_reader);
    look_through_files(Look::by_the_verifier);
    EXPECT_GE(end - first, commits * operations_of_a_commit);
    EXPECT_EQ(lives_, chosen_before(end) - chosen_before(first)) << "of " << end - first << " operations";
    return lives_;
  }

 private:
  enum class Look { quickly, by_an_independent_reader, by_the_verifier };

  // How many operations before that one are chosen.
  [[nodiscard]] std::uint64_t chosen_before(std::uint64_t number) const {
    return (number + step_ - 1 - seed_ % step_) / step_;
  }

  [[nodiscard]] Look look_of_this_life() const {
    return lives_ % inspect_every == 0           ? Look::by_an_independent_reader
           : lives_ % inspect_every == verify_at ? Look::by_the_verifier
                                                 : Look::quickly;
  }

  void open() {
    auto opened = Journal::open(options_);
    EXPECT_TRUE(opened) << opened.error().message;
    if (opened) {
      journal_ = std::move(*opened);
    }
  }

  // One batch, whose entries say which and how many they are.
  bool append(std::size_t count) {
    const std::string label = "b" + std::to_string(offered_.size()) + ".";
    offered_.push_back(count);
    std::vector<EncodedEvent> events;
    std::vector<EncodedEvent*> batch;
    events.reserve(count);
    batch.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      events.push_back(sample_event(label));
    }
    for (EncodedEvent& event : events) {
      batch.push_back(&event);
    }
    std::vector<Receipt> receipts;
    const bool appended = static_cast<bool>(journal_->append(batch, receipts));
    if (appended) {
      acknowledged_.insert(acknowledged_.end(), receipts.begin(), receipts.end());
    }
    return appended;
  }

  DiskFault fork_at(std::uint64_t number) {
    if (number % step_ != seed_ % step_ || failed_ >= stop_after) {
      return DiskFault::none;
    }
    ++lives_;
    std::fflush(nullptr);
    const pid_t pid = ::fork();
    if (pid < 0) {
      ADD_FAILURE() << "cannot fork";
      return DiskFault::none;
    }
    if (pid == 0) {
      child_ = true;
      at_ = number;
      random_.seed(seed_ + number);
      disk_.random().seed(seed_ ^ (number + 1) * 0x9E3779B97F4A7C15U);
      disk_.set_plan([this](std::uint64_t, DiskOperation) {
        return story_ == Story::disk_full ? DiskFault::disk_full : DiskFault::none;
      });
      return fault_of(story_);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    disk_.show_head();
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      ++failed_;
      ADD_FAILURE() << "the fault at operation " << number << " was not survived (status " << status << ")";
    }
    return DiskFault::none;
  }

  // The rest of a child's life.
  [[noreturn]] void finish(bool failed) {
    SCOPED_TRACE("operation " + std::to_string(at_));
    if (story_ == Story::power_cut || story_ == Story::power_cut_twice) {
      lose_power();
    } else if (story_ == Story::killed) {
      die();
      disk_.start();
    } else if (story_ == Story::sync_error_early) {
      go_on_and_lose_power(failed);
    } else {
      go_on(failed);
    }
    if (story_ == Story::power_cut_twice || story_ == Story::killed) {
      begin_again_and_lose_power();
    }
    open();
    if (journal_) {
      EXPECT_TRUE(append(2));
      look_through(look_of_this_life());
    }
    std::fflush(nullptr);
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }

  // Without a word to the disk. The lock is the parent's too: it would outlast the child's journal.
  void die() {
    disk_.stop();
    struct stat lock{};
    ::stat((home_.journal() / "lock").c_str(), &lock);
    for (int file = 3; file < 256; ++file) {
      struct stat status{};
      struct flock release{};
      release.l_type = F_UNLCK;
      release.l_whence = SEEK_SET;
      if (::fstat(file, &status) == 0 && status.st_ino == lock.st_ino && status.st_dev == lock.st_dev) {
        ::fcntl(file, F_OFD_SETLK, &release);
      }
    }
    journal_.reset();
  }

  void lose_power() {
    die();
    disk_.lose_power();
    disk_.start();
  }

  void cut_soon() {
    const std::uint64_t at = disk_.operations() + random_() % 24;
    disk_.set_plan([at](std::uint64_t number, DiskOperation) {
      return number == at ? DiskFault::power_cut : DiskFault::none;
    });
  }

  void go_on_and_lose_power(bool failed) {
    disk_.start();
    cut_soon();
    if (!failed || journal_->reopen("an injected fault")) {
      append(2);
      append(1);
    }
    lose_power();
  }

  void begin_again_and_lose_power() {
    cut_soon();
    if (auto opened = Journal::open(options_)) {
      journal_ = std::move(*opened);
      append(2);
      append(1);
    }
    lose_power();
  }

  void go_on(bool failed) {
    if (failed) {
      const auto early = journal_->reopen("an injected fault");  // the fault may last
      EXPECT_TRUE(early || story_ == Story::disk_full) << early.error().message;
      disk_.start();
      const auto reopened = early ? early : journal_->reopen("an injected fault");
      EXPECT_TRUE(reopened) << reopened.error().message;
    }
    disk_.start();
    for (std::size_t i = random_() % 4; i > 0; --i) {
      EXPECT_TRUE(append(i));
      EXPECT_TRUE(journal_->fold(random_() % 2 == 0 ? 1 : fold_frames));
    }
    lose_power();
  }

  // Closes the journal and reads it.
  void look_through(Look look) {
    const auto closed = journal_->close();
    EXPECT_TRUE(closed) << closed.error().message;
    journal_.reset();
    auto segment = Segment::open(home_.segment(), Home::origin, disk_.name());
    ASSERT_TRUE(segment) << segment.error().message;
    std::vector<Digest> leaves;
    std::map<std::size_t, std::size_t> found;
    Sha256 sha;
    const auto read = segment->read(0, [&](std::uint64_t, std::string_view body) {
      leaves.push_back(sha.leaf(body));
      constexpr std::string_view label = R"("method":"b)";
      if (const auto at = body.find(label); at != std::string_view::npos) {
        std::size_t batch = 0;
        std::from_chars(body.data() + at + label.size(), body.data() + body.size(), batch);
        ++found[batch];
      }
    });
    EXPECT_TRUE(read) << read.error().message;
    for (const Receipt& receipt : acknowledged_) {
      ASSERT_LT(receipt.seq, leaves.size()) << "an acknowledged entry is lost";
      ASSERT_EQ(leaves[receipt.seq], receipt.leaf) << "an acknowledged entry is another";
    }
    for (const auto& [batch, count] : found) {
      EXPECT_EQ(count, offered_.at(batch)) << "batch " << batch << " is half there";
    }
    if (look != Look::quickly) {
      look_through_files(look);
    }
  }

  void look_through_files(Look look) {
    std::string folder = (home_.folder() / "seen-XXXXXX").string();
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    disk_.write_out(home_.journal(), folder);
    disk_.write_out(home_.head().parent_path(), folder);
    const std::filesystem::path there(folder);
    if (look == Look::by_the_verifier) {
      const auto report = verify_journal(
          {there, {home_.root().verify_key().key, {}}, there / home_.head().filename(), {}, {}, {}, 1, {}});
      ASSERT_TRUE(report) << report.error().message;
      EXPECT_TRUE(report->ok) << to_json(*report);
      std::filesystem::remove_all(folder);
      return;
    }
    const auto seen = inspect(there / home_.segment().filename(), there / home_.head().filename(),
                              home_.root().verify_key());
    EXPECT_THAT(seen.faults, IsEmpty());
    EXPECT_TRUE(testing::holds(seen, acknowledged_));
    std::filesystem::remove_all(folder);
  }

  const Story story_;
  const std::uint64_t seed_;
  const std::uint64_t step_;
  std::mt19937_64 random_;
  Home home_;
  SimDisk disk_;
  JournalOptions options_;
  std::unique_ptr<Journal> journal_;
  std::vector<Receipt> acknowledged_;
  std::vector<std::size_t> offered_;  // entries of each batch
  unsigned lives_ = 0;
  unsigned failed_ = 0;
  bool child_ = false;
  std::uint64_t at_ = 0;
};

struct Told {
  Story story;
  const char* name;
};

class Disks : public ::testing::TestWithParam<Told> {};

TEST_P(Disks, LoseNothingThatWasAcknowledgedWhereverOfFiveHundredCommitsItComes) {
  const std::uint64_t seed = tallygate::testing::test_seed();
  SCOPED_TRACE(tallygate::testing::how_to_repeat(seed));
  // A prime, so that samples fall on every kind of operation of a commit.
  const std::uint64_t step = tallygate::testing::test_full() ? 1 : 13;
  RecordProperty("lives", std::to_string(Sweep(GetParam().story, seed, step).run()));
}

INSTANTIATE_TEST_SUITE_P(
    Of, Disks,
    ::testing::Values(Told{Story::power_cut, "PowerCuts"},
                      Told{Story::power_cut_twice, "PowerCutsInRecovery"},
                      Told{Story::killed, "ProcessesKilledBeforePowerCuts"},
                      Told{Story::write_error, "WriteErrors"}, Told{Story::disk_full, "FullDisks"},
                      Told{Story::torn_write, "TornWrites"}, Told{Story::sync_error, "SyncErrors"},
                      Told{Story::sync_error_early, "SyncErrorsBeforePowerCuts"}),
    [](const ::testing::TestParamInfo<Told>& told) { return std::string(told.param.name); });

}  // namespace
}  // namespace tallygate::audit
