#pragma once
/// Which entries a bundle holds: those that were asked for, and those that show that none of them is missing.

#include "audit/proof/paths.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

/// Receives an entry that belongs into the bundle; false ends the reading.
using TakeEntry = std::function<bool(std::uint64_t seq, std::string_view body)>;

/// Chooses while the record is read from its beginning: entries recorded in [from_ns, to_ns), the entry
/// before and the one after each run of them, whose times show where the run begins and ends, and each
/// `journal.retire` that says where the bodies between them went. Clocks may step back by some seconds, so
/// each entry is judged by its own time. One thread.
class ExportChoice {
 public:
  ExportChoice(std::optional<std::int64_t> from_ns, std::optional<std::int64_t> to_ns)
      : from_ns_(from_ns), to_ns_(to_ns) {}

  /// Looks at the next entry, in order of `seq`; hands over what now belongs into the bundle. False: `take`
  /// said so.
  [[nodiscard]] bool look_at(std::uint64_t seq, std::string_view body, const TakeEntry& take);

  /// What was handed over, as [first, end) of numbers that follow each other.
  [[nodiscard]] const std::vector<EntryRange>& ranges() const noexcept { return ranges_; }
  /// How many entries that is.
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

 private:
  [[nodiscard]] bool add(std::uint64_t seq, std::string_view body, const TakeEntry& take);
  [[nodiscard]] bool reaches_into_a_gap(const EntryRange& retired) const;  // [first, last]

  std::optional<std::int64_t> from_ns_;
  std::optional<std::int64_t> to_ns_;
  std::optional<std::uint64_t> before_;  // the entry just read, where it was not handed over
  std::string before_body_;
  bool run_ends_here_ = false;  // the entry just read was asked for
  std::vector<EntryRange> ranges_;
  std::uint64_t count_ = 0;
};

}  // namespace tallygate::audit
