#pragma once
/// What there is to verify: segments, their extents, the charter.

#include "audit/journal/charter.hpp"
#include "audit/journal/file.hpp"
#include "audit/journal/folder.hpp"
#include "audit/proof/findings.hpp"
#include "audit/proof/record_state.hpp"
#include "audit/proof/segment_reader.hpp"
#include "audit/proof/verify.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tallygate::audit {

/// A segment and the part of the record that is its own.
struct PlannedSegment {
  SegmentFile file;
  std::filesystem::path source;                ///< what is read: the file, or a settled copy of it
  std::shared_ptr<TemporaryFolder> copied_to;  ///< holds that copy
  std::uint64_t end = 0;                       ///< seq after its last entry
  bool readable = false;                       ///< its tables can be read
  bool last = false;
  bool stub = false;                     ///< it says that its bodies were retired
  std::optional<FileIdentity> identity;  ///< of the file when it was looked at
};

/// Everything that is settled before the entries are read.
struct VerifyPlan {
  std::vector<PlannedSegment> segments;
  std::uint64_t end = 0;  ///< seq after the last entry of the record
  std::vector<std::pair<std::uint64_t, std::uint64_t>>
      absent;                     ///< [first, end) whose absence is reported already
  std::uint64_t settled_end = 0;  ///< chunks up to here are of a record that was verified before
  RecordTerms terms;
  bool charter_holds = false;  ///< the charter is signed by the root that was given

  /// Whether the absence of an entry was reported with its segment, or is for its stub to answer for.
  [[nodiscard]] bool is_absent(std::uint64_t seq) const noexcept;
};

/// Calls `each` with the index of every readable segment that has entries in [first, end), and the part of it
/// that lies there.
template <typename Each>
void for_segments(const VerifyPlan& plan, std::uint64_t first, std::uint64_t end, const Each& each) {
  auto segment = std::partition_point(plan.segments.begin(), plan.segments.end(),
                                      [first](const PlannedSegment& s) { return s.end <= first; });
  for (; segment != plan.segments.end() && segment->file.first < end; ++segment) {
    const std::uint64_t from = std::max(first, segment->file.first);
    const std::uint64_t to = std::min(end, segment->end);
    if (segment->readable && from < to) {
      each(static_cast<std::size_t>(segment - plan.segments.begin()), static_cast<std::int64_t>(from),
           static_cast<std::int64_t>(to));
    }
  }
}

/// Looks at folder, files and charter. Errors: missing, unreadable (the folder, or a segment that says that
/// it is of a later format).
[[nodiscard]] Result<VerifyPlan> make_plan(const VerifyOptions& options, Findings& findings);

/// What became of the files of a plan. A retirement puts a stub in a segment's place, and who read the folder
/// before takes that for an attack.
enum class FilesNow {
  same,      ///< each is the very file that was looked at
  longer,    ///< and there are further segments behind them
  replaced,  ///< one is another file, or gone; or the folder cannot be read
};
[[nodiscard]] FilesNow files_now(const VerifyPlan& plan, const std::filesystem::path& journal);

}  // namespace tallygate::audit
