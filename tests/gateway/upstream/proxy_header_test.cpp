#include "gateway/upstream/proxy_header.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tallygate::upstream {
namespace {

ProxyFacts facts(const std::string& client, const std::string& local) {
  return {*policy::parse_address(client), 56'324, *policy::parse_address(local), 443};
}

std::string hex(const std::string& bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const char byte : bytes) {
    out.push_back(digits[static_cast<unsigned char>(byte) >> 4U]);
    out.push_back(digits[static_cast<unsigned char>(byte) & 0xfU]);
  }
  return out;
}

TEST(ProxyHeader, IsALineInVersion1) {
  EXPECT_EQ(proxy_header(ProxyProtocol::v1, facts("192.0.2.7", "10.0.0.1")),
            "PROXY TCP4 192.0.2.7 10.0.0.1 56324 443\r\n");
  EXPECT_EQ(proxy_header(ProxyProtocol::v1, facts("2001:db8::7", "2001:db8::1")),
            "PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n");
}

TEST(ProxyHeader, IsBinaryInVersion2) {
  EXPECT_EQ(hex(proxy_header(ProxyProtocol::v2, facts("192.0.2.7", "10.0.0.1"))),
            "0d0a0d0a000d0a515549540a2111000cc00002070a000001dc0401bb");
  EXPECT_EQ(hex(proxy_header(ProxyProtocol::v2, facts("2001:db8::7", "2001:db8::1"))),
            "0d0a0d0a000d0a515549540a21210024"
            "20010db800000000000000000000000720010db8000000000000000000000001dc0401bb");
}

TEST(ProxyHeader, TellsBothAddressesInOneFamily) {
  EXPECT_EQ(proxy_header(ProxyProtocol::v1, facts("192.0.2.7", "2001:db8::1")),
            "PROXY TCP6 ::ffff:192.0.2.7 2001:db8::1 56324 443\r\n");
  EXPECT_EQ(hex(proxy_header(ProxyProtocol::v2, facts("192.0.2.7", "2001:db8::1"))),
            "0d0a0d0a000d0a515549540a21210024"
            "00000000000000000000ffffc000020720010db8000000000000000000000001dc0401bb");
}

TEST(ProxyHeader, IsNotThereUnlessARouteSaysSo) {
  EXPECT_EQ(proxy_header(ProxyProtocol::none, facts("192.0.2.7", "10.0.0.1")), "");
}

}  // namespace
}  // namespace tallygate::upstream
