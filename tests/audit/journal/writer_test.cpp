#include "audit/journal/writer.hpp"

#include "audit/journal/sqlite.hpp"
#include "tests/audit/support/collector.hpp"
#include "tests/audit/support/home.hpp"
#include "tests/support/seed.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <functional>
#include <future>
#include <random>
#include <thread>
#include <utility>

namespace tallygate::audit {
namespace {

using testing::Collector;
using ::testing::HasSubstr;
using testing::holds;
using testing::Home;
using testing::inspect;
using ::testing::IsEmpty;
using testing::sample_event;

// Options under which nothing happens by itself within a test, unless it asks for it.
WriterOptions patient() {
  WriterOptions options;
  options.rider_delay = std::chrono::hours(1);
  options.poll = std::chrono::hours(1);
  options.retry_min = std::chrono::hours(1);
  options.retry_max = std::chrono::hours(1);
  return options;
}

// Waits until the writer's thread has come to a state; gives up where it never does.
bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + Collector::patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return false;
    }
    std::this_thread::yield();
  }
  return true;
}

// Holds up the writes of head until it is let go: a batch is under way for as long as a test wants.
class Gate {
 public:
  WriteDurably through() {
    return [this, write = write_through()](int file, std::span<const char> block, std::int64_t at) {
      std::unique_lock lock(mutex_);
      entered_ += 1;
      changed_.notify_all();
      changed_.wait(lock, [&] { return !closed_; });
      const int error = error_;
      lock.unlock();
      return error != 0 ? error : write(file, block, at);
    };
  }
  void shut() {
    set([&] { closed_ = true; });
  }
  void open(int error = 0) {
    set([&] {
      closed_ = false;
      error_ = error;
    });
  }
  void wait_until_entered() {
    std::unique_lock lock(mutex_);
    const int before = entered_;
    changed_.wait_for(lock, Collector::patience, [&] { return entered_ > before || waiting(); });
  }

