#pragma once
/// The Merkle tree of a journal, kept beside it: what makes a proof a matter of milliseconds.

#include "audit/journal/failure.hpp"
#include "audit/journal/hash.hpp"
#include "audit/journal/sqlite.hpp"
#include "audit/search/reader.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace tallygate::audit {

/// Hashes in tiles of 256, as C2SP tlog-tiles has them: hash i of tile n of level l is the root over the
/// 256^l leaves from (n · 256 + i) · 256^l on. Stored in `index.db`, which is derived: it may be deleted at
/// any time, and nothing it says is believed unless it leads to a signed root. One thread; several processes
/// may use one file.
class TreeIndex {
 public:
  /// The index of the journal in `folder`; a copy of it in memory where its file cannot be written, now or
  /// later. A file that is damaged or of another version, a link, and one of somebody else where the folder
  /// can be written, is begun again. What root makes belongs to whom the folder belongs to. Errors:
  /// unreadable.
  [[nodiscard]] static Result<TreeIndex> open(const std::filesystem::path& folder);

  /// Leaves it covers.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

  /// Takes up entries until it covers `size`; of those that were retired, the leaf hashes that their segment
  /// keeps. Constant time an entry. Errors: missing (the journal has a gap or ends before), unreadable.
  [[nodiscard]] Result<void> extend(JournalReader& reader, std::uint64_t size);

  /// A NodeSource; at most 255 node hashes. Errors: missing where the subtree is not covered or not stored,
  /// unreadable.
  [[nodiscard]] Result<Digest> node(unsigned height, std::uint64_t index);

  /// Hashes of a tile from its first one on, up to 256; fewer where it is not finished or not covered.
  /// Errors: unreadable.
  [[nodiscard]] Result<std::vector<Digest>> tile(unsigned level, std::uint64_t number);

  /// Whether a finished tile, and each one over it, gives the hash that the level above holds: what is
  /// damaged in the middle of the tree shows here and not in root(). Of an unfinished one there is nothing to
  /// compare. Errors: unreadable.
  [[nodiscard]] Result<bool> fits(unsigned level, std::uint64_t number);

  /// Root of the tree over the first `size` leaves. Errors: as node().
  [[nodiscard]] Result<Digest> root(std::uint64_t size);

  /// Seqs of the entries that it covers and that change the signing key (`key.rotate`, `key.revoke`),
  /// ascending. Errors: unreadable.
  [[nodiscard]] Result<std::vector<std::uint64_t>> key_entries();

  /// Forgets everything. Errors: unreadable.
  [[nodiscard]] Result<void> clear();

 private:
  explicit TreeIndex(Database database) : database_(std::move(database)) {}
  [[nodiscard]] static Result<TreeIndex> open_file(const std::filesystem::path& file, int flags);
  [[nodiscard]] static Result<TreeIndex> open_writable(const std::filesystem::path& file);
  [[nodiscard]] static Result<TreeIndex> copy_of(const std::filesystem::path& file);
  [[nodiscard]] bool move_to_memory();
  [[nodiscard]] Result<void> try_extend(JournalReader& reader, std::uint64_t size);
  [[nodiscard]] Result<void> prepare();
  [[nodiscard]] Result<void> load_size();
  [[nodiscard]] Result<void> load_edge();
  [[nodiscard]] Result<void> take(std::uint64_t seq, std::string_view body);
  [[nodiscard]] Result<void> take_leaf(const Digest& leaf);
  [[nodiscard]] Result<void> take_stored_leaves(JournalReader& reader, std::uint64_t end);
  [[nodiscard]] Result<void> store_edge();
  [[nodiscard]] Result<void> store(unsigned level, std::uint64_t tile);

  Database database_;
  bool in_memory_ = false;
  bool unwritable_ = false;  // the last extension failed because of the file
  Statement read_;
  Statement write_;
  Statement note_key_;
  Sha256 sha_;
  std::uint64_t size_ = 0;
  std::vector<std::vector<Digest>> edge_;  // the last, unfinished tile of each level
  // The tile of each level that was looked at last: the nodes of a path lie in few of them.
  struct Seen {
    std::uint64_t number = 0;
    std::vector<Digest> hashes;
  };
  std::vector<Seen> seen_;
};

}  // namespace tallygate::audit
