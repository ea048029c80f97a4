// Keys that retirements and erasures say they destroyed. Where an entry may still be under one that a
// retirement ended, or under a person's that was erased while anything was held, all are read once more.

#include "audit/proof/erased_keys.hpp"
#include "audit/proof/held_erasures.hpp"
#include "audit/proof/pipeline.hpp"

#include <algorithm>

namespace tallygate::audit {
namespace {

// The bodies of all entries before that are there.
std::uint64_t whole_end(const VerifyPlan& plan) {
  std::uint64_t end = 0;
  for (const PlannedSegment& segment : plan.segments) {
    if (!segment.readable || segment.stub || segment.file.first != end) {
      break;
    }
    end = segment.end;
  }
  return end;
}

}  // namespace

void Pipeline::judge_erased() {
  ErasedCheck check(state_.retired(), subjects_);
  HeldErasures held(state_.erasures(), subjects_);
  const bool looks = check.looks_for_any() || held.looks_for_any();
  for (const PlannedSegment& segment : plan_.segments) {
    for (std::uint64_t first = segment.file.first; looks && first < segment.end; first += chunk_entries) {
      const std::uint64_t end = std::min(first + chunk_entries, segment.end);
      for_segments(plan_, first, end, [&](std::size_t index, std::int64_t from, std::int64_t to) {
        const auto read = own_.with_segment(index, [&](SegmentReader& reader) {
          return reader.entries(from, to, [&](std::int64_t seq, std::string_view body) {
            check.take(static_cast<std::uint64_t>(seq), body);
            held.take(static_cast<std::uint64_t>(seq), body);
            return true;
          });
        });
        if (!read) {
          outcome_.findings.add(static_cast<std::uint64_t>(from), "segment-unreadable", read.error().message);
        }
      });
      own_.rest();
    }
  }
  outcome_.findings.add(check.finish(whole_end(plan_)));
  outcome_.findings.add(held.finish());
}

}  // namespace tallygate::audit
