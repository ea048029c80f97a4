#include "audit/journal/crowd.hpp"

#include <gtest/gtest.h>

namespace tallygate::audit {
namespace {

constexpr std::size_t least = 8;

TEST(Crowd, FewWaitersAreWorthNoPatience) {
  Crowd crowd(least);
  EXPECT_EQ(crowd.goal(), 0U);
  crowd.begin(least - 1);
  EXPECT_EQ(crowd.goal(), 0U);
  crowd.begin(least);
  EXPECT_GT(crowd.goal(), 0U);
}

TEST(Crowd, AreWaitedFor) {
  Crowd crowd(least);
  crowd.begin(64);
  EXPECT_EQ(crowd.goal(), 64U);
  crowd.begin(50);
  EXPECT_EQ(crowd.goal(), 50U);
}

TEST(Crowd, IsForgottenWithinAFewBatches) {
  Crowd crowd(least);
  crowd.begin(64);
  int batches = 0;
  while (crowd.goal() != 0) {
    crowd.begin(1);
    ++batches;
    ASSERT_LT(batches, 12);
  }
  EXPECT_GT(batches, 2) << "one small batch does not end a busy hour";
}

}  // namespace
}  // namespace tallygate::audit
