#pragma once
/// A journal's folder, by names alone.

#include "audit/journal/failure.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace tallygate::audit {

/// A segment as its name tells it.
struct SegmentFile {
  std::filesystem::path path;
  std::uint64_t first = 0;  ///< seq of its first entry
};

/// The seq in a segment's name, `NNNNNNNNNNNN.db`; nothing for every other name.
[[nodiscard]] std::optional<std::uint64_t> segment_first(const std::string& name) noexcept;

/// What is said where the segment with these entries is not there, or the first of those that had them; and
/// what a crash left that may be it.
[[nodiscard]] std::string segment_missing(const std::filesystem::path& folder, std::uint64_t first,
                                          std::uint64_t last);

/// The segments of a folder, by their first entry. Names that are no segment's are left out.
/// Errors: missing (no such folder), unreadable.
[[nodiscard]] Result<std::vector<SegmentFile>> list_segments(const std::filesystem::path& folder);

}  // namespace tallygate::audit
