#include "policy/language/nearest.hpp"

#include <algorithm>
#include <cstddef>

namespace tallygate::policy {
namespace {

constexpr std::size_t compared_bytes_max = 64;

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Optimal string alignment distance, letter case aside; `limit` where it is that or more. Three rows are
/// enough, and of each the cells near the diagonal.
std::size_t distance(std::string_view left, std::string_view right, std::size_t limit) {
  std::vector<std::size_t> before(right.size() + 1);
  std::vector<std::size_t> above(right.size() + 1);
  std::vector<std::size_t> row(right.size() + 1);
  for (std::size_t j = 0; j <= right.size(); ++j) {
    above[j] = j;
  }
  for (std::size_t i = 1; i <= left.size(); ++i) {
    const std::size_t first = i > limit ? i - limit : 1;
    const std::size_t last = std::min(right.size(), i + limit);
    row[first - 1] = first == 1 ? i : limit;
    std::size_t least = row[first - 1];
    for (std::size_t j = first; j <= last; ++j) {
      const bool same = lower(left[i - 1]) == lower(right[j - 1]);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && lower(left[i - 1]) == lower(right[j - 2]) &&
          lower(left[i - 2]) == lower(right[j - 1])) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
      least = std::min(least, row[j]);
    }
    if (least >= limit) {
      return limit;
    }
    if (last < right.size()) {
      row[last + 1] = limit;
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return std::min(above[right.size()], limit);
}

}  // namespace

std::optional<std::string_view> nearest(std::string_view name, std::span<const std::string> known) {
  if (name.empty() || name.size() > compared_bytes_max) {
    return std::nullopt;
  }
  std::size_t best = std::clamp<std::size_t>(name.size() / 3, 1, 3) + 1;
  std::optional<std::string_view> found;
  for (const std::string& candidate : known) {
    if (candidate.size() + best <= name.size() || name.size() + best <= candidate.size()) {
      continue;
    }
    const std::size_t far = distance(name, candidate, best);
    if (far < best) {
      best = far;
      found = candidate;
    }
  }
  return found;
}

std::string did_you_mean(std::string_view name, std::span<const std::string> known) {
  const auto found = nearest(name, known);
  return found ? "; did you mean '" + std::string(*found) + "'?" : std::string();
}

}  // namespace tallygate::policy
