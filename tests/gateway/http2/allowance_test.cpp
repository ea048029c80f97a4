#include "gateway/http2/allowance.hpp"

#include <gtest/gtest.h>

namespace tallygate::http2 {
namespace {

using std::chrono::milliseconds;
const net::Clock::time_point start{std::chrono::hours{1}};

int spent(Allowance& allowance, net::Clock::time_point now) {
  int count = 0;
  while (allowance.spend(now)) {
    ++count;
  }
  return count;
}

TEST(Allowance, IsFullAtFirstAndThenEmpty) {
  Allowance allowance(5, 2);
  EXPECT_EQ(spent(allowance, start), 5);
  EXPECT_FALSE(allowance.spend(start));
}

TEST(Allowance, ComesBackWithTimeUpToItsSize) {
  Allowance allowance(5, 2);
  ASSERT_EQ(spent(allowance, start), 5);
  EXPECT_EQ(spent(allowance, start + milliseconds(499)), 0);
  EXPECT_EQ(spent(allowance, start + milliseconds(500)), 1);
  EXPECT_EQ(spent(allowance, start + milliseconds(2'000)), 3);
  EXPECT_EQ(spent(allowance, start + std::chrono::hours(100'000)), 5);
}

TEST(Allowance, ComesBackWithWorkUpToItsSize) {
  Allowance allowance(5, 0);
  ASSERT_EQ(spent(allowance, start), 5);
  allowance.earn(3);
  EXPECT_EQ(spent(allowance, start), 3);
  allowance.earn(100);
  EXPECT_EQ(spent(allowance, start), 5);
}

TEST(Allowance, IgnoresATimeThatGoesBackwards) {
  Allowance allowance(1, 1'000);
  ASSERT_TRUE(allowance.spend(start));
  EXPECT_FALSE(allowance.spend(start - milliseconds(1'000)));
}

}  // namespace
}  // namespace tallygate::http2
