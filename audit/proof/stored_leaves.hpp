#pragma once
/// Leaf hashes that segments store beside their entries, of one chunk.

#include "audit/journal/hash.hpp"
#include "audit/proof/workers.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace tallygate::audit {

/// Reads them in one go when the first one is asked for: a look-up for each would cost a retired entry more
/// than a whole one. One thread; `worker` must outlive this.
class StoredLeaves {
 public:
  /// Of the entries [first, end).
  StoredLeaves(WorkerContext& worker, std::uint64_t first, std::uint64_t end)
      : worker_(worker), first_(first), end_(end) {}

  /// The stored hash of that entry, derived and not to be believed; nothing where there is none of 32 bytes.
  [[nodiscard]] std::optional<Digest> at(std::uint64_t seq);

 private:
  WorkerContext& worker_;
  std::uint64_t first_;
  std::uint64_t end_;
  std::vector<std::optional<Digest>> leaves_;  // empty until one was asked for
};

}  // namespace tallygate::audit
