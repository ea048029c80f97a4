#pragma once
/// Where the ivs of sealed entries come from (journal.md §6).

#include "audit/journal/gcm.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>

namespace tallygate::audit {

/// Random ivs of 96 bits (NIST SP 800-38D §8.2.2), drawn many at a time: a draw costs more than to seal an
/// entry, whatever its size. None is given out twice, nor by both sides of a fork: the kernel wipes the
/// child's copy of those that were drawn. They are no secret, they stand in the record. Thread-safe.
class RandomIvs {
 public:
  RandomIvs();

  /// Nothing where the system has no random bytes.
  [[nodiscard]] std::optional<GcmIv> next();

 private:
  static constexpr std::size_t page_bytes = 4096;
  // All zeros: nothing is left.
  struct Drawn {
    std::size_t left;
    std::array<GcmIv, (page_bytes - sizeof(std::size_t)) / gcm_iv_size> ivs;
  };
  static_assert(sizeof(Drawn) <= page_bytes);
  struct Unmap {
    void operator()(Drawn* drawn) const noexcept;
  };

  std::mutex mutex_;
  std::unique_ptr<Drawn, Unmap> drawn_;  // a page of its own; null where there is none: one draw for each
};

}  // namespace tallygate::audit