 private:
  bool waiting() const { return closed_ && entered_ > opened_at_; }
  void set(const std::function<void()>& change) {
    {
      const std::lock_guard lock(mutex_);
      change();
      opened_at_ = entered_;
    }
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
  int error_ = 0;
  int entered_ = 0;
  int opened_at_ = 0;
};

TEST(Writer, EveryAcceptedEventIsAnsweredOnceWithItsPlace) {
  Home home;
  Collector collector;
  constexpr unsigned producers = 8;
  constexpr unsigned each = 200;
  {
    Writer writer(Journal::open(home.options()).value(), WriterOptions{}, collector);
    std::vector<std::thread> threads;
    for (unsigned p = 0; p < producers; ++p) {
      threads.emplace_back([&, p] {
        for (unsigned i = 0; i < each; ++i) {
          const auto number = p * each + i;
          const bool awaited = i % 2 == 0;
          ASSERT_FALSE(writer.submit(sample_event(), Collector::ticket(number), awaited));
          if (awaited) {
            collector.wait(number);
          }
        }
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
  }
  const auto answers = collector.all();
  ASSERT_EQ(answers.size(), producers * each);
  for (const auto& [number, answer] : answers) {
    EXPECT_EQ(answer.times, 1);
    EXPECT_EQ(answer.outcome, Outcome::durable);
  }
  const auto seen = inspect(home);
  EXPECT_THAT(seen.faults, IsEmpty());
  EXPECT_EQ(seen.entries.size(), 2U + producers * each);
  EXPECT_TRUE(holds(seen, collector.receipts()));
}

TEST(Writer, EventsThatArriveDuringABatchShareTheNext) {
  Home home;
  Gate gate;
  Collector collector;
  auto options = home.options();
  options.head_write = gate.through();
  Writer writer(Journal::open(options).value(), patient(), collector);
  gate.shut();
  ASSERT_FALSE(writer.submit(sample_event(), Collector::ticket(0), true));
  gate.wait_until_entered();
  for (unsigned i = 1; i <= 20; ++i) {
    ASSERT_FALSE(writer.submit(sample_event(), Collector::ticket(i), true));
  }
  EXPECT_EQ(writer.health().queued, 21U);
  gate.open();
  collector.wait(20);
  EXPECT_EQ(writer.health().batches, 2U);
  EXPECT_EQ(writer.health().entries, 21U);
  EXPECT_EQ(writer.health().queued, 0U);
  EXPECT_EQ(writer.health().newest_seq, 22U);
}

TEST(Writer, ARiderWaitsForTheNextAwaitedEvent) {
  Home home;
  Collector collector;
  Writer writer(Journal::open(home.options()).value(), patient(), collector);
  ASSERT_FALSE(writer.submit(sample_event(), Collector::ticket(1), false));
  ASSERT_FALSE(writer.submit(sample_event(), Collector::ticket(2), false));
  ASSERT_FALSE(writer.submit(sample_event(), Collector::ticket(3), true));
  collector.wait(3);
  EXPECT_EQ(collector.wait(1).receipt.seq, 2U);
  EXPECT_EQ(collector.wait(2).receipt.seq, 3U);
  EXPECT_EQ(collector.wait(3).receipt.seq, 4U);
  EXPECT_EQ(writer.health().batches, 1U);
}

TEST(Writer, ALoneRiderIsCommittedAfterItsDelay) {
  Home home;
  Collector collector;
  auto options = patient();
  options.rider_delay = std::chrono::milliseconds(1);
  Writer writer(Journal::open(home.options()).value(), options, collector);
  ASSERT_FALSE(writer.submit(sample_event(), Collector::ticket(1), false));
  EXPECT_EQ(collector.wait(1).outcome, Outcome::durable);
}

TEST(Writer, ClosingCompletesWhatWasAccepted) {
  Home home;
  Collector collector;
  {
    Writer writer(Journal::open(home.options()).value(), patient(), collector);
    for (unsigned i = 0; i < 10; ++i) {
      ASSERT_FALSE(writer.submit(sample_event(), Collector::ticket(i), false));
    }
    writer.close();
    const auto refusal = writer.submit(sample_event(), Collector::ticket(99), true);
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->outcome, Outcome::closed);
  }
  EXPECT_EQ(collector.receipts().size(), 10U);
  EXPECT_TRUE(holds(inspect(home), collector.receipts()));
}

TEST(Writer, AFullQueueRefusesAndKeepsNothing) {
  Home home;
  Gate gate;
  Collector collector;
  auto options = home.options();
  options.head_write = gate.through();
  auto limits = patient();
  limits.batch_max = 2;
  limits.pending_max = 4;
  Writer writer(Journal::open(options).value(), limits, collector);
  gate.shut();
  for (unsigned i = 0; i < 4; ++i) {
    ASSERT_FALSE(writer.submit(sample_event(), Collector::ticket(i), true));
  }
  const auto refusal = writer.submit(sample_event(), Collector::ticket(4), true);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->outcome, Outcome::overloaded);
  gate.open();
  writer.close();
  EXPECT_EQ(collector.receipts().size(), 4U);
  EXPECT_EQ(inspect(home).entries.size(), 6U);
}

TEST(Writer, TheBytesInTheQueueAreLimitedToo) {
  Home home;
  Collector collector;
  auto limits = patient();
  limits.pending_bytes_max = 2'000;
  Writer writer(Journal::open(home.options()).value(), limits, collector);
  const auto refusal = writer.submit(sample_event(std::string(3'000, 'G')), Collector::ticket(1), true);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->outcome, Outcome::overloaded);
  EXPECT_FALSE(writer.submit(sample_event(), Collector::ticket(2), true));
}

TEST(Writer, NoBatchIsLongerThanItsLimit) {
  Home home;
  Gate gate;
  Collector collector;
  auto options = home.options();
  options.head_write = gate.through();
  auto limits = patient();
  limits.batch_max = 1;
  Writer writer(Journal::open(options).value(), limits, collector);
  for (unsigned i = 0; i < 9; ++i) {
    ASSERT_FALSE(writer.submit(sample_event(), Collector::ticket(i), true));
  }
  writer.close();
  EXPECT_EQ(writer.health().batches, 9U);
  EXPECT_THAT(inspect(home).faults, IsEmpty());
}

TEST(Writer, AHeartbeatIsRecordedWhenNothingElseIsBeforeItsIntervalIsOver) {
  Home home;
  Collector collector;
  {
    Writer writer(Journal::open(home.options()).value(), patient(), collector);
    home.time.advance(std::chrono::seconds(539));
    writer.poke();
    ASSERT_FALSE(writer.submit(sample_event(), Collector::ticket(1), true));
    collector.wait(1);
    home.time.advance(std::chrono::seconds(541));
    writer.poke();
    ASSERT_TRUE(eventually([&] { return writer.health().entries == 2; }));
  }
  const auto seen = inspect(home);
  EXPECT_THAT(seen.faults, IsEmpty());
  ASSERT_EQ(seen.entries.size(), 4U);
  EXPECT_EQ(seen.entries[2].kind, "access.allow");
  EXPECT_EQ(seen.entries[3].kind, "journal.heartbeat");
  EXPECT_THAT(seen.entries[3].body, HasSubstr(R"("every":600,)"));
}

TEST(Writer, AClockTurnedBackDoesNotSilenceTheHeartbeat) {
  Home home;
  Collector collector;
  Writer writer(Journal::open(home.options()).value(), patient(), collector);
  home.time.advance(-std::chrono::hours(2));
  writer.poke();
  EXPECT_TRUE(eventually([&] { return writer.health().entries == 1; }));
}

TEST(Writer, AFailureIsStickyAndOverWithoutARestartOnceItsCauseIsGone) {
  Home home;
  Collector collector;
  std::vector<std::string> log;
  std::mutex mutex;
  {
    Writer writer(Journal::open(home.options()).value(), patient(), collector,
                  [&](WriterMessage, std::string_view message) {
                    const std::lock_guard lock(mutex);
                    log.emplace_back(message);
                  });
    std::filesystem::rename(home.segment(), home.folder() / "aside");
    ASSERT_FALSE(writer.submit(sample_event(), Collector::ticket(1), true));
    const auto answer = collector.wait(1);
    EXPECT_EQ(answer.outcome, Outcome::unwritable);
    EXPECT_THAT(answer.reason, HasSubstr(home.segment().string()));
    ASSERT_TRUE(eventually([&] { return !writer.health().good; }));
    EXPECT_THAT(writer.health().reason, HasSubstr("removed or renamed"));
    EXPECT_EQ(writer.health().failures, 1U);
    const auto refusal = writer.submit(sample_event(), Collector::ticket(2), true);
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->outcome, Outcome::unwritable);
    std::filesystem::rename(home.folder() / "aside", home.segment());
    writer.poke();
    ASSERT_TRUE(eventually([&] { return writer.health().good; }));
    ASSERT_FALSE(writer.submit(sample_event(), Collector::ticket(3), true));
    EXPECT_EQ(collector.wait(3).outcome, Outcome::durable);
  }
  const auto seen = inspect(home);
  EXPECT_THAT(seen.faults, IsEmpty());
  ASSERT_EQ(seen.entries.size(), 4U);
  EXPECT_EQ(seen.entries[2].kind, "journal.recover");
  EXPECT_THAT(seen.entries[2].body, HasSubstr("removed or renamed"));
  EXPECT_EQ(log.size(), 2U);
}

TEST(Writer, AnUnlinkedFileIsNoticedWhileIdle) {
  Home home;
  Collector collector;
  Writer writer(Journal::open(home.options()).value(), patient(), collector);
  EXPECT_TRUE(writer.health().good);
  std::filesystem::rename(home.head(), home.folder() / "aside");
  writer.poke();
  EXPECT_TRUE(eventually([&] { return !writer.health().good; }));
  EXPECT_THAT(writer.health().reason, HasSubstr(home.head().string()));
}

TEST(Writer, AFailureToAcknowledgeRefusesEveryBatchUnderWay) {
  Home home;
  Gate gate;
  Collector collector;
  auto options = home.options();
  options.head_write = gate.through();
  {
    Writer writer(Journal::open(options).value(), patient(), collector);
    gate.shut();
    for (unsigned i = 0; i < 50; ++i) {
      ASSERT_FALSE(writer.submit(sample_event(), Collector::ticket(i), true));
    }
    gate.open(EIO);
    for (unsigned i = 0; i < 50; ++i) {
      const auto answer = collector.wait(i);
      EXPECT_EQ(answer.outcome, Outcome::unwritable) << i;
      EXPECT_THAT(answer.reason, HasSubstr("cannot write durably"));
    }
    ASSERT_TRUE(eventually([&] { return !writer.health().good; }));
    gate.open();
    writer.poke();
    ASSERT_TRUE(eventually([&] { return writer.health().good; }));
    ASSERT_FALSE(writer.submit(sample_event(), Collector::ticket(100), true));
    EXPECT_EQ(collector.wait(100).outcome, Outcome::durable);
  }
  const auto seen = inspect(home);
  EXPECT_THAT(seen.faults, IsEmpty());
  EXPECT_TRUE(holds(seen, collector.receipts()));
}

TEST(Writer, ManyBatchesAreAcknowledgedInOrderWhileOthersAreCommitted) {
  Home home;
  Gate gate;
  Collector collector;
  auto options = home.options();
  options.head_write = gate.through();
  auto limits = patient();
  limits.batch_max = 3;
  {
    Writer writer(Journal::open(options).value(), limits, collector);
    for (unsigned round = 0; round < 20; ++round) {
      gate.shut();
      for (unsigned i = 0; i < 10; ++i) {
        ASSERT_FALSE(writer.submit(sample_event(), Collector::ticket(round * 10 + i), true));
      }
      gate.open();
      for (unsigned i = 0; i < 10; ++i) {
        EXPECT_EQ(collector.wait(round * 10 + i).outcome, Outcome::durable);
      }
    }
  }
  const auto seen = inspect(home);
  EXPECT_THAT(seen.faults, IsEmpty());
  EXPECT_TRUE(holds(seen, collector.receipts()));
  for (const auto& [number, answer] : collector.all()) {
    EXPECT_EQ(answer.receipt.seq, number + 2) << "the order of submission is the order of the record";
  }
}

TEST(Writer, EveryoneOfACrowdIsAnsweredOnceWhateverFailsWhileABatchForms) {
  const std::uint64_t seed = tallygate::testing::test_seed();
  Home home;
  Collector collector;
  auto options = home.options();
  std::mt19937_64 random(seed);
  std::mutex mutex;  // guards both
  bool faulty = true;
  bool locked_out = false;
  options.head_write = [&, write = write_through()](int file, std::span<const char> block, std::int64_t at) {
    const std::lock_guard lock(mutex);
    return locked_out || (faulty && random() % 8 == 0) ? EIO : write(file, block, at);
  };
  WriterOptions limits;
  limits.gather_from = 2;
  limits.retry_min = std::chrono::milliseconds(1);
  limits.retry_max = std::chrono::milliseconds(1);
  constexpr unsigned producers = 16;
  std::atomic<unsigned> taken{0};
  std::atomic<bool> stop{false};
  const auto set = [&mutex](bool& what, bool value) {
    const std::lock_guard lock(mutex);
    what = value;
  };
  auto journal = [&] {
    for (;;) {  // an opening meets the same fault
      auto opened = Journal::open(options);
      if (opened) {
        return std::move(*opened);
      }
    }
  }();
  {
    Writer writer(std::move(journal), limits, collector);
    std::vector<std::thread> threads;
    for (unsigned p = 0; p < producers; ++p) {
      threads.emplace_back([&, p] {
        for (unsigned i = 0; !stop; ++i) {
          const unsigned number = i * producers + p + 1;
          if (!writer.submit(sample_event(), Collector::ticket(number), i % 3 != 0)) {
            ++taken;
            if (i % 3 != 0) {
              collector.wait(number);
            }
          } else {
            std::this_thread::yield();
          }
        }
      });
    }
    // Somebody else keeps the file locked, and head fails meanwhile: a batch that forms and the one before it
    // fail together.
    for (int round = 0; round < 3; ++round) {
      auto foreign = Database::open(home.segment(), SQLITE_OPEN_READWRITE).value();
      sqlite3_busy_timeout(foreign.get(), 60'000);
      ASSERT_TRUE(foreign.execute("BEGIN IMMEDIATE"));
      set(locked_out, true);
      const bool refused = eventually([&] { return !writer.health().good; });
      ASSERT_TRUE(foreign.execute("ROLLBACK"));
      set(locked_out, false);
      ASSERT_TRUE(refused);
      ASSERT_TRUE(eventually([&] {
        writer.poke();
        return writer.health().good;
      }));
    }
    stop = true;
    for (std::thread& thread : threads) {
      thread.join();
    }
    set(faulty, false);
    ASSERT_TRUE(eventually([&] {
      writer.poke();
      return writer.health().good && writer.health().queued == 0;
    }));
    ASSERT_FALSE(writer.submit(sample_event(), Collector::ticket(0), true));
    ++taken;
    EXPECT_EQ(collector.wait(0).outcome, Outcome::durable);
  }
  const auto answers = collector.all();
  EXPECT_EQ(answers.size(), taken) << tallygate::testing::how_to_repeat(seed);
  for (const auto& [number, answer] : answers) {
    EXPECT_EQ(answer.times, 1) << number;
  }
  const auto seen = inspect(home);
  EXPECT_THAT(seen.faults, IsEmpty()) << tallygate::testing::how_to_repeat(seed);
  EXPECT_TRUE(holds(seen, collector.receipts())) << tallygate::testing::how_to_repeat(seed);
}

TEST(Writer, ABatchThatFailsWhileItFormsBesideOneThatIsNotAcknowledgedIsOverOnceBothAreRefused) {
  Home home;
  Gate gate;
  Collector collector;
  auto options = home.options();
  options.head_write = gate.through();
  // Runs on the writer's thread when a batch begins, once.
  std::function<void()> at_begin;
  bool armed = false;
  std::mutex mutex;  // guards both
  options.clock = [&, clock = options.clock] {
    std::function<void()> now;
    {
      const std::lock_guard lock(mutex);
      if (std::exchange(armed, false)) {
        now = at_begin;
      }
    }
    if (now) {
      now();
    }
    return clock();
  };
  const auto arm = [&](std::function<void()> what) {
    const std::lock_guard lock(mutex);
    at_begin = std::move(what);
    armed = true;
  };
  auto limits = patient();
  limits.gather = std::chrono::hours(1);
  Writer writer(Journal::open(options).value(), limits, collector);
  auto foreign = Database::open(home.segment(), SQLITE_OPEN_READWRITE).value();
  const auto both_fail = [&] {
    ASSERT_TRUE(foreign.execute("BEGIN IMMEDIATE"));
    gate.open(EIO);
    for (unsigned i = 1; i <= 20; ++i) {
      EXPECT_EQ(collector.wait(i).outcome, Outcome::unwritable);
    }
  };
  gate.shut();
  ASSERT_FALSE(writer.submit(sample_event(), Collector::ticket(0), true));
  gate.wait_until_entered();
  for (unsigned i = 1; i <= 20; ++i) {
    ASSERT_FALSE(writer.submit(sample_event(), Collector::ticket(i), true));
  }
  arm([&] {  // the batch of twenty begins: a few of the next come, so that another thread acknowledges it
    gate.shut();
    for (unsigned i = 21; i <= 25; ++i) {
      ASSERT_FALSE(writer.submit(sample_event(), Collector::ticket(i), true));
    }
    arm(both_fail);
  });
  gate.open();
  for (unsigned i = 21; i <= 25; ++i) {
    EXPECT_EQ(collector.wait(i).outcome, Outcome::unwritable);
  }
  ASSERT_TRUE(foreign.execute("ROLLBACK"));
  gate.open();
  ASSERT_TRUE(eventually([&] {
    writer.poke();
    return writer.health().good;
  }));
  ASSERT_FALSE(writer.submit(sample_event(), Collector::ticket(26), true));
  EXPECT_EQ(collector.wait(26).outcome, Outcome::durable);
  writer.close();
  EXPECT_THAT(inspect(home).faults, IsEmpty());
}

TEST(Writer, CommitDurationsAreCountedInBuckets) {
  Home home;
  Collector collector;
  Writer writer(Journal::open(home.options()).value(), patient(), collector);
  for (unsigned i = 0; i < 5; ++i) {
    ASSERT_FALSE(writer.submit(sample_event(), Collector::ticket(i), true));
    collector.wait(i);
  }
  const auto health = writer.health();
  std::uint64_t total = 0;
  for (const std::uint64_t count : health.commit_us) {
    total += count;
  }
  EXPECT_EQ(total, health.batches);
  EXPECT_EQ(health.batches, 5U);
}

}  // namespace
}  // namespace tallygate::audit
