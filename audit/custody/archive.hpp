#pragma once
/// Segments kept elsewhere before their bodies are retired.

#include "audit/journal/failure.hpp"
#include "audit/journal/hash.hpp"

#include <filesystem>
#include <stop_token>

namespace tallygate::audit {

/// Compresses a file with zstd into `to` and makes it durable. What was written is
/// read back and held against `sha256`, that of the file: an archive that cannot be restored is none. One of
/// the same content that is there already is good. Gives the SHA-256 of the compressed file. Where it fails,
/// or `stop` is requested meanwhile, nothing that was begun is left. Errors: exists, unreadable (also:
/// stopped), tampered (the file is not the one with that hash).
[[nodiscard]] Result<Digest> archive_file(const std::filesystem::path& file, const std::filesystem::path& to,
                                          const Digest& sha256, const std::stop_token& stop = {});

/// Whether segments can be archived in that folder, as far as can be told without writing. It is not made:
/// where a disk is not mounted, that would be a folder on another one. Errors: missing, unreadable (this user
/// may not write there).
[[nodiscard]] Result<void> check_archive(const std::filesystem::path& folder);

}  // namespace tallygate::audit
