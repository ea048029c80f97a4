#pragma once
/// Whether a journal's files are still those that were there when reading began.

#include "audit/journal/failure.hpp"
#include "audit/journal/file.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

namespace tallygate::audit {

/// The segments of a folder by device and inode, at one moment. A retirement puts a stub in a segment's
/// place, and a sealing may put a copy there: what was read across that moment is no view of one record.
class FolderLook {
 public:
  /// Errors: missing (no such folder), unreadable.
  [[nodiscard]] static Result<FolderLook> take(const std::filesystem::path& folder);

  /// Whether a segment is another file by now, or gone, or the folder cannot be read.
  [[nodiscard]] bool replaced() const;
  /// The same, or a segment was begun since.
  [[nodiscard]] bool changed() const;

 private:
  using Files = std::vector<std::pair<std::uint64_t, std::optional<FileIdentity>>>;
  FolderLook(std::filesystem::path folder, Files files)
      : folder_(std::move(folder)), files_(std::move(files)) {}
  [[nodiscard]] static Result<Files> list(const std::filesystem::path& folder);

  std::filesystem::path folder_;
  Files files_;  // by the seq of their first entry
};

}  // namespace tallygate::audit
