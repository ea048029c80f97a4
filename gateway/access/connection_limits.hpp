#pragma once
/// How many connections there are, and from where.
#include "policy/request/address.hpp"

#include <cstddef>
#include <map>
#include <mutex>

namespace tallygate::access {

/// Threads: any.
class ConnectionLimits {
 public:
  /// Counts a connection in, unless that would pass one of the limits.
  [[nodiscard]] bool enter(const policy::Address& address, std::size_t total_max, std::size_t address_max) {
    const std::lock_guard lock(mutex_);
    if (total_ >= total_max) {
      return false;
    }
    std::size_t& here = by_address_[address];
    if (here >= address_max) {
      return false;
    }
    ++here;
    ++total_;
    return true;
  }
  /// Counts a connection that came from one address as one from another. False: there are too many from
  /// there, and it stays counted as it was.
  [[nodiscard]] bool move(const policy::Address& from, const policy::Address& to, std::size_t address_max) {
    const std::lock_guard lock(mutex_);
    const auto found = by_address_.find(to);
    if (found != by_address_.end() ? found->second >= address_max : address_max == 0) {
      return false;
    }
    ++by_address_[to];
    forget(from);
    return true;
  }
  /// Counts out what enter() counted in.
  void leave(const policy::Address& address) noexcept {
    const std::lock_guard lock(mutex_);
    total_ -= forget(address) ? 1 : 0;
  }

 private:
  bool forget(const policy::Address& address) noexcept {
    const auto at = by_address_.find(address);
    if (at == by_address_.end()) {
      return false;
    }
    if (--at->second == 0) {
      by_address_.erase(at);
    }
    return true;
  }

  std::mutex mutex_;
  std::size_t total_ = 0;  // guarded by mutex_
  std::map<policy::Address, std::size_t>
      by_address_;  // guarded by mutex_; as large as the connections are many
};

}  // namespace tallygate::access
