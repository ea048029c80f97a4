#pragma once
/// How a segment ends (journal.md §7): its file is made final, and the first entry of the next one says what
/// it was.

#include "audit/journal/failure.hpp"
#include "audit/journal/hash.hpp"
#include "audit/journal/staying.hpp"
#include "audit/journal/tree.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

/// What `journal.seal` records. `frontier` is not part of the proof: it saves the next start from hashing
/// what was sealed, and is believed only as far as the newest signed root follows from it.
struct Seal {
  std::uint64_t first = 0;  ///< of the segment
  std::uint64_t last = 0;
  Digest root{};                 ///< of all entries up to `last`
  Digest sha256{};               ///< of the file
  std::vector<Digest> frontier;  ///< CompactRange::hashes() at last + 1
  /// Which of its bodies stay where it is retired; nothing where an earlier version sealed it.
  std::optional<Stays> stays{};

  friend bool operator==(const Seal&, const Seal&) = default;
};

/// The values of the members of a `journal.seal`, in the order of RFC 8785: first, frontier, last, root,
/// sha256, stays. `seal` says which bodies stay.
struct SealMembers {
  std::string first, frontier, last, root, sha256, stays;
};
[[nodiscard]] SealMembers seal_members(const Seal& seal);

/// Reads the value of `stays`; nothing where it is anything else.
[[nodiscard]] std::optional<Stays> parse_stays(std::string_view json);

/// Reads a `journal.seal`; nothing where `body` is another entry or is not well-formed. A missing or unfit
/// frontier is left empty, and so is `stays`.
[[nodiscard]] std::optional<Seal> parse_seal(std::string_view body);

/// The tree at the end of the sealed segment, as its frontier has it; nothing where it does not fit.
[[nodiscard]] std::optional<CompactRange> tree_after(const Seal& seal);

/// Makes the file of a segment final and gives its SHA-256: its WAL is folded in, its state is `sealed`, it
/// leaves WAL mode and loses its write permission. Nobody may write it meanwhile; where a reader holds the
/// file open it is replaced by a copy, which the reader does not see. May be called again after a crash on
/// the way. `vfs` as for Segment. Errors: missing, unreadable, tampered (neither open nor sealed).
[[nodiscard]] Result<Digest> seal_file(const std::filesystem::path& file, const std::string& vfs = {});

/// Puts a whole copy, which a crash kept from it, in the segment's place. Nothing happens where there is
/// none, or where its hash is not `sha256`, if that is known. Errors: unreadable.
[[nodiscard]] Result<void> finish_sealing(const std::filesystem::path& file,
                                          const std::optional<Digest>& sha256 = {});

/// SHA-256 of a file as it stands. Errors: missing, unreadable (also: `stop` was requested).
[[nodiscard]] Result<Digest> file_sha256(const std::filesystem::path& file, const std::stop_token& stop = {});

}  // namespace tallygate::audit
