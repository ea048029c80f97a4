#pragma once

#include <algorithm>
#include <cstddef>

namespace tallygate::audit {

/// How many wait for the journal at once, and so how many a batch is worth waiting for. A plain value; pure.
class Crowd {
 public:
  /// Fewer than `least` at once are no crowd.
  explicit Crowd(std::size_t least) : least_(least) {}

  /// A batch begins while `waiting` wait, its own included.
  void begin(std::size_t waiting) noexcept { seen_ = std::max(waiting, seen_ - seen_ / forget); }

  /// Waiters for which the next batch may be kept; 0 where there is no crowd.
  [[nodiscard]] std::size_t goal() const noexcept { return seen_ < least_ ? 0 : seen_; }

 private:
  static constexpr std::size_t forget = 4;  // by this fraction a batch
  std::size_t least_;
  std::size_t seen_ = 0;
};

}  // namespace tallygate::audit
