#include "gateway/access/client_address.hpp"

#include <gtest/gtest.h>

namespace tallygate::access {
namespace {

class ClientAddressTest : public testing::Test {
 protected:
  std::string of(const char* peer, std::initializer_list<const char*> lines) {
    http::Fields fields;
    for (const char* line : lines) {
      fields.add({"X-Forwarded-For", line, {}});
    }
    return policy::to_string(client_address(*policy::parse_address(peer), fields, trusted));
  }
  std::vector<policy::Network> trusted{*policy::parse_network("10.0.0.0/8"),
                                       *policy::parse_network("2001:db8::/32")};
};

TEST_F(ClientAddressTest, AnUnlistedPeerSpeaksForItselfOnly) {
  EXPECT_EQ(of("192.168.1.1", {"1.2.3.4"}), "192.168.1.1");
}

TEST_F(ClientAddressTest, AListedProxyIsBelievedFromTheRight) {
  EXPECT_EQ(of("10.0.0.1", {"6.6.6.6, 1.2.3.4, 10.0.0.2"}), "1.2.3.4");
  EXPECT_EQ(of("10.0.0.1", {"6.6.6.6", "1.2.3.4"}), "1.2.3.4");
  EXPECT_EQ(of("2001:db8::1", {"[2001:db9::7]:443"}), "2001:db9::7");
  EXPECT_EQ(of("10.0.0.1", {"1.2.3.4:5678"}), "1.2.3.4");
}

TEST_F(ClientAddressTest, WhatIsNoAddressEndsTheWalkAtTheProxyThatPassedItOn) {
  EXPECT_EQ(of("10.0.0.1", {"1.2.3.4, unknown"}), "10.0.0.1");
  EXPECT_EQ(of("10.0.0.1", {"1.2.3.4, , 10.0.0.9"}), "10.0.0.9");
}

TEST_F(ClientAddressTest, WithoutAHeaderTheProxyItselfIsTheClient) {
  EXPECT_EQ(of("10.0.0.1", {}), "10.0.0.1");
}

TEST_F(ClientAddressTest, IPv4MappedPeersAreIPv4) {
  EXPECT_EQ(of("::ffff:10.0.0.1", {"1.2.3.4"}), "1.2.3.4");
}

TEST_F(ClientAddressTest, NobodyIsTrustedByDefault) {
  trusted.clear();
  EXPECT_EQ(of("10.0.0.1", {"1.2.3.4"}), "10.0.0.1");
}

}  // namespace
}  // namespace tallygate::access
