#pragma once
/// Which answers are awaited. A plugin may answer twice, late, or never; each place here carries a generation
/// that is part of the token the plugin holds, so an answer to anything but the submission now in that place
/// is recognised and dropped instead of being taken for somebody else's receipt.
#include <sys/mman.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>

namespace tallygate::plugin {

class CompletionSink;

/// Places for submissions under way, lock-free. Threads: every function from any.
/// It lies in a mapping of its own, places behind it: zeros that are touched only as far as they are used,
/// and able to outlive the host where a plugin may still hold tokens into it.
class alignas(64) SubmissionTable {
 public:
  /// Who waits in a place. A null `sink` is an event nobody waits for.
  struct Waiter {
    CompletionSink* sink = nullptr;
    std::uint32_t slot = 0;
  };
  struct Unmap {
    void operator()(SubmissionTable* table) const noexcept {
      if (!table->left_behind_) {
        munmap(table, size_for(table->capacity_));
      }
    }
  };
  using Owner = std::unique_ptr<SubmissionTable, Unmap>;

  /// Null where the memory cannot be had.
  [[nodiscard]] static Owner make(std::uint32_t capacity) {
    const std::size_t size = size_for(capacity);
    void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      return nullptr;
    }
    // The generation needs the address bits that user space does not use (x86-64 and AArch64 hand out more
    // than 48 only to those who ask for it).
    if (capacity == 0 || (reinterpret_cast<std::uintptr_t>(memory) + size) >> address_bits != 0) {
      munmap(memory, size);
      return nullptr;
    }
    return Owner(new (memory) SubmissionTable(capacity));
  }

  SubmissionTable(const SubmissionTable&) = delete;
  SubmissionTable& operator=(const SubmissionTable&) = delete;

  /// Takes a place for `waiter`; its token, or 0 when all are taken.
  [[nodiscard]] std::uintptr_t take(Waiter waiter) noexcept {
    Place* place = pop();
    if (place == nullptr) {
      return 0;
    }
    place->waiter = waiter;
    const std::uint32_t generation = generation_of(place->state.load(std::memory_order_relaxed));
    place->state.store(state(generation, Phase::waiting), std::memory_order_release);
    outstanding_.fetch_add(1, std::memory_order_relaxed);
    return token(place, generation);
  }

  /// Ends the submission that `token` names and frees its place; empty if it has ended before.
  /// Exactly one of all calls for one submission gets the waiter.
  [[nodiscard]] std::optional<Waiter> end(std::uintptr_t token) noexcept {
    Place* place = place_of(token);
    std::uint64_t expected = state(generation_in(token), Phase::waiting);
    if (!place->state.compare_exchange_strong(expected, state(generation_in(token), Phase::ending),
                                              std::memory_order_acquire, std::memory_order_relaxed)) {
      return std::nullopt;
    }
    const Waiter waiter = place->waiter;
    place->state.store(state(next(generation_in(token)), Phase::unused), std::memory_order_relaxed);
    push(place);
    outstanding_.fetch_sub(1, std::memory_order_relaxed);
    return waiter;
  }

  /// Calls `each(waiter)` for every submission still under way, and ends it.
  template <typename Each>
  void end_all(Each each) noexcept {
    const std::uint32_t used = fresh_.load(std::memory_order_acquire);
    for (std::uint32_t index = 1; index <= used; ++index) {
      const std::uint64_t now = place_at(index)->state.load(std::memory_order_acquire);
      if ((now & phase_mask) == static_cast<std::uint64_t>(Phase::waiting)) {
        if (const auto waiter = end(token(place_at(index), generation_of(now)))) {
          each(*waiter);
        }
      }
    }
  }

  /// The table that `token` came from. `token` must come from take() of a table that is still mapped.
  [[nodiscard]] static SubmissionTable& of(std::uintptr_t token) noexcept {
    Place* place = place_of(token);
    return *reinterpret_cast<SubmissionTable*>(place - place->index + 1 - header_places);
  }

  /// Keeps the memory mapped for ever: for a plugin that broke its promise to be done when close() returned.
  void leave_behind() noexcept { left_behind_ = true; }

