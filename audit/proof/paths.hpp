#pragma once
/// Merkle proofs from stored subtrees, in steps that grow with the logarithm of the tree.

#include "audit/journal/failure.hpp"
#include "audit/journal/hash.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace tallygate::audit {

/// Gives the root of the perfect subtree over the leaves [`index` · 2^`height`, (`index` + 1) · 2^`height`).
using NodeSource = std::function<Result<Digest>(unsigned height, std::uint64_t index)>;

/// What inclusion_proof() gives, without the leaves (RFC 9162 §2.1.3.1). Errors: invalid where `index` is not
/// below `size`; the source's.
[[nodiscard]] Result<std::vector<Digest>> inclusion_from(Sha256& sha, const NodeSource& nodes,
                                                         std::uint64_t index, std::uint64_t size);

/// What consistency_proof() gives, without the leaves (RFC 9162 §2.1.4.1). Errors: invalid where `old_size`
/// is above `size`; the source's.
[[nodiscard]] Result<std::vector<Digest>> consistency_from(Sha256& sha, const NodeSource& nodes,
                                                           std::uint64_t old_size, std::uint64_t size);

/// Entries [first, end) of a record.
using EntryRange = std::pair<std::uint64_t, std::uint64_t>;

/// The largest subtrees of the tree with `size` leaves that hold none of the entries in `ranges` (ascending,
/// apart, not empty), left to right, as splitting the tree meets them (RFC 6962 §2.1). Pure.
[[nodiscard]] std::vector<EntryRange> complement_parts(std::span<const EntryRange> ranges,
                                                       std::uint64_t size);

/// Their roots: what gives the root of the tree together with the leaves in `ranges`. Errors: invalid where a
/// range is not within the tree; the source's.
[[nodiscard]] Result<std::vector<Digest>> complement_from(Sha256& sha, const NodeSource& nodes,
                                                          std::span<const EntryRange> ranges,
                                                          std::uint64_t size);

/// A tree that is put together from parts: leaves, and subtrees of which only the root is known, left to
/// right.
class PartialTree {
 public:
  explicit PartialTree(std::uint64_t size) : size_(size) {}

  /// Adds the part [first, end), which must go on where the last one ended. False, and nothing happens, where
  /// it does not.
  bool add(Sha256& sha, EntryRange part, const Digest& root);

  /// The root, once the parts are a whole tree.
  [[nodiscard]] std::optional<Digest> root() const;

 private:
  struct Part {
    EntryRange range;
    Digest root{};
  };
  std::uint64_t size_;
  std::vector<Part> parts_;  // as many as the tree is deep
};

}  // namespace tallygate::audit
