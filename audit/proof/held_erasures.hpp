#pragma once
/// Erasures of people, held against the holds that were in force: of what is held nothing may be taken.

#include "audit/journal/hash.hpp"
#include "audit/proof/entry_facts.hpp"
#include "audit/proof/erased_keys.hpp"
#include "audit/proof/findings.hpp"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

/// A hold that was in force.
struct HeldStretch {
  std::string name;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

/// A `journal.erase` that came while anything was held.
struct ErasureClaim {
  std::uint64_t seq = 0;
  UuidBytes subject{};
  std::vector<HeldStretch> holds;
};

/// Looks for entries under a person's key that were held when it was destroyed. What follows the erasure was
/// on its way, and was never read by anybody; bodies that were retired tell nothing. One thread.
class HeldErasures {
 public:
  /// `claims` outlive it; `used` holds the keys that any entry which is there is under.
  HeldErasures(std::span<const ErasureClaim> claims, const KeyFilter& used);

  /// Whether an entry may be under such a key: then all entries are to be given to take().
  [[nodiscard]] bool looks_for_any() const noexcept { return !sought_.empty(); }

  /// An entry that is there; in any order, and as often as it is read.
  void take(std::uint64_t seq, std::string_view body);

  /// `erased-under-hold`, one for each erasure.
  [[nodiscard]] Findings finish() const;

 private:
  std::multimap<UuidBytes, const ErasureClaim*> sought_;
  std::map<std::uint64_t, std::string> found_;  // by the erasure: in words
};

}  // namespace tallygate::audit
