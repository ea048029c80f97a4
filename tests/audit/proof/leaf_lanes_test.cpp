// Hashes side by side are the hashes one after the other.

#include "audit/proof/leaf_lanes.hpp"

#include "tests/support/seed.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace tallygate::audit {
namespace {

std::string random_body(std::mt19937_64& random, std::size_t bytes) {
  std::string body(bytes, '\0');
  for (char& c : body) {
    c = static_cast<char>(random());
  }
  return body;
}

TEST(LeafLanes, HashAsOneByOneWhateverTheLengthsBesideEachOther) {
  const std::uint64_t seed = tallygate::testing::test_seed();
  std::mt19937_64 random(seed);
  LeafLanes lanes;
  Sha256 sha;
  for (int round = 0; round < 40; ++round) {
    std::vector<std::string> bodies;
    const std::size_t count = random() % 200;
    for (std::size_t i = 0; i < count; ++i) {
      // Around the ends of blocks, of ordinary length, and beyond what goes into a lane.
      const std::size_t bytes = i % 3 == 0    ? random() % 130
                                : i % 50 == 1 ? 65'500 + random() % 80
                                              : random() % 3000;
      bodies.push_back(random_body(random, bytes));
    }
    std::vector<Digest> leaves(count);
    for (std::size_t i = 0; i < count; ++i) {
      lanes.add(bodies[i], leaves[i]);
    }
    lanes.finish();
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(leaves[i], sha.leaf(bodies[i]))
          << bodies[i].size() << " bytes; " << tallygate::testing::how_to_repeat(seed);
    }
  }
}

TEST(LeafLanes, WhatWasDroppedIsNotWritten) {
  LeafLanes lanes;
  Digest leaf{};
  lanes.add("a", leaf);
  lanes.drop();
  lanes.finish();
  if (lanes.engine() == "ipsec-mb") {
    EXPECT_EQ(leaf, Digest{});
  }
  lanes.add("b", leaf);
  lanes.finish();
  EXPECT_EQ(leaf, Sha256().leaf("b"));
}

TEST(LeafLanes, GoOnWhereTheyWereMovedTo) {
  LeafLanes first;
  Digest leaf{};
  first.add("entry", leaf);
  LeafLanes second = std::move(first);
  second.finish();
  EXPECT_EQ(leaf, Sha256().leaf("entry"));
}

}  // namespace
}  // namespace tallygate::audit
