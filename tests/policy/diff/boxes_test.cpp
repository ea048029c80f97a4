#include "policy/diff/boxes.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace tallygate::policy::diff {
namespace {

using Cell = std::vector<std::size_t>;

/// Every cell of the boxes, as often as it is in one.
std::multiset<Cell> cells_of(const std::vector<Box>& boxes) {
  std::multiset<Cell> out;
  for (const Box& box : boxes) {
    std::vector<Cell> cells{{}};
    for (const std::uint64_t bits : box) {
      std::vector<Cell> longer;
      for (const Cell& cell : cells) {
        for (std::size_t choice = 0; choice < 64; ++choice) {
          if ((bits >> choice & 1U) != 0) {
            longer.push_back(cell);
            longer.back().push_back(choice);
          }
        }
      }
      cells = std::move(longer);
    }
    out.insert(cells.begin(), cells.end());
  }
  return out;
}

TEST(PolicyBoxes, HoldEachCellOnceAndNoOther) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    std::vector<Cell> cells;
    for (std::size_t a = 0; a < 3; ++a) {
      for (std::size_t b = 0; b < 4; ++b) {
        for (std::size_t c = 0; c < 2; ++c) {
          if (random() % 3 != 0) {
            cells.push_back({a, b, c});
          }
        }
      }
    }
    EXPECT_EQ(cells_of(merge(cells)), std::multiset<Cell>(cells.begin(), cells.end())) << "seed " << seed;
  }
}

TEST(PolicyBoxes, MergeAWholeProductIntoOne) {
  std::vector<Cell> cells;
  for (std::size_t a = 0; a < 3; ++a) {
    for (std::size_t b = 0; b < 5; ++b) {
      cells.push_back({a, b});
    }
  }
  EXPECT_EQ(merge(cells), (std::vector<Box>{{0b111, 0b11111}}));
  EXPECT_TRUE(merge({}).empty());
  EXPECT_EQ(merge({{}}), (std::vector<Box>{{}}));
}

}  // namespace
}  // namespace tallygate::policy::diff
