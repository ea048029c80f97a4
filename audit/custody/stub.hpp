#pragma once
/// What is left of a segment whose bodies are retired (journal.md §7).

#include "audit/journal/failure.hpp"
#include "audit/journal/seal.hpp"
#include "audit/journal/tree.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string_view>

namespace tallygate::audit {

/// What else a stub is made by.
struct StubOptions {
  std::stop_token stop{};
  /// The tree before the segment: where it is known, and always for the first one, the bodies must give the
  /// root that was sealed.
  std::optional<CompactRange> before{};
  std::function<void(std::string_view body)> each{};  ///< called with every body that goes in or goes
};

/// Writes the stub of a sealed segment beside it, as `<file>.new`, durable: all leaf hashes, all checkpoints,
/// and the bodies of `key.*`, `journal.*`, `policy.*` and `writer.*` entries. The segment's hash is held
/// against what `seal` recorded, and so are the root of what is read then, by the file alone, and the bodies
/// that stay: what was altered is evidence, and is not taken away. Gives the stub's SHA-256. Where it fails,
/// or `stop` is requested meanwhile, nothing is left beside the segment. Errors: tampered (also: a WAL or
/// rollback journal stands beside it), unreadable (also: stopped).
[[nodiscard]] Result<Digest> write_stub(const std::filesystem::path& file, const Seal& seal,
                                        const StubOptions& options = {});

/// Whether the file that is to take the segment's place lies beside it already, whole, with that hash;
/// however it came about: another version of SQLite makes other bytes of the same stub. The segment must
/// still be the file that was sealed, since it is evidence otherwise. Errors: tampered, unreadable (also:
/// stopped).
[[nodiscard]] Result<bool> is_stub_ready(const std::filesystem::path& file, const Seal& seal,
                                         const Digest& stub, const std::stop_token& stop = {});

/// Removes a stub that is not to take its segment's place after all.
void drop_stub(const std::filesystem::path& file);

/// Puts the stub in the segment's place. Errors: unreadable.
[[nodiscard]] Result<void> place_stub(const std::filesystem::path& file);

/// Whether a sealed segment is a stub already. Errors: missing, unreadable, tampered (as write_stub()).
[[nodiscard]] Result<bool> is_stub(const std::filesystem::path& file);

}  // namespace tallygate::audit
