#pragma once
/// Keys that retirements say they destroyed without a grant, held against what the record shows of them.

#include "audit/journal/hash.hpp"
#include "audit/proof/entry_facts.hpp"
#include "audit/proof/findings.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tallygate::audit {

/// What a `journal.retire` says: the bodies of the segment [first, last] are gone by a rule.
struct RetireClaim {
  std::uint64_t seq = 0;  ///< of the journal.retire
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  Digest stub{};  ///< SHA-256 of the file that took the segment's place
  std::int64_t time_ns = 0;
  bool archived = false;
  std::vector<UuidBytes> erased;  ///< keys that it says it destroyed
};

/// An event that was sealed and on its way when its key ended is recorded up to so long afterwards.
inline constexpr std::int64_t on_its_way_max_ns = 600'000'000'000;

/// The keys that a `journal.retire` names in its member `erased`; nothing where that is no list of 1 to 256
/// UUIDs. `json` is canonical.
[[nodiscard]] std::optional<std::vector<UuidBytes>> read_erased(std::string_view json);

/// Remembers keys in 4 MiB, however many there are: it may take a key for one that it was given, and never
/// the other way.
class KeyFilter {
 public:
  void add(std::span<const UuidBytes> keys);
  [[nodiscard]] bool may_hold(const UuidBytes& key) const;

 private:
  static constexpr unsigned index_bits = 25;
  static constexpr std::size_t word_bits = 64;
  using Places = std::array<std::size_t, 4>;
  [[nodiscard]] static Places places(const UuidBytes& key) noexcept;

  std::vector<std::uint64_t> words_ = std::vector<std::uint64_t>((std::size_t{1} << index_bits) / word_bits);
};

/// Judges the keys of all retirements of a record. What their bodies said went with them: so what is looked
/// for is what an honest retirement leaves no trace of. One thread.
class ErasedCheck {
 public:
  /// `retired` in the order of the record, and the keys that any entry which is there is under.
  ErasedCheck(std::span<const RetireClaim> retired, const KeyFilter& used);

  /// Whether an entry may be under such a key: then all entries are to be given to take().
  [[nodiscard]] bool looks_for_any() const noexcept { return !sought_.empty(); }

  /// An entry that is there; in any order, and as often as it is read.
  void take(std::uint64_t seq, std::string_view body);

  /// What was found. Every body before `whole_end` is there: which keys these entries were ever under is
  /// known.
  [[nodiscard]] Findings finish(std::uint64_t whole_end);

 private:
  enum class Fault : std::uint8_t { person, in_use, unknown };
  struct Told {
    std::string first;
    std::set<UuidBytes> keys;
  };
  void judge_count();
  [[nodiscard]] bool is_retired(std::uint64_t seq, std::uint64_t by) const;
  void fault(const RetireClaim& claim, Fault what, const UuidBytes& key, const std::string& detail);

  std::span<const RetireClaim> retired_;
  std::map<UuidBytes, std::vector<const RetireClaim*>> sought_;
  std::map<UuidBytes, std::uint64_t> first_use_;  // of those that are sought
  std::map<std::pair<std::uint64_t, Fault>, Told> told_;
};

}  // namespace tallygate::audit
