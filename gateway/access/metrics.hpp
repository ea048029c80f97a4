#pragma once
/// Counters of the hot path: relaxed atomics that a scrape reads. The library's own histograms take a lock
/// for each observation, which a request should not.
#include "policy/replay/change.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace tallygate::access {

using Counter = std::atomic<std::uint64_t>;

inline void count(Counter& counter, std::uint64_t by = 1) noexcept {
  counter.fetch_add(by, std::memory_order_relaxed);
}

/// Durations by fixed bounds. Threads: any.
template <std::size_t N>
class Histogram {
 public:
  explicit constexpr Histogram(const std::array<std::uint64_t, N>& bounds_ns) : bounds_(bounds_ns) {}

  void observe(std::uint64_t ns) noexcept {
    std::size_t at = 0;
    while (at < N && ns > bounds_[at]) {
      ++at;
    }
    count(buckets_[at]);
    count(sum_ns_, ns);
  }
  [[nodiscard]] const std::array<std::uint64_t, N>& bounds_ns() const noexcept { return bounds_; }
  /// Observations in bucket `at`, not cumulative; bucket N has no upper bound.
  [[nodiscard]] std::uint64_t bucket(std::size_t at) const noexcept {
    return buckets_[at].load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t sum_ns() const noexcept { return sum_ns_.load(std::memory_order_relaxed); }

 private:
  std::array<std::uint64_t, N> bounds_;
  std::array<Counter, N + 1> buckets_{};
  Counter sum_ns_{0};
};

/// One route's requests.
struct RouteCounts {
  std::string route;  ///< its name; empty for requests that found none
  Counter allowed{0};
  Counter denied{0};
  std::array<Counter, 6> answers{};  ///< by first digit of the status, 1 to 5
  Counter bytes_in{0};
  Counter bytes_out{0};
};

inline constexpr std::array<std::uint64_t, 8> decision_bounds_ns{250,   500,    1'000,   2'000,
                                                                 4'000, 10'000, 100'000, 1'000'000};
inline constexpr std::array<std::uint64_t, 12> wait_bounds_ns{
    100'000,   200'000,    400'000,    800'000,     1'600'000,     3'200'000,
    6'400'000, 12'800'000, 51'200'000, 204'800'000, 1'000'000'000, 5'000'000'000};

/// All that the gateway counts. Threads: any; the routes' map is locked, its values are stable.
class Counts {
 public:
  [[nodiscard]] std::shared_ptr<RouteCounts> route(const std::string& name);
  [[nodiscard]] std::vector<std::shared_ptr<RouteCounts>> routes() const;

  Histogram<decision_bounds_ns.size()> decision{decision_bounds_ns};
  Histogram<wait_bounds_ns.size()> record_wait{wait_bounds_ns};
  std::array<Counter, policy::changes> shadow{};  ///< decisions by what a shadow policy would change
  Counter shadow_skipped{
      0};                  ///< decisions beside which the shadow policy was not asked: too many header lines
  Counter connections{0};  ///< accepted
  std::atomic<std::int64_t> connections_open{0};
  Counter connections_refused{0};  ///< over the limit
  Counter handshake_failures{0};
  Counter unrecorded{0};       ///< requests refused because the record did not take them
  Counter overloaded{0};       ///< requests refused because too much was under way, or memory short
  Counter too_soon{0};         ///< requests over a rate of their address, principal or route
  Counter suppressed{0};       ///< refusals that were counted instead of recorded one by one
  Counter ingested{0};         ///< records of enrolled writers
  Counter review_refusals{0};  ///< records and tokens that the admin listener refused
  Counter faults{0};           ///< connections that ended by an exception
  Counter config_reloads{0};
  Counter config_rejects{0};

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<RouteCounts>> routes_;  // guarded by mutex_
};

}  // namespace tallygate::access
