#pragma once
/// The part of a verification that needs nothing but a stretch of entries: their form, their chain, their
/// subtree.

#include "audit/journal/hash.hpp"
#include "audit/journal/tree.hpp"
#include "audit/proof/entry_facts.hpp"
#include "audit/proof/findings.hpp"
#include "audit/proof/leaf_lanes.hpp"
#include "audit/proof/unique_ids.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace tallygate::audit {

/// Entries of one chunk: a power of two, so that a chunk is a perfect subtree.
inline constexpr std::uint64_t chunk_entries = 4'096;

/// An entry that the proof has to look at again, in order.
struct NotedEntry {
  std::uint64_t seq = 0;
  Role role = Role::ordinary;
  Digest leaf{};  ///< the hash of the body that the tree was built over; whatever is read again must have it
};

/// A record that a writer signed, which is read again beside the rest.
struct SignedEntry {
  std::uint64_t seq = 0;
  Digest leaf{};  ///< likewise
};

/// The root of a prefix of the record, but for what lies left of the chunk.
struct InnerRoot {
  std::uint64_t size = 0;  ///< of the prefix of the whole record
  Digest hash{};           ///< root over the chunk's entries below `size`
};

/// What is known of a chunk once its entries are read.
struct ChunkFacts {
  std::uint64_t first = 0;
  std::uint64_t end = 0;
  bool settled = false;                       ///< verified before: hashed again, not taken apart again
  std::uint64_t present = 0;                  ///< rows that are there
  std::uint64_t bytes = 0;                    ///< of their bodies
  CompactRange inner;                         ///< over the chunk alone, as far as it is known
  std::optional<std::uint64_t> unknown_from;  ///< the first seq whose leaf hash nothing tells
  std::vector<InnerRoot> roots;               ///< of the sizes asked for, as far as they are known
  std::vector<std::int64_t> times_ns;         ///< one an entry; no_time where it is unknown
  std::vector<NotedEntry> noted;              ///< entries whose role is not ordinary
  std::vector<SignedEntry> ingested;          ///< those that writers signed, which are not among them
  std::vector<IdOfEntry> ids;                 ///< sorted
  std::vector<UuidBytes> subjects;            ///< whose keys entries are under; some more than once
  Findings findings;
};

/// The time of an entry that could not be read.
inline constexpr std::int64_t no_time = INT64_MIN;

/// Collects the rows of one chunk and the first one behind it, then judges them. Reused from chunk to chunk
/// by one thread.
class ChunkScan {
 public:
  /// Begins the chunk [first, end), end − first ≤ chunk_entries. Of a settled one only those entries are
  /// taken apart whose role may not be ordinary.
  void begin(std::uint64_t first, std::uint64_t end, bool settled = false);

  /// Adds a row, in ascending order: first ≤ seq < end, or `end` itself for the look ahead.
  void row(std::uint64_t seq, std::string_view body);

  /// Entries so far whose role is not ordinary.
  [[nodiscard]] std::span<const NotedEntry> noted() const noexcept { return facts_.noted; }

  /// Takes back every row from `seq` on: they are read again.
  void forget(std::uint64_t seq);

  /// Leaf hashes stored elsewhere, asked for where an entry is missing and its successor does not tell. Not
  /// believed: a wrong one gives a wrong root.
  using StoredLeaf = std::function<std::optional<Digest>(std::uint64_t seq)>;

  /// Judges the chunk. `absent` tells seqs whose absence was reported already. `sizes`, ascending, are those
  /// whose roots are wanted: first < size ≤ end.
  [[nodiscard]] ChunkFacts finish(Sha256& sha, std::span<const std::uint64_t> sizes,
                                  const StoredLeaf& stored_leaf,
                                  const std::function<bool(std::uint64_t)>& absent);

 private:
  struct Slot {
    bool present = false;
    bool readable = false;
    bool suspect = false;  // its own bytes are not what was recorded: what it says of others is not believed
    std::uint64_t bytes = 0;
    Digest leaf{};
    Digest prev{};
  };
  void settled_row(std::uint64_t seq, std::string_view body);
  void note_subject(const std::optional<UuidBytes>& subject);
  void judge_chain(ChunkFacts& facts);
  void judge_missing(ChunkFacts& facts, const std::function<bool(std::uint64_t)>& absent);
  void grow(Sha256& sha, ChunkFacts& facts, std::span<const std::uint64_t> sizes,
            const StoredLeaf& stored_leaf);

  LeafLanes lanes_;  // into slots_
  ChunkFacts facts_;
  std::uint64_t rows_end_ = 0;                              // seq after the last row
  std::vector<Slot> slots_;                                 // of first to end, inclusive
  std::array<std::optional<UuidBytes>, 64> subjects_seen_;  // most are those of an entry shortly before
  std::vector<std::optional<Digest>> told_;  // leaf hash as the successor tells it, where it is believed
};

}  // namespace tallygate::audit
