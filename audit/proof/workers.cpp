#include "audit/proof/workers.hpp"

#include <utility>

namespace tallygate::audit {
namespace {

constexpr auto connection_held_max = std::chrono::milliseconds(250);
constexpr int attempts_max = 3;
constexpr std::size_t jobs_per_thread_max = 4;

}  // namespace

Result<void> WorkerContext::with_segment(std::size_t index, const Read& read) {
  Result<void> outcome;
  for (int attempt = 0; attempt < attempts_max; ++attempt) {
    if (!reader_ || segment_ != index) {
      auto opened = SegmentReader::open(plan_.segments[index].source);
      if (!opened) {
        outcome = opened.error();
        continue;
      }
      reader_.emplace(std::move(*opened));
      segment_ = index;
      opened_ = std::chrono::steady_clock::now();
    }
    outcome = read(*reader_);
    if (outcome && reader_->undisturbed()) {
      return outcome;
    }
    reader_.reset();
  }
  return outcome ? Result<void>(fail(FailureKind::unreadable,
                                     plan_.segments[index].file.path.string() + ": changes while it is read"))
                 : outcome;
}

void WorkerContext::rest() {
  if (reader_ && std::chrono::steady_clock::now() - opened_ > connection_held_max) {
    let_go();
  }
}

void WorkerContext::let_go() {
  // Only a connection that takes locks is in anybody's way.
  if (reader_ && reader_->access() == SegmentAccess::shared) {
    reader_.reset();
  }
}

Workers::Workers(const VerifyPlan& plan, unsigned threads) : jobs_max_(jobs_per_thread_max * threads) {
  for (unsigned i = 0; i < threads; ++i) {
    threads_.emplace_back([this, &plan] { run(plan); });
  }
}

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    jobs_.clear();
  }
  work_.notify_all();
}

void Workers::run(const VerifyPlan& plan) {
  std::optional<WorkerContext> context;
  std::unique_lock lock(mutex_);
  for (;;) {
    if (jobs_.empty() && context) {
      lock.unlock();
      context->let_go();
      lock.lock();
    }
    work_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (stopping_) {
      return;
    }
    const Job job = std::move(jobs_.front());
    jobs_.pop_front();
    ++running_;
    lock.unlock();
    std::exception_ptr error;
    try {
      if (!context) {
        context.emplace(plan);
      }
      job(*context);
      context->rest();
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    --running_;
    if (error && !error_) {
      error_ = error;
    }
    ended_.notify_all();
  }
}

void Workers::rethrow() {
  if (error_) {
    std::rethrow_exception(error_);
  }
}

void Workers::submit(Job job) {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return error_ || jobs_.size() < jobs_max_; });
  rethrow();
  jobs_.push_back(std::move(job));
  work_.notify_one();
}

void Workers::wait_until(const std::function<bool()>& ready) {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [&] { return error_ || ready(); });
  rethrow();
}

void Workers::drain() {
  wait_until([this] { return jobs_.empty() && running_ == 0; });
}

}  // namespace tallygate::audit
