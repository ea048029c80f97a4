#include "gateway/review/ingest_rate.hpp"

#include <algorithm>

namespace tallygate::review {

std::chrono::nanoseconds WriterRates::take(std::string_view name, WriterRate rate, Time now) {
  using std::chrono::nanoseconds;
  constexpr nanoseconds second{1'000'000'000};
  const auto found = full_at_.find(name);
  Time& full_at = found == full_at_.end() ? full_at_.emplace(name, now).first->second : found->second;
  const nanoseconds every = second / static_cast<std::int64_t>(rate.per_second);
  const nanoseconds whole = every * static_cast<std::int64_t>(rate.burst);
  // No bucket owes more than a whole burst, also where the rate was slower before.
  const Time from = std::clamp(full_at, now, now + whole);
  const nanoseconds wait = from + every - now - whole;
  if (wait > nanoseconds::zero()) {
    full_at = from;
    return wait;
  }
  full_at = from + every;
  return nanoseconds::zero();
}

}  // namespace tallygate::review
