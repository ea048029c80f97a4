#include "audit/search/stats.hpp"

#include <algorithm>

namespace tallygate::audit {
namespace {

constexpr std::size_t date_size = 10;  // "2026-01-31"

void count(Stats::Counts& counts, const std::string& value) {
  if (value.empty()) {
    return;
  }
  const bool room = counts.size() < stats_values_max || counts.contains(value);
  ++counts[room ? value : "(others)"];
}

}  // namespace

void Stats::add(const EntryRow& row) {
  ++entries_;
  count(kinds_, row.kind);
  count(users_, row.person);
  count(routes_, row.route);
  count(days_, row.time.substr(0, date_size));
}

std::vector<std::pair<std::string, std::uint64_t>> largest(const Stats::Counts& counts, std::size_t limit) {
  std::vector<std::pair<std::string, std::uint64_t>> all(counts.begin(), counts.end());
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  if (all.size() > limit) {
    all.resize(limit);
  }
  return all;
}

}  // namespace tallygate::audit
