#pragma once

#include <algorithm>
#include <cstddef>

namespace tallygate::audit {

/// How many wait for the journal at once, and so how many a batch is worth waiting for. A plain value; pure.
class Crowd {
 public:
  /// Fewer than `least` at once are no crowd.
  explicit Crowd(std::size_t least) : least_(least) {}

  /// A batch begins while `waiting` wait, its own included. `in_vain`: it was kept for goal() and they did
  /// not come, so there are no more than that.
  void begin(std::size_t waiting, bool in_vain) noexcept {
    seen_ = in_vain ? waiting : std::max(waiting, seen_ - seen_ / forget);
  }

  /// Waiters for which the next batch may be kept: most of the crowd, since the last may be long in coming;
  /// 0 where there is none.
  [[nodiscard]] std::size_t goal() const noexcept { return seen_ < least_ ? 0 : seen_ - seen_ / spared; }

 private:
  static constexpr std::size_t forget = 4;  // by this fraction a batch
  static constexpr std::size_t spared = 8;
  std::size_t least_;
  std::size_t seen_ = 0;
};

}  // namespace tallygate::audit
