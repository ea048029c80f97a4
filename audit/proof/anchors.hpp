#pragma once
/// Checkpoints kept elsewhere: the companion `head` and a folder of notes (journal.md §1, §8).

#include "audit/journal/failure.hpp"
#include "audit/journal/note.hpp"
#include "audit/proof/findings.hpp"
#include "audit/proof/key_ranges.hpp"
#include "audit/proof/record_state.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

/// An anchor as it was read, before anything about it is believed.
struct Anchor {
  std::string name;
  std::string bytes;                     ///< the note
  std::optional<Checkpoint> checkpoint;  ///< what it says, where it is a checkpoint note at all
  std::string fault;                     ///< why it is none
};

/// What the record says of a size: the root of that prefix, nothing where it is not known.
using RootAt = std::function<std::optional<Digest>(std::uint64_t size)>;

/// The blocks of a head file that are checkpoint notes, each named "head". Nothing where the file is missing,
/// empty where no block is whole. Errors: unreadable.
[[nodiscard]] Result<std::optional<std::vector<Anchor>>> read_head_anchors(const std::filesystem::path& file);

/// The blocks of a head file's bytes. Pure.
[[nodiscard]] std::vector<Anchor> head_anchors(std::string_view bytes);

/// One anchor for each file of a folder, by name; folders in it are left out, and what begins with a dot.
/// What is no regular file is not read, and no checkpoint note. Errors: missing, unreadable.
[[nodiscard]] Result<std::vector<Anchor>> read_anchor_folder(const std::filesystem::path& folder);

/// The checkpoint note in a file, as an anchor of that name. Errors: missing, unreadable, invalid (no
/// checkpoint note).
[[nodiscard]] Result<Anchor> read_anchor_file(const std::filesystem::path& file, std::string name);

/// What an anchor is held against.
struct AnchorGround {
  std::string origin;
  std::uint64_t entries_end = 0;  ///< size of the record
  std::uint64_t proven_size = 0;  ///< of its largest checkpoint whose signature counts
  const KeyRanges& keys;
  RootAt root_at;
  std::span<const Abandoned> abandoned;  ///< forks that were given up, which an anchor may still speak of
};

/// Holds `head` against the record: of the blocks the valid one with the larger size counts. One whose key
/// was revoked from a smaller size on vouches for nothing, whatever its root.
void judge_head(const std::optional<std::vector<Anchor>>& blocks, const AnchorGround& ground,
                Findings& findings, std::vector<AnchorReport>& reports, std::vector<std::string>& remarks);

/// Holds an anchor of the folder against the record. One whose key was revoked from its size on or before
/// (journal.md §6) is told from a forged one: it never agrees, since its signature does not count. Where the
/// record has its root, and a checkpoint that counts proves that much, nothing is wrong with the record, and
/// that is a remark; else a finding.
void judge_anchor(const Anchor& anchor, const AnchorGround& ground, Findings& findings,
                  std::vector<AnchorReport>& reports, std::vector<std::string>& remarks);

}  // namespace tallygate::audit
