#pragma once
/// A bundle: a stretch of the record that verifies without this software.

#include "audit/journal/failure.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace tallygate::audit {

/// What was exported: the entries of that time, and those that show that none is missing (ExportChoice).
struct ExportReport {
  std::uint64_t entries = 0;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t size = 0;      ///< of the checkpoint
  std::string signed_by;       ///< vkey
  std::string entries_sha256;  ///< of entries.jsonl, hex
};

/// The steps of an export. Those up to `files` are taken again where a segment was retired meanwhile.
enum class ExportStep {
  entries,     ///< the record is open and its size chosen
  proof,       ///< entries.jsonl is written
  files,       ///< the proof is made and checked
  record,      ///< all is written but the checkpoint
  checkpoint,  ///< the export is on record
  name,        ///< the bundle is whole
};

/// What to export: entries recorded in [from_ns, to_ns), since 1970.
struct ExportRequest {
  std::filesystem::path journal;
  std::filesystem::path folder;  ///< must not exist
  std::optional<std::int64_t> from_ns;
  std::optional<std::int64_t> to_ns;
  /// Called when all is written but the checkpoint, with the record closed: what fails here leaves no bundle.
  /// May be empty.
  std::function<Result<void>(const ExportReport&)> before_shown = {};
  /// Is told what an earlier export had left and was removed. May be empty.
  std::function<void(const std::string&)> tell = {};
  /// Where tests inject faults: called before each step, and its error ends the export. May be empty.
  std::function<Result<void>(ExportStep)> at_step = {};
};

/// Writes the folder: entries.jsonl, checkpoint, path.txt, keys.txt, consistency.txt, bundle.json, README.md,
/// verify.py; README.md says what each is, for its owner and the owner's group alone. It is made as
/// FOLDER.partial and renamed: it appears whole, or not at all. What is broken off proves nothing, since the
/// checkpoint is written last, after `before_shown`; the next export of that name removes it. The checkpoint
/// is the first over the entries by a key that counts. The record is read as of one moment: where a segment
/// is retired meanwhile all of it is read again, settled_readings_max times at most. Memory does not grow
/// with the number of entries, but by their gaps. On any error the folder is removed again. Errors: exists
/// (the folder), missing (no entry in that time, no checkpoint over them), tampered, unreadable, and those of
/// `before_shown`.
[[nodiscard]] Result<ExportReport> export_bundle(const ExportRequest& request);

}  // namespace tallygate::audit
