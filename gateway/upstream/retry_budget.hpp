#pragma once
/// How many requests may be sent to another server, so that a failure does not become a storm.
#include "gateway/net/deadlines.hpp"
#include "gateway/settings_upstream.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>

namespace tallygate::upstream {

/// Of one route. A share of its requests is saved up, to a bound, beside a few retries a second that are
/// always allowed. Threads: any.
class RetryBudget {
 public:
  /// What can be saved up, in retries.
  static constexpr std::int64_t saved_max = 100;

  explicit RetryBudget(const RetrySettings& settings) noexcept : settings_(settings) {}

  /// A request has come.
  void request() noexcept;
  /// Takes one retry. False: there is none left.
  [[nodiscard]] bool take(net::Clock::time_point now);

 private:
  RetrySettings settings_;
  std::atomic<std::int64_t> saved_{0};  // hundredths of a retry
  std::mutex mutex_;
  std::int64_t second_ = -1;     // guarded by mutex_
  std::uint32_t in_second_ = 0;  // guarded by mutex_; retries that were taken in it
};

}  // namespace tallygate::upstream
