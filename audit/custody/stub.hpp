#pragma once
/// What is left of a segment whose bodies are retired (journal.md §7).

#include "audit/journal/failure.hpp"
#include "audit/journal/seal.hpp"

#include <filesystem>
#include <stop_token>

namespace tallygate::audit {

/// Writes the stub of a sealed segment beside it, as `<file>.new`, durable: all leaf hashes, all checkpoints,
/// and the bodies of `key.*`, `journal.*`, `policy.*` and `writer.*` entries. The segment's hash is held
/// against what `seal` recorded: what was altered is evidence, and is not taken away. Gives the stub's
/// SHA-256. Where it fails, or `stop` is requested meanwhile, nothing is left beside the segment. Errors:
/// tampered, unreadable (also: stopped).
[[nodiscard]] Result<Digest> write_stub(const std::filesystem::path& file, const Seal& seal,
                                        const std::stop_token& stop = {});

/// Removes a stub that is not to take its segment's place after all.
void drop_stub(const std::filesystem::path& file);

/// Puts the stub in the segment's place. Errors: unreadable.
[[nodiscard]] Result<void> place_stub(const std::filesystem::path& file);

/// Whether a segment is a stub already. Errors: missing, unreadable.
[[nodiscard]] Result<bool> is_stub(const std::filesystem::path& file);

}  // namespace tallygate::audit
