#pragma once
/// What is left of a segment whose bodies are retired (journal.md §7).

#include "audit/journal/failure.hpp"
#include "audit/journal/seal.hpp"

#include <filesystem>

namespace tallygate::audit {

/// Writes the stub of a sealed segment beside it, as `<file>.new`, durable: all leaf hashes, all checkpoints,
/// and the bodies of `key.*`, `journal.*` and `policy.*` entries. The segment's hash is held against what
/// `seal` recorded: what was altered is evidence, and is not taken away. Gives the stub's SHA-256. Errors:
/// tampered, unreadable.
[[nodiscard]] Result<Digest> write_stub(const std::filesystem::path& file, const Seal& seal);

/// Puts the stub in the segment's place. Errors: unreadable.
[[nodiscard]] Result<void> place_stub(const std::filesystem::path& file);

/// Whether a segment is a stub already. Errors: missing, unreadable.
[[nodiscard]] Result<bool> is_stub(const std::filesystem::path& file);

}  // namespace tallygate::audit
