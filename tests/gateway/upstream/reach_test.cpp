#include "gateway/upstream/reach.hpp"

#include "gateway/http/peer_address.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tallygate::upstream {
namespace {

std::string verdict(const std::string& address, const std::string& name = "app.example",
                    const std::optional<std::vector<policy::Network>>& networks = std::nullopt) {
  return std::string(
      why_refused(http::to_address(boost::asio::ip::make_address(address)), name, networks).value_or("may"));
}

TEST(Reach, NamesMayLeadToPublicAndPrivateNetworks) {
  for (const char* const address : {"192.0.2.1", "10.0.0.7", "172.16.0.1", "192.168.1.1", "100.64.0.1",
                                    "2001:db8::1", "fd00::1", "::ffff:10.0.0.7", "64:ff9b::a00:7"}) {
    EXPECT_EQ(verdict(address), "may") << address;
  }
}

TEST(Reach, NoNameMayLeadToWhereCloudsTellSecrets) {
  for (const char* const address : {"169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"}) {
    EXPECT_EQ(verdict(address), "link-local") << address;
    EXPECT_EQ(verdict(address, "localhost"), "link-local") << address;
  }
  for (const char* const address :
       {"100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"}) {
    EXPECT_EQ(verdict(address), "where a cloud tells its machines their secrets") << address;
  }
}

TEST(Reach, NoNameMayLeadToWhatIsNoSingleMachine) {
  EXPECT_EQ(verdict("169.254.0.1"), "link-local");
  EXPECT_EQ(verdict("fe80::1"), "link-local");
  EXPECT_EQ(verdict("fe80::1%1"), "link-local");
  EXPECT_EQ(verdict("febf::1"), "link-local");
  EXPECT_EQ(verdict("224.0.0.1"), "multicast");
  EXPECT_EQ(verdict("239.255.255.255"), "multicast");
  EXPECT_EQ(verdict("ff02::1"), "multicast");
  EXPECT_EQ(verdict("0.0.0.0"), "no address of a machine");
  EXPECT_EQ(verdict("0.1.2.3"), "no address of a machine");
  EXPECT_EQ(verdict("::"), "no address of a machine");
  EXPECT_EQ(verdict("255.255.255.255"), "broadcast");
}

TEST(Reach, OnlyLocalhostLeadsToThisMachine) {
  for (const char* const address :
       {"127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"}) {
    EXPECT_EQ(verdict(address), "this machine itself") << address;
    EXPECT_EQ(verdict(address, "localhost"), "may") << address;
    EXPECT_EQ(verdict(address, "localhost.example"), "this machine itself") << address;
  }
}

TEST(Reach, WhatIsListedIsAllThatIsAllowed) {
  const std::vector<policy::Network> listed{*policy::parse_network("169.254.0.0/16"),
                                            *policy::parse_network("::1")};
  EXPECT_EQ(verdict("169.254.1.1", "app.example", listed), "may");
  EXPECT_EQ(verdict("::ffff:169.254.1.1", "app.example", listed), "may");
  EXPECT_EQ(verdict("::1", "app.example", listed), "may");
  EXPECT_EQ(verdict("10.0.0.7", "app.example", listed), "not in its 'networks'");
  EXPECT_EQ(verdict("127.0.0.1", "localhost", listed), "not in its 'networks'");
  EXPECT_EQ(verdict("10.0.0.7", "app.example", std::vector<policy::Network>{}), "not in its 'networks'");
}

}  // namespace
}  // namespace tallygate::upstream
