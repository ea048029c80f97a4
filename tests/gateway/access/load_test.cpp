#include "gateway/access/load.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace tallygate::access {
namespace {

TEST(Load, CountsRequestsInAndOut) {
  Load load;
  {
    const Load::Place first = load.enter(2);
    const Load::Place second = load.enter(2);
    EXPECT_TRUE(first && second);
    EXPECT_FALSE(load.enter(2)) << "there is room for two";
    EXPECT_EQ(load.requests(), 2U);
  }
  EXPECT_EQ(load.requests(), 0U);
  EXPECT_TRUE(load.enter(2));
}

TEST(Load, IsShortOfMemoryFromTheLimitUntilAnEighthBelow) {
  Load load;
  load.observe(799, 800);
  EXPECT_TRUE(load.enter(1));
  load.observe(800, 800);
  EXPECT_TRUE(load.memory_short());
  EXPECT_FALSE(load.enter(1));
  load.observe(700, 800);
  EXPECT_TRUE(load.memory_short()) << "or it would be short again at once";
  load.observe(699, 800);
  EXPECT_FALSE(load.memory_short());
}

TEST(Load, IsNeverShortWithoutALimit) {
  Load load;
  load.observe(1'000'000, 0);
  EXPECT_FALSE(load.memory_short());
}

TEST(Load, KnowsWhatThisProcessHasAndMayHave) {
  EXPECT_GT(resident_bytes(), 100'000U);
  EXPECT_GT(memory_allowance(), resident_bytes());
}

}  // namespace
}  // namespace tallygate::access
