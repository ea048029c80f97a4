#include "audit/proof/key_ranges.hpp"

#include <algorithm>

namespace tallygate::audit {

bool KeyRanges::rotate(VerifyKey next, std::uint64_t size, bool granted, std::optional<Prefix> after) {
  const bool served = std::any_of(ranges_.begin(), ranges_.end(),
                                  [&next](const KeyRange& range) { return range.key.key == next.key; });
  if (served || ranges_.empty()) {
    return false;
  }
  // Out of turn the old key is lost or stolen: it signs no more, not even the handing over.
  ranges_.back().until = granted ? size - 1 : size;
  ranges_.push_back({std::move(next), size});
  ranges_.back().granted = granted;
  ranges_.back().after = after;
  establish();
  return true;
}

void KeyRanges::disown(std::uint64_t size) {
  for (std::size_t i = 1; i < ranges_.size(); ++i) {
    ranges_[i].granted = ranges_[i].granted && ranges_[i].from != size;
  }
  establish();
}

bool KeyRanges::revoke(const std::string& vkey, std::uint64_t size, std::uint64_t seq) {
  for (KeyRange& range : ranges_) {
    if (range.key.vkey() == vkey) {
      range.revoked_from = std::min(range.revoked_from, size);
      range.revoked_at = std::min(range.revoked_at, seq);
      establish();
      return true;
    }
  }
  return false;
}

void KeyRanges::establish() {
  for (std::size_t i = 1; i < ranges_.size(); ++i) {
    ranges_[i].established = ranges_[i].granted || ranges_[i - 1].counts_at(ranges_[i].from);
  }
}

SignatureVerdict KeyRanges::judge(const Note& note, std::uint64_t size) const {
  SignatureVerdict verdict;
  std::vector<bool> has_signed(ranges_.size(), false);
  for (const SignatureLine& line : note.lines) {
    const auto range = std::find_if(ranges_.begin(), ranges_.end(), [&line](const KeyRange& r) {
      return r.key.id == line.id && r.key.name == line.name;
    });
    if (range == ranges_.end()) {
      if (!ranges_.empty() && line.name == ranges_.front().key.name) {
        verdict.unknown_ids.push_back(line.id);
      }
      continue;
    }
    const auto index = static_cast<std::size_t>(range - ranges_.begin());
    if (!range->key.key.verify(note.text, line.signature)) {
      verdict.faults.push_back(
          {"checkpoint-signature", "the signature of " + range->key.vkey() + " is wrong"});
    } else if (size < range->from || size > range->until) {
      verdict.faults.push_back(
          {"key-out-of-range",
           "it is signed by " + range->key.vkey() + ", whose turn is from size " +
               std::to_string(range->from) +
               (range->until == KeyRange::never ? std::string(" on")
                                                : " to " + std::to_string(range->until))});
    } else {
      has_signed[index] = true;
    }
  }
  std::optional<std::size_t> revoked_before;  // by an entry that the checkpoint covers
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    if (size < ranges_[i].from || size > ranges_[i].until) {
      continue;
    }
    if (!has_signed[i] && verdict.faults.empty()) {
      verdict.faults.push_back({"checkpoint-unsigned", "it has no signature of " + ranges_[i].key.vkey()});
    } else if (has_signed[i] && ranges_[i].counts_at(size)) {
      verdict.signer = i;
    } else if (has_signed[i]) {
      verdict.revoked = i;
      revoked_before = size > ranges_[i].revoked_at ? std::optional(i) : revoked_before;
    }
  }
  if (revoked_before && !verdict.signer && verdict.faults.empty()) {
    verdict.faults.push_back(
        {"key-revoked", "it is signed by " + ranges_[*revoked_before].key.vkey() + ", which was revoked"});
  }
  return verdict;
}

}  // namespace tallygate::audit
