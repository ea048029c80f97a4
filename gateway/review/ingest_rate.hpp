#pragma once
/// How fast each writer may append: a token bucket a name. Pure: the time is passed in.
#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace tallygate::review {

/// `burst` at once, then `per_second`.
struct WriterRate {
  std::size_t per_second = 100;
  std::size_t burst = 200;

  friend bool operator==(const WriterRate&, const WriterRate&) = default;
};

/// Names are those of enrolled writers, so their number is bounded. One thread.
class WriterRates {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// Takes one of `name`'s. Zero: it may go on; else how long until the next may. A changed `rate` holds for
  /// what comes, with what was taken before.
  [[nodiscard]] std::chrono::nanoseconds take(std::string_view name, WriterRate rate, Time now);

 private:
  std::map<std::string, Time, std::less<>> full_at_;  // when a bucket is full again
};

}  // namespace tallygate::review
