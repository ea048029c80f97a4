#include "gateway/review/parallel_read.hpp"

#include "audit/search/reader.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace tallygate::review {
namespace {

using audit::Result;

/// Entries that a thread takes at a time: enough that taking is rare, few enough that all end together.
constexpr std::uint64_t piece_entries = 16'384;
constexpr auto progress_every = std::chrono::milliseconds(100);

/// Notes which entries of a stretch, read from front to back, are not there.
class Absences {
 public:
  explicit Absences(std::uint64_t first) : next_(first) {}

  void take(std::uint64_t seq, Bodiless& bodiless) {
    if (seq > next_) {
      bodiless.push_back({next_, seq - 1});
    }
    next_ = seq + 1;
  }

 private:
  std::uint64_t next_;
};

/// Puts the stretches of all threads together.
Bodiless joined(Bodiless parts) {
  std::sort(parts.begin(), parts.end(),
            [](const SeqRange& left, const SeqRange& right) { return left.first < right.first; });
  Bodiless all;
  for (const SeqRange& part : parts) {
    if (!all.empty() && all.back().last + 1 == part.first) {
      all.back().last = part.last;
    } else {
      all.push_back(part);
    }
  }
  return all;
}

/// What the threads of one reading share.
class Reading {
 public:
  Reading(const ParallelRead& read, std::uint64_t end, unsigned threads)
      : journal_(read.journal), next_(read.first), end_(end), running_(threads) {}

  /// A thread's work, from its connection to its end.
  void run(const TakeEntry& take) noexcept {
    try {
      Bodiless bodiless;
      const auto read = read_pieces(take, bodiless);
      keep(bodiless);
      finish(read ? std::nullopt : std::optional(read.error()), nullptr);
    } catch (...) {
      finish(std::nullopt, std::current_exception());
    }
  }

  /// Waits for all threads, and says meanwhile how far they are.
  void wait(const std::function<void(std::uint64_t done)>& progress) {
    std::unique_lock lock(mutex_);
    while (!ended_.wait_for(lock, progress_every, [this] { return running_ == 0; })) {
      lock.unlock();
      progress(done_.load(std::memory_order_relaxed));
      lock.lock();
    }
  }

  [[nodiscard]] Result<Bodiless> outcome() {
    if (thrown_) {
      std::rethrow_exception(thrown_);
    }
    return failure_ ? Result<Bodiless>(*failure_) : Result<Bodiless>(joined(std::move(bodiless_)));
  }

 private:
  Result<void> read_pieces(const TakeEntry& take, Bodiless& bodiless) {
    auto reader = audit::JournalReader::open(journal_);
    if (!reader) {
      return reader.error();
    }
    while (!stopping_.load(std::memory_order_relaxed)) {
      const std::uint64_t first = next_.fetch_add(piece_entries, std::memory_order_relaxed);
      if (first >= end_) {
        break;
      }
      const std::uint64_t last = std::min(end_, first + piece_entries);
      Absences absences(first);
      const auto read = reader->up(first, last, [&](std::uint64_t seq, std::string_view body) {
        absences.take(seq, bodiless);
        take(seq, body);
        return true;
      });
      if (!read) {
        return read;
      }
      absences.take(last, bodiless);
      done_.fetch_add(last - first, std::memory_order_relaxed);
    }
    return {};
  }

  void keep(const Bodiless& bodiless) {
    const std::lock_guard lock(mutex_);
    bodiless_.insert(bodiless_.end(), bodiless.begin(), bodiless.end());
  }

  void finish(std::optional<audit::Failure> failure, std::exception_ptr thrown) noexcept {
    const std::lock_guard lock(mutex_);
    if (failure || thrown) {
      stopping_.store(true, std::memory_order_relaxed);
    }
    if (failure && !failure_) {
      failure_ = std::move(failure);
    }
    if (thrown && !thrown_) {
      thrown_ = std::move(thrown);
    }
    --running_;
    ended_.notify_all();
  }

  const std::filesystem::path& journal_;
  std::atomic<std::uint64_t> next_;
  std::uint64_t end_;
  std::atomic<std::uint64_t> done_{0};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable ended_;
  unsigned running_;  // guarded by mutex_, as the next
  std::optional<audit::Failure> failure_;
  std::exception_ptr thrown_;
  Bodiless bodiless_;
};

}  // namespace

std::uint64_t count_of(const Bodiless& bodiless) noexcept {
  std::uint64_t count = 0;
  for (const SeqRange& range : bodiless) {
    count += range.last - range.first + 1;
  }
  return count;
}

unsigned threads_of(const ParallelRead& read) noexcept {
  return read.threads != 0 ? read.threads : std::max(1U, std::thread::hardware_concurrency());
}

Result<Bodiless> read_in_parallel(const ParallelRead& read,
                                  const std::function<TakeEntry(unsigned thread)>& make) {
  auto reader = audit::JournalReader::open(read.journal);
  if (!reader) {
    return reader.error();
  }
  const auto newest = reader->end();
  if (!newest) {
    return newest.error();
  }
  const std::uint64_t end = std::min(*newest, read.end);
  if (read.first >= end) {
    return Bodiless();
  }
  const std::uint64_t pieces = (end - read.first + piece_entries - 1) / piece_entries;
  const auto threads = static_cast<unsigned>(std::min<std::uint64_t>(threads_of(read), pieces));
  std::vector<TakeEntry> takers;
  takers.reserve(threads);
  for (unsigned thread = 0; thread < threads; ++thread) {
    takers.push_back(make(thread));
  }
  Reading reading(read, end, threads);
  {
    std::vector<std::jthread> running;
    running.reserve(threads);
    for (const TakeEntry& take : takers) {
      running.emplace_back([&reading, &take] { reading.run(take); });
    }
    reading.wait([&](std::uint64_t done) {
      if (read.progress) {
        read.progress({done, end - read.first});
      }
    });
  }
  return reading.outcome();
}

}  // namespace tallygate::review
