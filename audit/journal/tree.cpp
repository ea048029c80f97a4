#include "audit/journal/tree.hpp"

#include <bit>
#include <stdexcept>
#include <utility>

namespace tallygate::audit {
namespace {

// The largest power of two below n, for n > 1 (RFC 6962 §2.1).
std::uint64_t split_point(std::uint64_t n) noexcept {
  return std::bit_floor(n - 1);
}

void add_consistency(Sha256& sha, std::span<const Digest> leaves, std::uint64_t old_size, bool whole,
                     std::vector<Digest>& proof) {
  if (old_size == leaves.size()) {
    if (!whole) {
      proof.push_back(tree_root(sha, leaves));
    }
    return;
  }
  const std::uint64_t left = split_point(leaves.size());
  if (old_size <= left) {
    add_consistency(sha, leaves.first(left), old_size, whole, proof);
    proof.push_back(tree_root(sha, leaves.subspan(left)));
  } else {
    add_consistency(sha, leaves.subspan(left), old_size - left, false, proof);
    proof.push_back(tree_root(sha, leaves.first(left)));
  }
}

}  // namespace

std::optional<CompactRange> CompactRange::from(std::uint64_t size, std::vector<Digest> hashes) {
  if (static_cast<std::size_t>(std::popcount(size)) != hashes.size()) {
    return std::nullopt;
  }
  CompactRange range;
  range.size_ = size;
  range.hashes_ = std::move(hashes);
  return range;
}

void CompactRange::append(Sha256& sha, const Digest& leaf) {
  append_subtree(sha, 0, leaf);
}

void CompactRange::append_subtree(Sha256& sha, unsigned level, const Digest& root) {
  const std::uint64_t width = std::uint64_t{1} << level;
  if (level > 62 || (size_ & (width - 1)) != 0) {
    throw std::invalid_argument("a perfect subtree is appended only at a multiple of its own size");
  }
  Digest hash = root;
  for (std::uint64_t merged = size_ >> level; (merged & 1U) != 0; merged >>= 1U) {
    hash = sha.node(hashes_.back(), hash);
    hashes_.pop_back();
  }
  hashes_.push_back(hash);
  size_ += width;
}

Digest CompactRange::root(Sha256& sha) const {
  if (hashes_.empty()) {
    return sha.digest({});
  }
  Digest hash = hashes_.back();
  for (std::size_t i = hashes_.size() - 1; i-- > 0;) {
    hash = sha.node(hashes_[i], hash);
  }
  return hash;
}

Digest tree_root(Sha256& sha, std::span<const Digest> leaves) {
  CompactRange range;
  for (const Digest& leaf : leaves) {
    range.append(sha, leaf);
  }
  return range.root(sha);
}

std::vector<Digest> inclusion_proof(Sha256& sha, std::span<const Digest> leaves, std::uint64_t index) {
  if (index >= leaves.size()) {
    throw std::out_of_range("an inclusion proof is for a leaf of the tree");
  }
  // From the root down; the proof is read the other way.
  std::vector<Digest> proof;
  while (leaves.size() > 1) {
    const std::uint64_t left = split_point(leaves.size());
    if (index < left) {
      proof.push_back(tree_root(sha, leaves.subspan(left)));
      leaves = leaves.first(left);
    } else {
      proof.push_back(tree_root(sha, leaves.first(left)));
      leaves = leaves.subspan(left);
      index -= left;
    }
  }
  return {proof.rbegin(), proof.rend()};
}

std::vector<Digest> consistency_proof(Sha256& sha, std::span<const Digest> leaves, std::uint64_t old_size) {
  if (old_size > leaves.size()) {
    throw std::out_of_range("a consistency proof is from a smaller tree to a larger one");
  }
  std::vector<Digest> proof;
  if (old_size != 0) {
    add_consistency(sha, leaves, old_size, true, proof);
  }
  return proof;
}

bool verify_inclusion(Sha256& sha, std::uint64_t index, std::uint64_t size, const Digest& leaf,
                      std::span<const Digest> proof, const Digest& root) {
  if (index >= size) {
    return false;
  }
  std::uint64_t node = index;
  std::uint64_t last = size - 1;
  Digest hash = leaf;
  for (const Digest& sibling : proof) {
    if (last == 0) {
      return false;
    }
    if ((node & 1U) != 0 || node == last) {
      hash = sha.node(sibling, hash);
      while ((node & 1U) == 0 && node != 0) {
        node >>= 1U;
        last >>= 1U;
      }
    } else {
      hash = sha.node(hash, sibling);
    }
    node >>= 1U;
    last >>= 1U;
  }
  return last == 0 && hash == root;
}

bool verify_consistency(Sha256& sha, std::uint64_t old_size, std::uint64_t size, const Digest& old_root,
                        const Digest& root, std::span<const Digest> proof) {
  if (old_size > size) {
    return false;
  }
  if (old_size == size || old_size == 0) {
    return proof.empty() && (old_size == 0 ? old_root == sha.digest({}) : true) &&
           (old_size != size || old_root == root);
  }
  // Where the old tree is perfect its own root starts the proof and is left out of it.
  const bool perfect = std::has_single_bit(old_size);
  if (!perfect && proof.empty()) {
    return false;
  }
  std::uint64_t node = old_size - 1;
  std::uint64_t last = size - 1;
  while ((node & 1U) != 0) {
    node >>= 1U;
    last >>= 1U;
  }
  Digest old_hash = perfect ? old_root : proof.front();
  Digest hash = old_hash;
  for (const Digest& sibling : perfect ? proof : proof.subspan(1)) {
    if (last == 0) {
      return false;
    }
    if ((node & 1U) != 0 || node == last) {
      old_hash = sha.node(sibling, old_hash);
      hash = sha.node(sibling, hash);
      while ((node & 1U) == 0 && node != 0) {
        node >>= 1U;
        last >>= 1U;
      }
    } else {
      hash = sha.node(hash, sibling);
    }
    node >>= 1U;
    last >>= 1U;
  }
  return last == 0 && old_hash == old_root && hash == root;
}

}  // namespace tallygate::audit
