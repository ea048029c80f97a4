#include "audit/journal/crowd.hpp"

#include <gtest/gtest.h>

namespace tallygate::audit {
namespace {

constexpr std::size_t least = 8;

TEST(Crowd, FewWaitersAreWorthNoPatience) {
  Crowd crowd(least);
  EXPECT_EQ(crowd.goal(), 0U);
  crowd.begin(least - 1, false);
  EXPECT_EQ(crowd.goal(), 0U);
  crowd.begin(least, false);
  EXPECT_GT(crowd.goal(), 0U);
}

TEST(Crowd, MostOfThemAreWaitedForAndNotTheLast) {
  Crowd crowd(least);
  crowd.begin(64, false);
  EXPECT_EQ(crowd.goal(), 56U);
}

TEST(Crowd, IsForgottenWithinAFewBatches) {
  Crowd crowd(least);
  crowd.begin(64, false);
  int batches = 0;
  while (crowd.goal() != 0) {
    crowd.begin(1, false);
    ++batches;
    ASSERT_LT(batches, 12);
  }
  EXPECT_GT(batches, 2) << "one small batch does not end a busy hour";
}

TEST(Crowd, IsForgottenAtOnceWhenItWasWaitedForInVain) {
  Crowd crowd(least);
  crowd.begin(64, false);
  crowd.begin(20, true);
  EXPECT_LE(crowd.goal(), 20U);
  crowd.begin(3, true);
  EXPECT_EQ(crowd.goal(), 0U);
}

}  // namespace
}  // namespace tallygate::audit
