#pragma once
/// The Merkle tree of RFC 6962 §2.1: its right edge, for appending, and its proofs.

#include "audit/journal/hash.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tallygate::audit {

/// What a tree of any size needs to grow and to know its root: the roots of the perfect subtrees that cover
/// it, one for each bit of its size, largest first. At most 64 hashes. A plain value: copy it to try
/// something.
class CompactRange {
 public:
  /// The empty tree.
  CompactRange() = default;

  /// Takes up a stored edge; nothing where the number of hashes does not fit the size.
  [[nodiscard]] static std::optional<CompactRange> from(std::uint64_t size, std::vector<Digest> hashes);

  /// Adds one leaf hash. One node hash on average.
  void append(Sha256& sha, const Digest& leaf);

  /// Adds a perfect subtree of 2^`level` leaves by its root. The size must be a multiple of 2^`level`
  /// (std::invalid_argument otherwise).
  void append_subtree(Sha256& sha, unsigned level, const Digest& root);

  /// The tree head: SHA-256 of nothing for the empty tree.
  [[nodiscard]] Digest root(Sha256& sha) const;

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

  /// Roots of the perfect subtrees, largest first.
  [[nodiscard]] std::span<const Digest> hashes() const noexcept { return hashes_; }

  friend bool operator==(const CompactRange&, const CompactRange&) = default;

 private:
  std::uint64_t size_ = 0;
  std::vector<Digest> hashes_;
};

/// The head of the tree over `leaves` (leaf hashes, in order).
[[nodiscard]] Digest tree_root(Sha256& sha, std::span<const Digest> leaves);

/// Hashes that lead from leaf `index` to the root, leaf side first (RFC 9162 §2.1.3.1).
/// `index` must be below the number of leaves (std::out_of_range otherwise).
[[nodiscard]] std::vector<Digest> inclusion_proof(Sha256& sha, std::span<const Digest> leaves,
                                                  std::uint64_t index);

/// Proof that the first `old_size` leaves are a prefix (RFC 9162 §2.1.4.1); empty where `old_size` is 0 or
/// all. `old_size` must not exceed the number of leaves (std::out_of_range otherwise).
[[nodiscard]] std::vector<Digest> consistency_proof(Sha256& sha, std::span<const Digest> leaves,
                                                    std::uint64_t old_size);

/// Whether `proof` shows `leaf` at `index` of the tree with `size` leaves and that `root` (RFC 9162
/// §2.1.3.2).
[[nodiscard]] bool verify_inclusion(Sha256& sha, std::uint64_t index, std::uint64_t size, const Digest& leaf,
                                    std::span<const Digest> proof, const Digest& root);

/// Whether `proof` shows that the tree (`old_size`, `old_root`) is a prefix of (`size`, `root`)
/// (RFC 9162 §2.1.4.2). The empty tree is a prefix of every tree, with an empty proof and the empty tree's
/// root.
[[nodiscard]] bool verify_consistency(Sha256& sha, std::uint64_t old_size, std::uint64_t size,
                                      const Digest& old_root, const Digest& root,
                                      std::span<const Digest> proof);

}  // namespace tallygate::audit
