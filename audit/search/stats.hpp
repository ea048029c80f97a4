#pragma once
/// Counts over a stretch of a journal.

#include "audit/search/query.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tallygate::audit {

/// Different values that one heading counts singly; what comes later is counted as "(others)".
inline constexpr std::size_t stats_values_max = 10'000;

/// Counts of entries by four headings. Values are as recorded: hostile.
class Stats {
 public:
  using Counts = std::map<std::string, std::uint64_t>;

  void add(const EntryRow& row);

  [[nodiscard]] std::uint64_t entries() const noexcept { return entries_; }
  [[nodiscard]] const Counts& kinds() const noexcept { return kinds_; }
  [[nodiscard]] const Counts& users() const noexcept { return users_; }  ///< by their subjects
  [[nodiscard]] const Counts& routes() const noexcept { return routes_; }
  [[nodiscard]] const Counts& days() const noexcept { return days_; }  ///< UTC, "2026-01-31"

 private:
  std::uint64_t entries_ = 0;
  Counts kinds_;
  Counts users_;
  Counts routes_;
  Counts days_;
};

/// The counts, largest first, at most `limit`; equal ones by name.
[[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> largest(const Stats::Counts& counts,
                                                                         std::size_t limit);

}  // namespace tallygate::audit
