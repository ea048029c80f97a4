#pragma once
/// A bundle: a stretch of the record that verifies without this software.

#include "audit/journal/failure.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace tallygate::audit {

/// What to export: entries recorded in [from_ns, to_ns), since 1970.
struct ExportRequest {
  std::filesystem::path journal;
  std::filesystem::path folder;  ///< must not exist
  std::optional<std::int64_t> from_ns;
  std::optional<std::int64_t> to_ns;
};

/// What was exported.
struct ExportReport {
  std::uint64_t entries = 0;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t size = 0;      ///< of the checkpoint
  std::string signed_by;       ///< vkey
  std::string entries_sha256;  ///< of entries.jsonl, hex
};

/// Writes the folder: entries.jsonl, checkpoint, path.txt, keys.txt, bundle.json, README.md, verify.py;
/// README.md says what each is. The checkpoint is the first over them by a key that counts. Memory does not
/// grow with the number of entries, but by their gaps. On any error the folder is removed again. Errors:
/// exists (the folder), missing (no entry in that time, no checkpoint over them), tampered, unreadable.
[[nodiscard]] Result<ExportReport> export_bundle(const ExportRequest& request);

}  // namespace tallygate::audit
