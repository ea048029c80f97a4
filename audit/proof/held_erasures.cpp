#include "audit/proof/held_erasures.hpp"

#include <algorithm>

namespace tallygate::audit {

HeldErasures::HeldErasures(std::span<const ErasureClaim> claims, const KeyFilter& used) {
  for (const ErasureClaim& claim : claims) {
    if (used.may_hold(claim.subject)) {
      sought_.emplace(claim.subject, &claim);
    }
  }
}

void HeldErasures::take(std::uint64_t seq, std::string_view body) {
  const auto entry = read_entry(body);
  if (!entry || !entry->subject) {
    return;
  }
  const auto [begin, end] = sought_.equal_range(*entry->subject);
  for (auto one = begin; one != end; ++one) {
    const ErasureClaim& claim = *one->second;
    const auto hold = std::find_if(claim.holds.begin(), claim.holds.end(), [seq](const HeldStretch& held) {
      return held.first <= seq && seq <= held.last;
    });
    if (seq < claim.seq && hold != claim.holds.end()) {
      found_.try_emplace(claim.seq, "entry " + std::to_string(claim.seq) + " erases a person whose entry " +
                                        std::to_string(seq) + " was under the hold " + hold->name);
    }
  }
}

Findings HeldErasures::finish() const {
  Findings findings;
  for (const auto& [seq, text] : found_) {
    findings.add(seq, "erased-under-hold", text);
  }
  return findings;
}

}  // namespace tallygate::audit
