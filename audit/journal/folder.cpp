#include "audit/journal/folder.hpp"

#include "audit/journal/schema.hpp"

#include <algorithm>
#include <system_error>

namespace tallygate::audit {
namespace {

constexpr std::size_t segment_digits = 12;

}  // namespace

std::optional<std::uint64_t> segment_first(const std::string& name) noexcept {
  if (name.size() != segment_digits + 3 || !name.ends_with(".db")) {
    return std::nullopt;
  }
  std::uint64_t first = 0;
  for (std::size_t i = 0; i < segment_digits; ++i) {
    if (name[i] < '0' || name[i] > '9') {
      return std::nullopt;
    }
    first = first * 10 + static_cast<std::uint64_t>(name[i] - '0');
  }
  return first;
}

std::string segment_missing(const std::filesystem::path& folder, std::uint64_t first, std::uint64_t last) {
  const std::string name = segment_name(first);
  std::string text = folder.string() + ": entries " + std::to_string(first) + " to " + std::to_string(last) +
                     " are missing: the segment " + name + " is not there";
  for (const std::string& copy : {name + ".new", name + ".sealed.new"}) {
    std::error_code error;
    if (std::filesystem::exists(std::filesystem::symlink_status(folder / copy, error))) {
      text += ", and " + copy + " may be the only copy of it";
    }
  }
  return text;
}

Result<std::vector<SegmentFile>> list_segments(const std::filesystem::path& folder) {
  std::error_code error;
  std::vector<SegmentFile> segments;
  std::filesystem::directory_iterator entries(folder, error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    if (const auto first = segment_first(entries->path().filename().string())) {
      segments.push_back({entries->path(), *first});
    }
  }
  if (error) {
    const bool missing = error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory;
    return fail(missing ? FailureKind::missing : FailureKind::unreadable,
                folder.string() + ": cannot read the journal's folder: " + error.message());
  }
  std::sort(segments.begin(), segments.end(),
            [](const SegmentFile& a, const SegmentFile& b) { return a.first < b.first; });
  return segments;
}

}  // namespace tallygate::audit
