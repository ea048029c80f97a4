#include "audit/journal/folder_look.hpp"

#include "audit/journal/folder.hpp"

#include <algorithm>

namespace tallygate::audit {

Result<FolderLook::Files> FolderLook::list(const std::filesystem::path& folder) {
  const auto segments = list_segments(folder);
  if (!segments) {
    return segments.error();
  }
  Files files;
  files.reserve(segments->size());
  for (const SegmentFile& segment : *segments) {
    const auto identity = identify(segment.path);
    files.emplace_back(segment.first, identity ? std::optional(*identity) : std::nullopt);
  }
  return files;
}

Result<FolderLook> FolderLook::take(const std::filesystem::path& folder) {
  auto files = list(folder);
  return files ? Result<FolderLook>(FolderLook(folder, std::move(*files))) : files.error();
}

bool FolderLook::replaced() const {
  const auto now = list(folder_);
  return !now || now->size() < files_.size() || !std::equal(files_.begin(), files_.end(), now->begin());
}

bool FolderLook::changed() const {
  const auto now = list(folder_);
  return !now || *now != files_;
}

}  // namespace tallygate::audit
