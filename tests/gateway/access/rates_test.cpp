#include "gateway/access/rates.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tallygate::access {
namespace {

using namespace std::chrono_literals;

class RatesTest : public testing::Test {
 protected:
  RatesTest() {
    rate.requests = 10;
    rate.burst = 3;
  }
  bool refused(const char* address) {
    return rates.of_address(rate, *policy::parse_address(address), now).has_value();
  }
  static identity::IdentityPtr person(const std::string& name) {
    identity::IdentityFacts facts;
    facts.method = identity::Method::token;
    facts.subject = facts.user = name;
    return identity::make_identity(std::move(facts));
  }

  Rates rates;
  RateSettings rate;
  identity::TimePoint now{1'790'000'000s};
};

TEST_F(RatesTest, ABurstPassesAndThenOnlyTheRate) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(refused("192.0.2.1")) << i;
  }
  EXPECT_TRUE(refused("192.0.2.1"));
  now += 100ms;
  EXPECT_FALSE(refused("192.0.2.1"));
  EXPECT_TRUE(refused("192.0.2.1"));
  now += 1h;
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(refused("192.0.2.1")) << "no more than a burst is saved: " << i;
  }
  EXPECT_TRUE(refused("192.0.2.1"));
}

TEST_F(RatesTest, ARefusalSaysWhenToComeAgainInWholeSeconds) {
  rate = {1, 1min, 1};
  const auto address = *policy::parse_address("192.0.2.1");
  EXPECT_FALSE(rates.of_address(rate, address, now));
  now += 500ms;
  const auto refusal = rates.of_address(rate, address, now);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, "rate-address");
  EXPECT_EQ(refusal->retry_after, 60s);
  now += 59s;
  EXPECT_EQ(rates.of_address(rate, address, now)->retry_after, 1s);
  now += 500ms;
  EXPECT_FALSE(rates.of_address(rate, address, now));
}

TEST_F(RatesTest, WhoHasAnIPv6NetworkHasOneBucket) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(refused(("2001:db8:1:2::" + std::to_string(i + 1)).c_str()));
  }
  EXPECT_TRUE(refused("2001:db8:1:2:ffff::9"));
  EXPECT_FALSE(refused("2001:db8:1:3::1"));
}

TEST_F(RatesTest, APrincipalIsThatOneFromEverywhereAndNobodyIsNone) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(rates.of_principal(rate, *person("alice"), now));
  }
  const auto refusal = rates.of_principal(rate, *person("alice"), now);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, "rate-principal");
  EXPECT_FALSE(rates.of_principal(rate, *person("bob"), now));
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(rates.of_principal(rate, *identity::anonymous_identity(), now));
  }
}

TEST_F(RatesTest, ARouteIsOneBucketWhateverItsNameIsElsewhere) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(rates.of_route(rate, "alice", now));
  }
  EXPECT_EQ(rates.of_route(rate, "alice", now)->reason, "rate-route");
  EXPECT_FALSE(rates.of_principal(rate, *person("alice"), now));
}

TEST_F(RatesTest, WithoutARateNothingIsCounted) {
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_FALSE(rates.of_address(std::nullopt, *policy::parse_address("192.0.2.1"), now));
    EXPECT_FALSE(rates.of_principal(std::nullopt, *person("alice"), now));
    EXPECT_FALSE(rates.of_route(std::nullopt, "wiki", now));
  }
  EXPECT_FALSE(refused("192.0.2.1"));
}

TEST_F(RatesTest, AReloadedRateHoldsAtOnce) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(refused("192.0.2.1"));
  }
  EXPECT_TRUE(refused("192.0.2.1"));
  rate.burst = 5;
  EXPECT_FALSE(refused("192.0.2.1")) << "what was taken stays taken, and there is room for two more";
  EXPECT_FALSE(refused("192.0.2.1"));
  EXPECT_TRUE(refused("192.0.2.1"));
}

}  // namespace
}  // namespace tallygate::access