  void count_ignored() noexcept { ignored_.fetch_add(1, std::memory_order_relaxed); }
  void count_unkept() noexcept { unkept_.fetch_add(1, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t outstanding() const noexcept {
    return outstanding_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t ignored() const noexcept { return ignored_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t unkept() const noexcept { return unkept_.load(std::memory_order_relaxed); }

 private:
  static constexpr unsigned place_bits = 6;  // a place is 64 bytes: a cache line, and 6 bits of its address
  static constexpr unsigned address_bits = 48;  // the 16 above hold the rest of the generation
  static constexpr std::uint32_t generation_mask = (1U << (place_bits + 64 - address_bits)) - 1;
  static constexpr std::uint64_t phase_mask = 3;

  enum class Phase : std::uint64_t { unused = 0, waiting = 1, ending = 2 };

  struct alignas(1U << place_bits) Place {
    std::atomic<std::uint64_t> state{0};      // generation and phase
    std::atomic<std::uint32_t> next_free{0};  // index of the next unused place, 0 for none
    std::uint32_t index = 0;                  // of this one, from 1
    Waiter waiter;
  };
  static_assert(sizeof(Place) == 1U << place_bits && sizeof(std::uintptr_t) == 8);

  static const std::ptrdiff_t header_places;  // how many places this object takes up

  explicit SubmissionTable(std::uint32_t capacity) noexcept : capacity_(capacity) {}
  ~SubmissionTable() = default;

  static std::size_t size_for(std::uint32_t capacity) noexcept {
    return sizeof(SubmissionTable) + sizeof(Place) * std::size_t{capacity};
  }
  Place* place_at(std::uint32_t index) noexcept {
    return reinterpret_cast<Place*>(this) + header_places + index - 1;
  }

  static constexpr std::uint64_t state(std::uint32_t generation, Phase phase) noexcept {
    return (std::uint64_t{generation} << 2U) | static_cast<std::uint64_t>(phase);
  }
  static constexpr std::uint32_t generation_of(std::uint64_t state) noexcept {
    return static_cast<std::uint32_t>(state >> 2U);
  }
  static constexpr std::uint32_t next(std::uint32_t generation) noexcept {
    return (generation + 1) & generation_mask;
  }

  static std::uintptr_t token(const Place* place, std::uint32_t generation) noexcept {
    const std::uintptr_t low = generation & ((1U << place_bits) - 1);
    const std::uintptr_t high = generation >> place_bits;
    return reinterpret_cast<std::uintptr_t>(place) | low | (high << address_bits);
  }
  static Place* place_of(std::uintptr_t token) noexcept {
    // A token is an address with a generation in the bits around it.
    constexpr std::uintptr_t mask =
        ((std::uintptr_t{1} << address_bits) - 1) & ~((std::uintptr_t{1} << place_bits) - 1);
    return reinterpret_cast<Place*>(token & mask);  // NOLINT(performance-no-int-to-ptr)
  }
  static std::uint32_t generation_in(std::uintptr_t token) noexcept {
    const std::uintptr_t low = token & ((1U << place_bits) - 1);
    return static_cast<std::uint32_t>(((token >> address_bits) << place_bits) | low);
  }

  // The unused places are a stack: what was freed last is taken next, so few places are ever touched. Its
  // head carries a counter beside the index, without which a slow pop could put back a stack that has changed
  // meanwhile.
  Place* pop() noexcept {
    std::uint64_t head = free_.load(std::memory_order_acquire);
    while (static_cast<std::uint32_t>(head) != 0) {
      Place* place = place_at(static_cast<std::uint32_t>(head));
      const std::uint64_t after = counted(head) | place->next_free.load(std::memory_order_relaxed);
      if (free_.compare_exchange_weak(head, after, std::memory_order_acquire, std::memory_order_acquire)) {
        return place;
      }
    }
    std::uint32_t used = fresh_.load(std::memory_order_relaxed);
    while (used < capacity_) {
      if (fresh_.compare_exchange_weak(used, used + 1, std::memory_order_relaxed)) {
        auto* place = new (place_at(used + 1)) Place;
        place->index = used + 1;
        return place;
      }
    }
    return nullptr;
  }
  void push(Place* place) noexcept {
    std::uint64_t head = free_.load(std::memory_order_relaxed);
    do {
      place->next_free.store(static_cast<std::uint32_t>(head), std::memory_order_relaxed);
    } while (!free_.compare_exchange_weak(head, counted(head) | place->index, std::memory_order_release,
                                          std::memory_order_relaxed));
  }
  static constexpr std::uint64_t counted(std::uint64_t head) noexcept { return ((head >> 32U) + 1) << 32U; }

  std::atomic<std::uint64_t> free_{0};  // index of the first unused place, and a counter above it
  std::atomic<std::uint64_t> outstanding_{0};
  std::atomic<std::uint64_t> ignored_{0};
  std::atomic<std::uint64_t> unkept_{0};
  std::atomic<std::uint32_t> fresh_{0};  // places that were ever taken
  std::uint32_t capacity_;
  bool left_behind_ = false;
};

inline constexpr std::ptrdiff_t SubmissionTable::header_places = sizeof(SubmissionTable) / sizeof(Place);

}  // namespace tallygate::plugin
