#pragma once
/// How much a client may ask of a connection that leads to nothing. Pure.
#include "gateway/net/deadlines.hpp"

#include <algorithm>
#include <cstdint>

namespace tallygate::http2 {

/// A bucket of tokens: full at first, refilled by time and by useful work. Threads: one.
class Allowance {
 public:
  /// `most` tokens at once, and `per_second` that come back.
  constexpr Allowance(std::uint64_t most, std::uint64_t per_second) noexcept
      : most_(most * scale), per_second_(per_second), left_(most_) {}

  /// Takes one token. False if there is none left.
  [[nodiscard]] bool spend(net::Clock::time_point now) noexcept {
    refill(now);
    if (left_ < scale) {
      return false;
    }
    left_ -= scale;
    return true;
  }
  void earn(std::uint64_t tokens) noexcept { left_ = std::min(most_, left_ + tokens * scale); }

 private:
  static constexpr std::uint64_t scale = 1'000;  // so that a millisecond's share can be kept

  void refill(net::Clock::time_point now) noexcept {
    if (last_ == net::Clock::time_point{}) {
      last_ = now;
    }
    const auto passed = std::chrono::duration_cast<net::Milliseconds>(now - last_).count();
    if (passed <= 0) {
      return;
    }
    last_ = now;
    const auto longest = static_cast<std::int64_t>(most_ / std::max<std::uint64_t>(per_second_, 1));
    left_ = std::min(most_, left_ + static_cast<std::uint64_t>(std::min(passed, longest)) * per_second_);
  }

  std::uint64_t most_;
  std::uint64_t per_second_;
  std::uint64_t left_;
  net::Clock::time_point last_{};
};

}  // namespace tallygate::http2
