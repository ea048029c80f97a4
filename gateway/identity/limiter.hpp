#pragma once
/// How often something may be tried, by name: a bounded table of token buckets.
#include "gateway/identity/identity.hpp"
#include "policy/request/address.hpp"

#include <chrono>
#include <cstddef>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace tallygate::identity {

/// `burst` tries at once, then one more for each `every`.
struct Rate {
  std::size_t burst = 10;
  std::chrono::nanoseconds every = std::chrono::seconds(30);
};

/// Threads: safe from any. Bounded: where the table is full, the name unused longest is forgotten.
class Limiter {
 public:
  explicit Limiter(Rate rate, std::size_t max_names = 65'536) : rate_(rate), max_names_(max_names) {}

  /// Takes one try. Zero if it may be made, else how long until the next may. A clock that goes back gives
  /// nothing away.
  [[nodiscard]] std::chrono::milliseconds take(std::string_view name, TimePoint now) {
    return take(name, now, rate_);
  }
  /// The same at another rate than the table's: settings may have changed.
  [[nodiscard]] std::chrono::milliseconds take(std::string_view name, TimePoint now, const Rate& rate);
  /// Forgets what was tried under this name.
  void forget(std::string_view name);
  [[nodiscard]] std::size_t size() const;

 private:
  struct Bucket {
    std::string name;
    TimePoint full_at;  // when it is full again; each try moves it by `every`
  };

  Rate rate_;
  std::size_t max_names_;
  mutable std::mutex mutex_;
  std::list<Bucket> by_use_;  // guarded by mutex_, newest first
  std::unordered_map<std::string_view, std::list<Bucket>::iterator> by_name_;  // guarded by mutex_
};

/// The name an address is limited under: itself, or its /64, since whoever has one IPv6 address has its
/// network.
[[nodiscard]] std::string limiter_name(const policy::Address& address);

}  // namespace tallygate::identity
