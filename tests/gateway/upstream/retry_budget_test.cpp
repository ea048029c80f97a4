#include "gateway/upstream/retry_budget.hpp"

#include <gtest/gtest.h>

namespace tallygate::upstream {
namespace {

using std::chrono::seconds;

int take_all(RetryBudget& budget, net::Clock::time_point now) {
  int taken = 0;
  while (taken < 10'000 && budget.take(now)) {
    ++taken;
  }
  return taken;
}

TEST(RetryBudget, SomeASecondAreAlwaysAllowed) {
  RetryBudget budget(RetrySettings{1, 20, 3});
  const auto now = net::Clock::now();
  EXPECT_EQ(take_all(budget, now), 3);
  EXPECT_EQ(take_all(budget, now + seconds{1}), 3);
}

TEST(RetryBudget, TheRestIsAShareOfTheRequests) {
  RetryBudget budget(RetrySettings{1, 20, 0});
  const auto now = net::Clock::now();
  EXPECT_EQ(take_all(budget, now), 0);
  for (int request = 0; request < 50; ++request) {
    budget.request();
  }
  EXPECT_EQ(take_all(budget, now), 10);
  EXPECT_EQ(take_all(budget, now + seconds{1}), 0) << "it is spent";
}

TEST(RetryBudget, WhatIsSavedUpIsBounded) {
  RetryBudget budget(RetrySettings{1, 100, 0});
  for (int request = 0; request < 5'000; ++request) {
    budget.request();
  }
  EXPECT_EQ(take_all(budget, net::Clock::now()), RetryBudget::saved_max);
}

}  // namespace
}  // namespace tallygate::upstream
