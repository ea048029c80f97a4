// Whether stubs keep what they must.

#include "audit/proof/pipeline.hpp"

namespace tallygate::audit {

// Whoever has today's key can record a retirement and the hash of a stub of his own making: one without the
// holds and revocations of yesterday. Yesterday's seal says which bodies it must have.
void Pipeline::judge_staying() {
  std::uint64_t silent = 0;
  for (const PlannedSegment& segment : plan_.segments) {
    const auto seal = sealed_.find(segment.file.first);
    if (!segment.stub || seal == sealed_.end() || seal->second.last + 1 != segment.end) {
      continue;  // of a stub without its seal there is a finding
    }
    if (seal->second.stays) {
      judge_staying(segment, seal->second);
    } else {
      ++silent;
    }
  }
  if (silent > 0) {
    state_.remark(
        std::to_string(silent) + (silent == 1 ? " segment was" : " segments were") +
        " retired whose seal, as an earlier version made it, does not say which bodies stay: that all "
        "of them did cannot be told");
  }
}

void Pipeline::judge_staying(const PlannedSegment& stub, const SealClaim& seal) {
  StayingBodies bodies;
  for_segments(
      plan_, stub.file.first, stub.end, [&](std::size_t segment, std::int64_t from, std::int64_t to) {
        const auto read = own_.with_segment(segment, [&](SegmentReader& reader) {
          bodies = StayingBodies();
          return reader.entries(from, to, [&](std::int64_t, std::string_view body) {
            bodies.add(sha_, body);
            return true;
          });
        });
        if (!read) {
          outcome_.findings.add(static_cast<std::uint64_t>(from), "segment-unreadable", read.error().message);
        }
      });
  const Stays there = bodies.told(sha_);
  if (there != *seal.stays) {
    outcome_.findings.add(stub.file.first, "bodies-missing",
                          stub.file.path.filename().string() + " keeps " + std::to_string(there.count) +
                              " bodies, and entry " + std::to_string(seal.seq) + " says that " +
                              std::to_string(seal.stays->count) + " stay" +
                              (there.count == seal.stays->count ? ", others than these" : ""));
  }
}

}  // namespace tallygate::audit
