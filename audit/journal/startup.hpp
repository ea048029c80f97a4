#pragma once

#include "audit/journal/failure.hpp"
#include "audit/journal/hash.hpp"
#include "audit/journal/head.hpp"
#include "audit/journal/note.hpp"
#include "audit/journal/record_files.hpp"
#include "audit/journal/tree.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace tallygate::audit {

/// The end of a record that was computed, not believed: what the next entry is chained to.
struct Tip {
  CompactRange range;  ///< over all entries so far
  Digest last{};       ///< leaf hash of the newest entry
};

/// What a process computed and committed itself: it need not be read again.
struct Known {
  /// Newest checkpoints that are remembered: more than are ever committed and not yet acknowledged.
  static constexpr std::size_t recent_max = 64;

  Tip tip;
  std::vector<std::pair<std::uint64_t, Digest>> recent;  ///< size and root, oldest first

  /// Takes up the tip that `next` holds, swapping, and its root.
  void advance(Tip& next, const Digest& root);
  /// The root at `size`, where it is remembered.
  [[nodiscard]] std::optional<Digest> root_at(std::uint64_t size) const;
};

/// How the journal stands against an anchor (journal.md §8).
enum class Standing {
  equal,     ///< go
  ahead,     ///< a crash between the two writes: roll the anchor forward
  behind,    ///< entries are missing: refuse
  different  ///< an entry that was acknowledged was altered: refuse
};

/// Pure. `root_there` is the journal's own root at the anchor's size, nothing where the journal is shorter.
Standing compare(std::uint64_t journal_size, const std::optional<Digest>& root_there,
                 const Checkpoint& anchor);

/// What examine() found.
struct Examined {
  Tip tip;
  std::string note;                     ///< the newest checkpoint
  Digest root{};                        ///< and its root
  Standing standing = Standing::equal;  ///< equal or ahead; the rest are failures
  std::uint64_t head_size = 0;          ///< what head acknowledged
  bool abandons = false;                ///< head acknowledged something else, which `forgiven` gives up
};

/// Reads the newest segment (those before it too where head is older), hashes its entries, holds the root
/// against the newest checkpoint, that against `keys`, of which one must have signed it, and all against
/// `head`. What `known` covers is not read again unless head is older than it remembers. `head_path` is for
/// the messages. A head that is one of `forgiven` is given up instead of refused. Errors: tampered (says
/// what and by how much), unreadable.
Result<Examined> examine(RecordFiles& files, std::span<const VerifyKey> keys, const HeadBlock& head,
                         const std::filesystem::path& head_path, const std::optional<Known>& known,
                         std::span<const Checkpoint> forgiven = {});

/// Why a record does not go on from `head`, which is `behind` or `different` for one of that size.
std::string refusal_text(Standing standing, std::uint64_t size, const Checkpoint& head,
                         const std::filesystem::path& head_path);

/// The end of a record, whatever anchors say of it.
struct RecordEnd {
  Tip tip;
  std::string note;                       ///< the newest checkpoint
  Digest root{};                          ///< and its root
  std::map<std::uint64_t, Digest> roots;  ///< the record's own at the sizes that were asked for and exist
};

/// Reads and holds the record against its newest checkpoint as examine() does, and against no anchor.
/// Errors: tampered, unreadable.
Result<RecordEnd> read_end(RecordFiles& files, std::span<const VerifyKey> keys,
                           std::span<const std::uint64_t> sizes);

}  // namespace tallygate::audit
