#pragma once
/// A journal's signing keys, from its own entries, and the lines that establish each of them to somebody who
/// has the provisioning key and no journal.

#include "audit/journal/failure.hpp"
#include "audit/journal/note.hpp"
#include "audit/proof/charter_check.hpp"
#include "audit/proof/grant_check.hpp"
#include "audit/proof/key_ranges.hpp"
#include "audit/search/reader.hpp"
#include "audit/search/tree_index.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

/// A checkpoint that a key stands behind.
struct KeptCheckpoint {
  std::string note;
  Checkpoint checkpoint;
  std::size_t key = 0;  ///< which of KeyHistory::ranges() signed it
};

/// The keys in their order and how each is established: by the one before, or out of turn by a grant. What
/// the journal says is taken at its word, for this is the journal's side of a proof; what comes of it is
/// checked by read_key_chain().
class KeyHistory {
 public:
  /// Reads the charter and the entries that `index` knows to concern keys. Errors: tampered (no charter that
  /// holds under the provisioning key it names), unreadable.
  [[nodiscard]] static Result<KeyHistory> read(JournalReader& reader, TreeIndex& index);

  [[nodiscard]] const CharterEntry& charter() const noexcept { return charter_; }
  [[nodiscard]] std::span<const KeyRange> ranges() const noexcept { return keys_.ranges(); }

  /// The first checkpoint with first ≤ size < end that a key signed which counts and can be established, of
  /// the earliest such key: it needs the fewest rotations. Nothing where there is none. Errors: unreadable,
  /// tampered.
  [[nodiscard]] Result<std::optional<KeptCheckpoint>> checkpoint(JournalReader& reader, std::uint64_t first,
                                                                 std::uint64_t end) const;
  /// The same of a checkpoint note that may come from elsewhere; nothing where no such key is in force at its
  /// size. Errors: invalid (no checkpoint note), tampered (not signed by the keys of its size).
  [[nodiscard]] Result<std::optional<KeptCheckpoint>> keep(std::string_view note) const;

  /// The note without signature lines of the journal's own name that lines() of the same keys establish no
  /// key for: each of their bytes would be one that does not count.
  [[nodiscard]] std::string signed_by_chain(std::string_view note, std::size_t first, std::size_t last) const;

  /// Sizes of KeyChain::prefixes of the same keys.
  [[nodiscard]] std::vector<std::uint64_t> prefix_sizes(std::size_t first, std::size_t last) const;

  /// The lines of read_key_chain() that establish the keys `first` and `last` of ranges(), first ≤ last.
  /// Errors: missing (a checkpoint of a rotation), unreadable.
  [[nodiscard]] Result<std::string> lines(JournalReader& reader, TreeIndex& index, std::size_t first,
                                          std::size_t last) const;

 private:
  // Rotation i made ranges()[i + 1].
  struct Rotation {
    std::uint64_t seq = 0;
    std::string body;
    bool granted = false;
  };
  KeyHistory(CharterEntry charter, std::string charter_line);
  [[nodiscard]] std::vector<std::size_t> chain(std::size_t first, std::size_t last) const;
  void take(std::uint64_t seq, std::string_view body, GrantBook& grants);
  void settle();
  [[nodiscard]] Result<std::string> line(JournalReader& reader, TreeIndex& index, std::size_t rotation) const;

  CharterEntry charter_;
  std::string charter_line_;
  KeyRanges keys_;
  std::vector<Rotation> rotations_;
  std::vector<std::optional<std::size_t>> begins_;  // of each key: the first rotation of its chain, if any
};

}  // namespace tallygate::audit
