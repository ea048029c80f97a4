#pragma once

#include "audit/journal/failure.hpp"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace tallygate::audit {

/// Acknowledges committed batches on a thread of its own, so that the sync of head overlaps the next batch.
/// Of the batches that wait only the newest checkpoint is written: it acknowledges all of them (journal.md
/// §5). After a failure nothing more is taken until resume(). `Batch` has a member `note`.
template <typename Batch>
class Acknowledger {
 public:
  /// Makes a checkpoint durable in head.
  using Write = std::function<Result<void>(std::string_view note)>;
  /// Told of every batch, in order: durable where `failure` is null. On the acknowledger's thread.
  using Settle = std::function<void(Batch& batch, const Failure* failure)>;
  /// Told once after each failure, after the batches were settled.
  using Failed = std::function<void()>;

  Acknowledger(Write write, Settle settle, Failed failed)
      : write_(std::move(write)), settle_(std::move(settle)), failed_(std::move(failed)) {
    thread_ = std::thread(&Acknowledger::run, this);
  }
  ~Acknowledger() {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Acknowledger(const Acknowledger&) = delete;
  Acknowledger& operator=(const Acknowledger&) = delete;

  /// Whether nothing is under way and nothing has failed.
  [[nodiscard]] bool idle() const {
    const std::lock_guard lock(mutex_);
    return waiting_.empty() && !busy_ && !broken_;
  }

  /// Hands over a batch; waits while `backlog_max` are under way. False after a failure: the batch stays the
  /// caller's.
  [[nodiscard]] bool hand(Batch& batch) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return broken_ || waiting_.size() < backlog_max; });
      if (broken_) {
        return false;
      }
      waiting_.push_back(std::move(batch));
    }
    changed_.notify_all();
    return true;
  }

  /// Waits until nothing is under way.
  void drain() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_.empty() && !busy_; });
  }

  /// What failed last.
  [[nodiscard]] Failure failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
  }

  /// Takes batches again. To be called when drained.
  void resume() {
    const std::lock_guard lock(mutex_);
    broken_ = false;
  }

 private:
  static constexpr std::size_t backlog_max = 4;

  void run() {
    std::vector<Batch> batches;
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return closing_ || !waiting_.empty(); });
      if (waiting_.empty()) {
        return;
      }
      batches.assign(std::move_iterator(waiting_.begin()), std::move_iterator(waiting_.end()));
      waiting_.clear();
      busy_ = true;
      lock.unlock();
      changed_.notify_all();
      // Whoever drains knows of a failure when this is no longer busy.
      if (!settle(batches)) {
        failed_();
      }
      lock.lock();
      busy_ = false;
      changed_.notify_all();
    }
  }

  bool settle(std::vector<Batch>& batches) {
    const auto written = write_(batches.back().note);
    const Failure failure = written ? Failure{} : written.error();
    if (!written) {
      // Before anybody hears of it: what is handed over from here on would be lost behind a failed one.
      const std::lock_guard lock(mutex_);
      broken_ = true;
      failure_ = failure;
    }
    for (Batch& batch : batches) {
      settle_(batch, written ? nullptr : &failure);
    }
    if (!written) {
      refuse_waiting(failure);
    }
    return written.has_value();
  }

  // Batches that came while the write failed.
  void refuse_waiting(const Failure& failure) {
    std::deque<Batch> rest;
    {
      const std::lock_guard lock(mutex_);
      rest.swap(waiting_);
    }
    for (Batch& batch : rest) {
      settle_(batch, &failure);
    }
  }

  const Write write_;
  const Settle settle_;
  const Failed failed_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Batch> waiting_;
  bool busy_ = false;
  bool broken_ = false;
  bool closing_ = false;
  Failure failure_;
  std::thread thread_;
};

}  // namespace tallygate::audit
