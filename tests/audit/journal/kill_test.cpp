// Several processes on one journal, and processes that are killed.

#include "audit/proof/verify.hpp"
#include "audit/search/reader.hpp"
#include "tests/audit/support/collector.hpp"
#include "tests/audit/support/home.hpp"
#include "tests/support/seed.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>

namespace tallygate::audit {
namespace {

using testing::append;
using ::testing::HasSubstr;
using testing::holds;
using testing::Home;
using testing::inspect;
using ::testing::IsEmpty;
using testing::sample_event;

constexpr int kills = 200;
constexpr int look_closely_every = 25;  // kills
// So that kills meet changes of keys and of segments too.
constexpr std::uint64_t entries_of_an_epoch = 200;
constexpr std::uint64_t entries_of_a_segment = 300;

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

[[noreturn]] void write_for_ever(const JournalOptions& options, int pipe) {
  PipeSink sink(pipe);
  auto journal = Journal::open(options);
  if (!journal) {
    ::_exit(2);
  }
  WriterOptions limits;
  limits.fold_frames = 20;  // folds often, so that some die in the middle of one
  limits.pending_max = 32;  // many small batches
  limits.batch_max = 8;
  Writer writer(std::move(*journal), limits, sink);
  constexpr int producers = 3;
  std::vector<std::thread> threads;
  threads.reserve(producers);
  for (int i = 0; i < producers; ++i) {
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

// A child process and the pipe through which it tells what was acknowledged.
class Child {
 public:
  explicit Child(const std::function<void(int pipe)>& life) {
    std::array<int, 2> ends{};
    const bool piped = ::pipe(ends.data()) == 0;
    pid_ = piped ? ::fork() : -1;
    if (pid_ < 0) {
      throw std::runtime_error("no child process");
    }
    if (pid_ == 0) {
      ::close(ends[0]);
      life(ends[1]);
      ::_exit(0);
    }
    ::close(ends[1]);
    pipe_ = ends[0];
    ::fcntl(pipe_, F_SETPIPE_SZ, 4096);  // so that no child runs far ahead
  }
  ~Child() {
    end();
    ::close(pipe_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  // The next receipt; false at the end of the child.
  bool next(Receipt& receipt) {
    return ::read(pipe_, &receipt, sizeof receipt) == static_cast<ssize_t>(sizeof receipt);
  }
  void kill() const { ::kill(pid_, SIGKILL); }
  // Dead, and its locks gone, when this returns.
  void end() {
    if (pid_ > 0) {
      kill();
      ::waitpid(std::exchange(pid_, -1), nullptr, 0);
    }
  }

 private:
  pid_t pid_ = -1;
  int pipe_ = -1;
};

// Every acknowledged entry is in its place; entries that were looked at are not looked at again.
void expect_all(const Home& home, const std::vector<Receipt>& acknowledged, std::size_t& looked_at) {
  auto reader = JournalReader::open(home.journal());
  ASSERT_TRUE(reader) << reader.error().message;
  Sha256 sha;
  for (; looked_at < acknowledged.size(); ++looked_at) {
    const Receipt& receipt = acknowledged[looked_at];
    const auto body = reader->entry(receipt.seq);
    ASSERT_TRUE(body && *body) << "entry " << receipt.seq << " is lost";
    ASSERT_EQ(sha.leaf(**body), receipt.leaf) << "entry " << receipt.seq << " is another";
  }
}

void expect_verified(const Home& home) {
  const VerifyOptions options{
      home.journal(), {home.root().verify_key().key, {}}, home.head(), {}, {}, {}, 1, {}};
  const auto report = verify_journal(options);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->ok) << to_json(*report);
}

// How often the key changed, and the segment.
std::pair<int, int> changes(const Home& home) {
  std::pair<int, int> counted;
  auto reader = JournalReader::open(home.journal());
  const auto read =
      reader ? reader->up(0, reader->end().value(),
                          [&](std::uint64_t, std::string_view body) {
                            counted.first +=
                                (body.find(R"("kind":"key.rotate")") != std::string_view::npos) ? 1 : 0;
                            counted.second +=
                                (body.find(R"("kind":"journal.seal")") != std::string_view::npos) ? 1 : 0;
                            return true;
                          })
             : Result<void>(reader.error());
  EXPECT_TRUE(read) << read.error().message;
  return counted;
}

TEST(Processes, KilledAtTwoHundredMomentsUnderLoadLoseNothingThatWasAcknowledged) {
  const std::uint64_t seed = tallygate::testing::test_seed();
  SCOPED_TRACE(tallygate::testing::how_to_repeat(seed));
  std::mt19937_64 random(seed);
  Home home;
  std::vector<Receipt> acknowledged;
  std::size_t looked_at = 0;
  for (int round = 0; round < kills && !HasFailure(); ++round) {
    SCOPED_TRACE("kill " + std::to_string(round));
    {
      JournalOptions options = home.options();
      if (round > 0) {  // the independent reader of the first knows one segment
        options.epoch.entries = entries_of_an_epoch;
        options.segment.entries = entries_of_a_segment;
      }
      Child child([&](int pipe) { write_for_ever(options, pipe); });
      const std::size_t until = acknowledged.size() + 1 + random() % 80;
      std::uint64_t later = random() % 64;
      Receipt receipt;
      while (child.next(receipt)) {
        acknowledged.push_back(receipt);
        if (acknowledged.size() == until) {
          // Not always just when an answer comes: the child goes on meanwhile.
          for (; later > 0; --later) {
            std::this_thread::yield();
          }
          child.kill();
        }
      }
      ASSERT_GE(acknowledged.size(), until) << "the child ended by itself";
    }
    {
      const auto journal = Journal::open(home.options());
      ASSERT_TRUE(journal) << journal.error().message;
      ASSERT_TRUE((*journal)->close());
    }
    ASSERT_NO_FATAL_FAILURE(expect_all(home, acknowledged, looked_at));
    if (round % look_closely_every == 0) {
      ASSERT_NO_FATAL_FAILURE(expect_verified(home));
    }
    if (round == 0) {
      EXPECT_THAT(inspect(home).faults, IsEmpty());
    }
  }
  looked_at = 0;
  expect_all(home, acknowledged, looked_at);
  expect_verified(home);
  const auto [rotations, seals] = changes(home);
  RecordProperty("rotations", rotations);
  RecordProperty("seals", seals);
  EXPECT_GE(rotations, kills / 10);
  EXPECT_GE(seals, kills / 20);
}

TEST(Processes, TheSecondOnOneJournalIsTurnedAwayUntilTheFirstIsKilled) {
  Home home;
  Child first([&](int pipe) {
    const auto journal = Journal::open(home.options()).value();
    const auto receipts = append(*journal, 1).value();
    if (::write(pipe, receipts.data(), sizeof(Receipt)) == static_cast<ssize_t>(sizeof(Receipt))) {
      ::pause();
    }
  });
  Receipt receipt;
  ASSERT_TRUE(first.next(receipt));
  const auto refused = Journal::open(home.options());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, FailureKind::locked);
  EXPECT_THAT(refused.error().message,
              HasSubstr("process " + std::to_string(first.pid()) + " writes this journal already"));
  first.end();
  const auto second = Journal::open(home.options());
  ASSERT_TRUE(second) << second.error().message;
  ASSERT_TRUE(append(**second, 1));
  ASSERT_TRUE((*second)->close());
  const auto seen = inspect(home);
  EXPECT_THAT(seen.faults, IsEmpty());
  EXPECT_TRUE(holds(seen, {receipt}));
}

}  // namespace
}  // namespace tallygate::audit
