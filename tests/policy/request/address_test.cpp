#include "policy/request/address.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tallygate::policy {
namespace {

std::string network(std::string_view text) {
  const ParseResult<Network> parsed = parse_network(text);
  return parsed.has_value() ? to_string(*parsed) : "error: " + parsed.error().message;
}

bool inside(std::string_view net, std::string_view address) {
  return parse_network(net)->contains(*parse_address(address));
}

TEST(Address, IsPrintedAsRfc5952Says) {
  EXPECT_EQ(to_string(*parse_address("2001:0DB8:0:0:0:0:0:0001")), "2001:db8::1");
  EXPECT_EQ(to_string(*parse_address("2001:db8:0:1:1:1:1:1")), "2001:db8:0:1:1:1:1:1");
  EXPECT_EQ(to_string(*parse_address("2001:0:0:1:0:0:0:1")), "2001:0:0:1::1");
  EXPECT_EQ(to_string(*parse_address("::")), "::");
  EXPECT_EQ(to_string(*parse_address("10.20.30.40")), "10.20.30.40");
}

TEST(Address, MappedIntoIpv6EqualsTheIpv4Address) {
  EXPECT_EQ(*parse_address("::ffff:10.0.0.1"), *parse_address("10.0.0.1"));
  EXPECT_EQ(to_string(*parse_address("::ffff:a00:1")), "10.0.0.1");
  EXPECT_NE(*parse_address("::10.0.0.1"), *parse_address("10.0.0.1"));
}

TEST(Address, RefusesEveryOtherSpelling) {
  for (const char* bad :
       {"",         "1.2.3",     "1.2.3.4.5",  "1.2.3.256",  "01.2.3.4",        "1.2.3.08", "1.2.3.4 ",
        " 1.2.3.4", "1.2.3.4/8", "0x7f.0.0.1", "2130706433", "1..2.3",          "1.2.3.",   "fe80::1%eth0",
        "[::1]",    ":::",       "1::2::3",    "12345::",    "::ffff:1.2.3.04", "g::"}) {
    EXPECT_FALSE(parse_address(bad).has_value()) << bad;
  }
}

TEST(Network, ContainsExactlyTheAddressesWithItsPrefix) {
  EXPECT_TRUE(inside("10.20.0.0/16", "10.20.255.255"));
  EXPECT_FALSE(inside("10.20.0.0/16", "10.21.0.0"));
  EXPECT_TRUE(inside("10.20.0.0/15", "10.21.0.0"));
  EXPECT_TRUE(inside("0.0.0.0/0", "255.1.2.3"));
  EXPECT_FALSE(inside("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(inside("::/0", "10.0.0.1"));
  EXPECT_TRUE(inside("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(inside("2001:db8::/33", "2001:db8:8000::1"));
  EXPECT_TRUE(inside("10.0.0.1", "::ffff:10.0.0.1"));
  EXPECT_FALSE(inside("10.0.0.1", "10.0.0.2"));
}

TEST(Network, SaysWhatIsWrongAndWhatWouldBeRight) {
  EXPECT_EQ(network("10.20.1.0/16"), "error: '10.20.1.0/16' has host bits set; the network is 10.20.0.0/16");
  EXPECT_EQ(network("2001:db8::1/32"),
            "error: '2001:db8::1/32' has host bits set; the network is 2001:db8::/32");
  EXPECT_EQ(network("::ffff:10.0.0.0/104"),
            "error: '::ffff:10.0.0.0/104' is an IPv4-mapped network; write the IPv4 address 10.0.0.0");
  EXPECT_EQ(network("10.0.0.0/33"), "error: '10.0.0.0/33' needs a number of bits from 0 to 32 after the '/'");
  EXPECT_EQ(network("office"),
            "error: 'office' is not an IP address; write it like 10.20.0.0/16 or 2001:db8::/32");
  for (const char* bad :
       {"10.0.0.0/", "10.0.0.0/08", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0.0/255.0.0.0", "::/129"}) {
    EXPECT_TRUE(network(bad).starts_with("error: ")) << bad;
  }
  EXPECT_EQ(network("10.0.0.1"), "10.0.0.1/32");
  EXPECT_EQ(network("::1"), "::1/128");
}

}  // namespace
}  // namespace tallygate::policy
