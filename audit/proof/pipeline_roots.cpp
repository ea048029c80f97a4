// Roots of the record at sizes that only its entries name.

#include "audit/proof/pipeline.hpp"
#include "audit/proof/stored_leaves.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

namespace tallygate::audit {

// Before the checkpoints of the chunk are judged, and before the chunk is joined: a grant speaks of what lies
// before its entry. Where the root is not known there are findings enough.
void Pipeline::check_granted_for() {
  for (const KeptClaim& claim : state_.take_granted_for()) {
    const auto root = root_at(claim.size);
    if (root && *root != claim.root) {
      state_.refuse_rotation(claim.seq);
    }
  }
}

// Of chunks that were joined the roots are kept; what lies between the last of them and `size` is read once
// more.
std::optional<Digest> Pipeline::root_at(std::uint64_t size) {
  const std::uint64_t first = size / chunk_entries * chunk_entries;
  if (chunk_roots_.size() < first / chunk_entries) {
    return std::nullopt;
  }
  CompactRange tree;
  for (std::size_t i = 0; i < first / chunk_entries; ++i) {
    tree.append_subtree(sha_, static_cast<unsigned>(std::countr_zero(chunk_entries)), chunk_roots_[i]);
  }
  if (size == first) {
    return tree.root(sha_);
  }
  const PrefixRoots roots(std::make_shared<const CompactRange>(std::move(tree)), inner_root(first, size));
  return roots.at(sha_, size);
}

// The part of that root that the chunk beginning with `first` has. What is wrong with its entries was told
// when they were read for the first time.
std::vector<InnerRoot> Pipeline::inner_root(std::uint64_t first, std::uint64_t size) {
  ChunkScan& scan = own_.scan();
  scan.begin(first, size);
  const auto read_rows = [&](std::size_t segment, std::int64_t from, std::int64_t to) {
    static_cast<void>(own_.with_segment(segment, [&](SegmentReader& reader) {
      scan.forget(static_cast<std::uint64_t>(from));
      return reader.entries(from, to, [&](std::int64_t seq, std::string_view body) {
        scan.row(static_cast<std::uint64_t>(seq), body);
        return true;
      });
    }));
  };
  for_segments(plan_, first, std::min(size + 1, plan_.end), read_rows);
  StoredLeaves leaves(own_, first, size);
  const std::array<std::uint64_t, 1> sizes = {size};
  return scan
      .finish(
          sha_, sizes, [&leaves](std::uint64_t seq) { return leaves.at(seq); },
          [](std::uint64_t) { return true; })
      .roots;
}

}  // namespace tallygate::audit
