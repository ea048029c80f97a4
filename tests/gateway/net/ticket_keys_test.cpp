#include "gateway/net/ticket_keys.hpp"

#include <gtest/gtest.h>

namespace tallygate::net {
namespace {

constexpr TicketKeys::Clock::time_point start{std::chrono::hours{1'000}};
constexpr std::chrono::seconds moment{1};

TEST(TicketKeys, AKeyMakesTicketsForItsTimeAndThenAnotherDoes) {
  TicketKeys keys;
  const auto first = keys.current(start);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(keys.current(start + TicketKeys::lifetime - moment)->name, first->name);
  const auto second = keys.current(start + TicketKeys::lifetime);
  ASSERT_TRUE(second.has_value());
  EXPECT_NE(second->name, first->name);
  EXPECT_NE(second->cipher, first->cipher);
  EXPECT_NE(second->mac, first->mac);
}

TEST(TicketKeys, ATicketIsGoodAsLongAsItMayBeShownAndItsKeyIsForgottenAfterwards) {
  TicketKeys keys;
  const auto key = keys.current(start);
  ASSERT_TRUE(key.has_value());
  const auto found = keys.find(key->name.data(), start);
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(found->current);
  const auto newest = start + TicketKeys::lifetime - moment;  // of the tickets that it makes
  for (auto now = start; now <= newest + TicketKeys::ticket_lifetime; now += TicketKeys::lifetime) {
    ASSERT_TRUE(keys.current(now).has_value());
  }
  const auto late = keys.find(key->name.data(), newest + TicketKeys::ticket_lifetime);
  ASSERT_TRUE(late.has_value());
  EXPECT_FALSE(late->current) << "who shows such a ticket gets a new one";
  EXPECT_EQ(late->key.cipher, key->cipher);
  EXPECT_FALSE(keys.find(key->name.data(), start + 3 * TicketKeys::lifetime).has_value());
}

TEST(TicketKeys, AKeyOfAnotherProcessIsUnknown) {
  TicketKeys keys;
  TicketKeys others;
  ASSERT_TRUE(keys.current(start).has_value());
  EXPECT_FALSE(keys.find(others.current(start)->name.data(), start).has_value());
}

TEST(TicketKeys, AnIdleGatewayForgetsItsKeysAsWell) {
  TicketKeys keys;
  const auto key = keys.current(start);
  EXPECT_FALSE(keys.find(key->name.data(), start + 3 * TicketKeys::lifetime).has_value());
}

}  // namespace
}  // namespace tallygate::net
