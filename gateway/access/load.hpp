#pragma once
/// How much is under way at once, and whether memory runs short.
#include <atomic>
#include <cstddef>

namespace tallygate::access {

/// Threads: any.
class Load {
 public:
  /// One request under way; counted out when it is destroyed.
  class Place {
   public:
    Place() = default;
    explicit Place(std::atomic<std::size_t>& count) noexcept : count_(&count) {}
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() {
      if (count_ != nullptr) {
        count_->fetch_sub(1, std::memory_order_relaxed);
      }
    }
    /// Whether there was room.
    explicit operator bool() const noexcept { return count_ != nullptr; }

   private:
    std::atomic<std::size_t>* count_ = nullptr;
  };

  /// Counts a request in, unless `most` are under way or memory is short.
  [[nodiscard]] Place enter(std::size_t most) noexcept {
    if (memory_short()) {
      return Place();
    }
    if (requests_.fetch_add(1, std::memory_order_relaxed) >= most) {
      requests_.fetch_sub(1, std::memory_order_relaxed);
      return Place();
    }
    return Place(requests_);
  }
  [[nodiscard]] std::size_t requests() const noexcept { return requests_.load(std::memory_order_relaxed); }

  /// What the process holds, and what it may. Short from the limit on, until it is an eighth below: or every
  /// second request would be refused for long.
  void observe(std::size_t resident, std::size_t most) noexcept {
    const std::size_t enough = memory_short() ? most - most / 8 : most;
    short_.store(most != 0 && resident >= enough, std::memory_order_relaxed);
  }
  [[nodiscard]] bool memory_short() const noexcept { return short_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::size_t> requests_{0};
  std::atomic<bool> short_{false};
};

/// Bytes of memory that this process holds; 0 where the system does not tell.
[[nodiscard]] std::size_t resident_bytes();

/// Nine tenths of what this process may have: of the machine's memory, or of what the control group grants
/// where that is less. 0 where neither is known.
[[nodiscard]] std::size_t memory_allowance();

}  // namespace tallygate::access
