#include "gateway/upstream/retry_budget.hpp"

namespace tallygate::upstream {
namespace {
constexpr std::int64_t one = 100;  // a retry, in hundredths
}  // namespace

void RetryBudget::request() noexcept {
  // Threads may go over the bound by what one request adds, each of them once.
  if (saved_.load(std::memory_order_relaxed) < saved_max * one) {
    saved_.fetch_add(settings_.budget_percent, std::memory_order_relaxed);
  }
}

bool RetryBudget::take(net::Clock::time_point now) {
  const std::int64_t second =
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  const std::lock_guard lock(mutex_);
  if (second != second_) {
    second_ = second;
    in_second_ = 0;
  }
  if (in_second_ < settings_.per_second) {
    ++in_second_;
    return true;
  }
  if (saved_.load(std::memory_order_relaxed) < one) {
    return false;
  }
  saved_.fetch_sub(one, std::memory_order_relaxed);
  return true;
}

}  // namespace tallygate::upstream
