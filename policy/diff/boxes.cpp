#include "policy/diff/boxes.hpp"

#include <map>
#include <utility>

namespace tallygate::policy::diff {

std::vector<Box> merge(const std::vector<std::vector<std::size_t>>& cells) {
  std::vector<Box> boxes;
  boxes.reserve(cells.size());
  for (const std::vector<std::size_t>& cell : cells) {
    Box& box = boxes.emplace_back();
    for (const std::size_t choice : cell) {
      box.push_back(std::uint64_t{1} << choice);
    }
  }
  // Boxes that differ in one dimension alone become one; they stay apart from all others.
  const std::size_t dimensions = cells.empty() ? 0 : cells.front().size();
  for (std::size_t dimension = 0; dimension < dimensions; ++dimension) {
    std::map<Box, std::uint64_t> alike;
    for (Box& box : boxes) {
      const std::uint64_t bits = std::exchange(box[dimension], 0);
      alike[std::move(box)] |= bits;
    }
    boxes.clear();
    for (const auto& [rest, bits] : alike) {
      boxes.push_back(rest);
      boxes.back()[dimension] = bits;
    }
  }
  return boxes;
}

}  // namespace tallygate::policy::diff
