#include "audit/proof/paths.hpp"

#include <bit>
#include <string>

namespace tallygate::audit {
namespace {

// The largest power of two below n, for n > 1 (RFC 6962 §2.1).
std::uint64_t split_point(std::uint64_t n) noexcept {
  return std::bit_floor(n - 1);
}

// Root over the leaves [first, end), where `first` is a multiple of the largest perfect subtree in it, as it
// is for every range that splitting a tree gives.
Result<Digest> range_root(Sha256& sha, const NodeSource& nodes, std::uint64_t first, std::uint64_t end) {
  const std::uint64_t count = end - first;
  if (std::has_single_bit(count)) {
    const auto height = static_cast<unsigned>(std::countr_zero(count));
    return nodes(height, first >> height);
  }
  const std::uint64_t left = split_point(count);
  auto left_root = range_root(sha, nodes, first, first + left);
  if (!left_root) {
    return left_root;
  }
  auto right_root = range_root(sha, nodes, first + left, end);
  if (!right_root) {
    return right_root;
  }
  return sha.node(*left_root, *right_root);
}

Result<void> add(std::vector<Digest>& proof, Result<Digest> hash) {
  if (!hash) {
    return hash.error();
  }
  proof.push_back(*hash);
  return {};
}

Failure beyond(const char* what, std::uint64_t value, std::uint64_t size) {
  return fail(FailureKind::invalid, std::string(what) + " " + std::to_string(value) +
                                        " is not within a tree of size " + std::to_string(size));
}

// Goes down where there are leaves, and takes what has none. As deep as the tree.
void complement(std::span<const EntryRange> ranges, EntryRange part, std::vector<EntryRange>& out) {
  const auto [first, end] = part;
  while (!ranges.empty() && ranges.front().second <= first) {
    ranges = ranges.subspan(1);
  }
  while (!ranges.empty() && ranges.back().first >= end) {
    ranges = ranges.first(ranges.size() - 1);
  }
  if (ranges.empty()) {
    out.push_back(part);
    return;
  }
  if (ranges.front().first <= first && ranges.front().second >= end) {
    return;  // all of it is there
  }
  const std::uint64_t middle = first + split_point(end - first);
  complement(ranges, {first, middle}, out);
  complement(ranges, {middle, end}, out);
}

}  // namespace

Result<std::vector<Digest>> complement_from(Sha256& sha, const NodeSource& nodes,
                                            std::span<const EntryRange> ranges, std::uint64_t size) {
  if (size == 0 || (!ranges.empty() && ranges.back().second > size)) {
    return beyond("entry", ranges.empty() ? 0 : ranges.back().second - 1, size);
  }
  std::vector<Digest> hashes;
  for (const auto& [first, end] : complement_parts(ranges, size)) {
    if (const auto added = add(hashes, range_root(sha, nodes, first, end)); !added) {
      return added.error();
    }
  }
  return hashes;
}

std::vector<EntryRange> complement_parts(std::span<const EntryRange> ranges, std::uint64_t size) {
  std::vector<EntryRange> parts;
  if (size > 0) {
    complement(ranges, {0, size}, parts);
  }
  return parts;
}

bool PartialTree::add(Sha256& sha, EntryRange part, const Digest& root) {
  const std::uint64_t end = parts_.empty() ? 0 : parts_.back().range.second;
  if (part.first != end || part.second <= part.first || part.second > size_) {
    return false;
  }
  parts_.push_back({part, root});
  // Two parts are one where the left one is perfect and begins a pair of its size, and the right one is as
  // large or ends the tree.
  while (parts_.size() > 1) {
    const Part& left = parts_[parts_.size() - 2];
    const Part& right = parts_.back();
    const std::uint64_t width = left.range.second - left.range.first;
    const std::uint64_t rest = right.range.second - right.range.first;
    const bool begins = std::has_single_bit(width) && left.range.first % (width * 2) == 0;
    if (!begins || rest > width || (rest < width && right.range.second != size_)) {
      break;
    }
    const Part both{{left.range.first, right.range.second}, sha.node(left.root, right.root)};
    parts_.pop_back();
    parts_.back() = both;
  }
  return true;
}

std::optional<Digest> PartialTree::root() const {
  const bool whole = parts_.size() == 1 && parts_.front().range == EntryRange(0, size_);
  return whole ? std::optional(parts_.front().root) : std::nullopt;
}

Result<std::vector<Digest>> inclusion_from(Sha256& sha, const NodeSource& nodes, std::uint64_t index,
                                           std::uint64_t size) {
  if (index >= size) {
    return beyond("leaf", index, size);
  }
  // From the root down; the proof is read the other way.
  std::vector<Digest> proof;
  std::uint64_t first = 0;
  std::uint64_t end = size;
  while (end - first > 1) {
    const std::uint64_t middle = first + split_point(end - first);
    const bool left = index < middle;
    const auto added =
        add(proof, left ? range_root(sha, nodes, middle, end) : range_root(sha, nodes, first, middle));
    if (!added) {
      return added.error();
    }
    (left ? end : first) = middle;
  }
  return std::vector<Digest>(proof.rbegin(), proof.rend());
}

Result<std::vector<Digest>> consistency_from(Sha256& sha, const NodeSource& nodes, std::uint64_t old_size,
                                             std::uint64_t size) {
  if (old_size > size) {
    return beyond("a prefix of size", old_size, size);
  }
  std::vector<Digest> proof;
  if (old_size == 0 || old_size == size) {
    return proof;
  }
  // Down to where the old tree ends. The old root is left out where it is one of the subtrees itself.
  std::uint64_t first = 0;
  std::uint64_t end = size;
  bool whole = true;
  while (old_size != end) {
    const std::uint64_t middle = first + split_point(end - first);
    const bool left = old_size <= middle;
    const auto added =
        add(proof, left ? range_root(sha, nodes, middle, end) : range_root(sha, nodes, first, middle));
    if (!added) {
      return added.error();
    }
    whole = whole && left;
    (left ? end : first) = middle;
  }
  if (!whole) {
    if (const auto added = add(proof, range_root(sha, nodes, first, end)); !added) {
      return added.error();
    }
  }
  return std::vector<Digest>(proof.rbegin(), proof.rend());
}

}  // namespace tallygate::audit
