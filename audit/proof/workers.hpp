#pragma once
/// Threads that verify chunks, each with its own hash context and its own connection.

#include "audit/journal/failure.hpp"
#include "audit/journal/hash.hpp"
#include "audit/proof/chunk.hpp"
#include "audit/proof/plan.hpp"
#include "audit/proof/segment_reader.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace tallygate::audit {

/// What a worker keeps from job to job. One thread.
class WorkerContext {
 public:
  explicit WorkerContext(const VerifyPlan& plan) : plan_(plan) {}

  [[nodiscard]] const VerifyPlan& plan() const noexcept { return plan_; }
  [[nodiscard]] Sha256& sha() noexcept { return sha_; }
  [[nodiscard]] ChunkScan& scan() noexcept { return scan_; }

  /// Runs `read` on the segment; again from its start where a writer took the file up in between. The
  /// connection is kept for the next call. Errors: as `read`'s, or the segment's opening.
  using Read = std::function<Result<void>(SegmentReader& reader)>;
  [[nodiscard]] Result<void> with_segment(std::size_t index, const Read& read);

  /// To be called between jobs: lets go of a connection that has been held for long, so that no writer waits
  /// for it.
  void rest();
  /// To be called before waiting: lets go of the connection.
  void let_go();

 private:
  const VerifyPlan& plan_;
  Sha256 sha_;
  ChunkScan scan_;
  std::optional<SegmentReader> reader_;
  std::size_t segment_ = 0;
  std::chrono::steady_clock::time_point opened_;
};

/// A fixed number of threads and a bounded queue of jobs. The destructor waits for what was begun and drops
/// the rest.
class Workers {
 public:
  using Job = std::function<void(WorkerContext&)>;

  Workers(const VerifyPlan& plan, unsigned threads);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  /// Waits for room, then adds a job. Rethrows what a job threw.
  void submit(Job job);
  /// Waits until `ready` holds; it is looked at whenever a job has ended. Rethrows what a job threw.
  void wait_until(const std::function<bool()>& ready);
  /// Waits until every job has ended. Rethrows what a job threw.
  void drain();

 private:
  void run(const VerifyPlan& plan);
  void rethrow();

  std::mutex mutex_;
  std::condition_variable work_;   // a job is there, or the end
  std::condition_variable ended_;  // a job has ended
  std::deque<Job> jobs_;
  std::size_t jobs_max_;
  std::size_t running_ = 0;
  bool stopping_ = false;
  std::exception_ptr error_;
  std::vector<std::jthread> threads_;  // last: joined before anything they use goes
};

}  // namespace tallygate::audit
