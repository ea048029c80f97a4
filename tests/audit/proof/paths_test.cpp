// Proofs from stored subtrees against those from the leaves themselves.
#include "audit/proof/paths.hpp"

#include "audit/journal/tree.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace tallygate::audit {
namespace {

constexpr std::size_t tree_sizes = 70;

class Paths : public testing::Test {
 protected:
  Paths() {
    for (std::size_t i = 0; i < tree_sizes; ++i) {
      leaves_.push_back(sha_.leaf(std::to_string(i)));
    }
  }
  NodeSource nodes(std::size_t size) {
    return [this, size](unsigned height, std::uint64_t index) -> Result<Digest> {
      const std::size_t first = index << height;
      const std::size_t count = std::size_t{1} << height;
      if (first + count > size) {
        return fail(FailureKind::missing, "asked for what is not in the tree");
      }
      return tree_root(sha_, std::span(leaves_).subspan(first, count));
    };
  }
  std::span<const Digest> first(std::size_t size) { return std::span(leaves_).first(size); }

  Sha256 sha_;
  std::vector<Digest> leaves_;
};

TEST_F(Paths, InclusionIsThatFromTheLeavesForEveryLeafOfEveryTree) {
  for (std::size_t size = 1; size <= tree_sizes; ++size) {
    for (std::size_t index = 0; index < size; ++index) {
      EXPECT_EQ(inclusion_from(sha_, nodes(size), index, size).value(),
                inclusion_proof(sha_, first(size), index))
          << index << " of " << size;
    }
  }
}

TEST_F(Paths, ConsistencyIsThatFromTheLeavesBetweenAnyTwoTrees) {
  for (std::size_t size = 0; size <= tree_sizes; ++size) {
    for (std::size_t old_size = 0; old_size <= size; ++old_size) {
      EXPECT_EQ(consistency_from(sha_, nodes(size), old_size, size).value(),
                consistency_proof(sha_, first(size), old_size))
          << old_size << " to " << size;
    }
  }
}

TEST_F(Paths, WhatIsNotInTheTreeIsRefused) {
  EXPECT_FALSE(inclusion_from(sha_, nodes(8), 8, 8));
  EXPECT_FALSE(inclusion_from(sha_, nodes(0), 0, 0));
  EXPECT_FALSE(consistency_from(sha_, nodes(8), 9, 8));
}

TEST_F(Paths, AFaultOfTheSourceIsTheFaultOfTheProof) {
  const NodeSource broken = [](unsigned, std::uint64_t) -> Result<Digest> {
    return fail(FailureKind::unreadable, "no disk");
  };
  EXPECT_EQ(inclusion_from(sha_, broken, 3, 9).error().message, "no disk");
  EXPECT_EQ(consistency_from(sha_, broken, 3, 9).error().message, "no disk");
}

// Each set of entries of each small tree: what is left out is made up for by the roots of the largest parts.
TEST_F(Paths, WhatIsNotThereIsMadeUpForByTheRootsOfTheLargestPartsWithoutIt) {
  for (std::uint64_t size = 1; size <= 9; ++size) {
    const Digest root = tree_root(sha_, first(size));
    for (std::uint64_t chosen = 0; chosen < std::uint64_t{1} << size; ++chosen) {
      std::vector<EntryRange> ranges;
      for (std::uint64_t i = 0; i < size; ++i) {
        if ((chosen >> i & 1U) == 0) {
          continue;
        }
        if (ranges.empty() || ranges.back().second != i) {
          ranges.emplace_back(i, i);
        }
        ranges.back().second = i + 1;
      }
      const auto hashes = complement_from(sha_, nodes(size), ranges, size).value();
      const auto parts = complement_parts(ranges, size);
      ASSERT_EQ(hashes.size(), parts.size());
      PartialTree tree(size);
      std::size_t next = 0;
      for (std::uint64_t at = 0; at < size;) {
        const bool given = next < parts.size() && parts[next].first == at;
        const EntryRange part = given ? parts[next] : EntryRange(at, at + 1);
        ASSERT_TRUE(tree.add(sha_, part, given ? hashes[next] : leaves_[at]));
        next += given ? 1 : 0;
        at = part.second;
      }
      EXPECT_EQ(tree.root(), root) << size << " leaves, " << chosen;
    }
  }
}

TEST_F(Paths, APartialTreeTakesNoPartOutOfItsPlace) {
  PartialTree tree(4);
  EXPECT_FALSE(tree.add(sha_, {1, 2}, Digest{}));
  EXPECT_TRUE(tree.add(sha_, {0, 2}, Digest{}));
  EXPECT_FALSE(tree.add(sha_, {2, 2}, Digest{}));
  EXPECT_FALSE(tree.add(sha_, {2, 5}, Digest{}));
  EXPECT_FALSE(tree.root());
  EXPECT_TRUE(tree.add(sha_, {2, 4}, Digest{}));
  EXPECT_TRUE(tree.root());
}

}  // namespace
}  // namespace tallygate::audit
