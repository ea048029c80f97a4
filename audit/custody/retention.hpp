#pragma once
/// Which segments may be retired (journal.md §7). Nothing here changes anything.

#include "audit/custody/retention_memory.hpp"
#include "audit/journal/clock.hpp"
#include "audit/journal/failure.hpp"
#include "audit/journal/folder.hpp"
#include "audit/journal/seal.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

namespace tallygate::audit {

/// How long entries are kept. Retention works on whole segments: a segment stays as long as the entry in it
/// that is to be kept longest. Entries whose bodies a stub keeps do not count, since they never go; a segment
/// of nothing else is judged by `keep`.
struct KeepRules {
  std::chrono::seconds keep{0};                       ///< what no other rule names
  std::map<std::string, std::chrono::seconds> kinds;  ///< by kind, or the group before its dot
  std::map<std::string, std::chrono::seconds>
      routes;  ///< by route; of a route and a kind the longer one counts
};

/// A sealed segment, as retention sees it.
struct SegmentStanding {
  SegmentFile file;
  Seal seal;
  Time sealed{};
  bool due = false;
  bool recorded = false;   ///< a journal.retire names it, but its file is still whole: to be finished
  Digest stub{};           ///< where it is recorded: of the file that is to take its place
  bool shortened = false;  ///< due before the charter's retention is over: a grant is needed
  bool faulty = false;     ///< it is not as it was sealed: nothing is done with it
  std::string why_not;     ///< where it is not due
};

/// How long an entry of that class is kept.
[[nodiscard]] std::chrono::seconds keep_of(const KeepRules& rules, const EntryClass& one);

/// All sealed segments that are no stubs, oldest first. `now` is the wall clock's time. With the `memory` of
/// an earlier call only what is new is read, and what the rules need of segments that come of age. Errors:
/// missing, unreadable (also: `stop` was requested), tampered (the charter). A segment that was altered
/// spoils the judgement of no other; those that begin before `from` are left out.
[[nodiscard]] Result<std::vector<SegmentStanding>> judge_retention(const std::filesystem::path& journal,
                                                                   const KeepRules& rules, Time now,
                                                                   RetentionMemory& memory,
                                                                   const std::stop_token& stop = {},
                                                                   std::uint64_t from = 0);

}  // namespace tallygate::audit
