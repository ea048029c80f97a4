// Who a load balancer says has connected, and nothing of what the client says itself.
#include "gateway/access/proxy_header.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tallygate::access {
namespace {

using namespace std::string_literals;
using State = ProxyHeader::State;

const std::string signature = "\r\n\r\n\0\r\nQUIT\n"s;

std::string number(std::size_t value) {
  return {static_cast<char>(value >> 8U), static_cast<char>(value & 0xFFU)};
}

std::string binary(int command, int family, const std::string& rest) {
  return signature + static_cast<char>(0x20 | command) + static_cast<char>(family) + number(rest.size()) +
         rest;
}

const std::string v4 = "\xCB\x00\x71\x09"s + "\x0A\x00\x00\x01"s + number(50'000) + number(443);
const std::string v6 = "\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x01"s + std::string(15, '\0') +
                       "\x01"s + number(50'000) + number(443);

/// Reads in pieces of that size what a client says behind the header as well; how much was taken.
std::size_t read(ProxyHeader& header, std::string_view bytes, std::size_t piece) {
  std::size_t taken = 0;
  while (header.state() == State::reading && taken < bytes.size()) {
    const std::size_t more = header.take(bytes.substr(taken, piece));
    EXPECT_GT(more, 0U);
    taken += more;
  }
  return taken;
}

struct Client {
  bool named = false;
  std::string address;
  std::uint16_t port = 0;
};

void expect_client(const std::string& text, const Client& client) {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{10'000}}) {
    ProxyHeader header;
    EXPECT_EQ(read(header, text + "\x16\x03\x01 the client's", piece), text.size()) << text;
    ASSERT_EQ(header.state(), State::done) << text;
    EXPECT_EQ(header.names_client(), client.named) << text;
    if (client.named) {
      EXPECT_EQ(policy::to_string(header.address()), client.address) << text;
      EXPECT_EQ(header.port(), client.port) << text;
    }
    EXPECT_EQ(header.take("more"), 0U);
  }
}

void expect_malformed(const std::string& text) {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{10'000}}) {
    ProxyHeader header;
    static_cast<void>(read(header, text, piece));
    EXPECT_EQ(header.state(), State::malformed) << text << " in pieces of " << piece;
    EXPECT_FALSE(header.state() == State::done);
  }
}

TEST(ProxyHeader, NamesTheClientInALine) {
  expect_client("PROXY TCP4 203.0.113.9 10.0.0.1 50000 443\r\n", {true, "203.0.113.9", 50'000});
  expect_client("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n", {true, "2001:db8::1", 1});
  expect_client("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
                {true, "255.255.255.255", 65'535});
}

TEST(ProxyHeader, NamesTheClientInBytes) {
  expect_client(binary(1, 0x11, v4), {true, "203.0.113.9", 50'000});
  expect_client(binary(1, 0x21, v6), {true, "2001:db8::1", 50'000});
  expect_client(binary(1, 0x11, v4 + "\x04" + number(3) + "xyz" + "\x02" + number(0)),
                {true, "203.0.113.9", 50'000});
}

TEST(ProxyHeader, KnowsABalancerThatSpeaksForItself) {
  expect_client("PROXY UNKNOWN\r\n", {});
  expect_client("PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", {});
  expect_client(binary(0, 0x00, ""), {});
  expect_client(binary(0, 0x11, v4), {});
  expect_client(binary(1, 0x00, ""), {});
}

TEST(ProxyHeader, RefusesALineThatIsNotJustSo) {
  for (const char* line : {"GET / HTTP/1.1\r\n\r\n",
                           "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello",
                           "PROXY\r\n",
                           "PROXY \r\n",
                           "PROXY TCP4\r\n",
                           "PROXY TCP4 203.0.113.9 10.0.0.1 50000 443\n",
                           "PROXY TCP4 203.0.113.9 10.0.0.1 50000\r\n",
                           "PROXY TCP4 203.0.113.9 10.0.0.1 50000 443 1\r\n",
                           "PROXY TCP4  203.0.113.9 10.0.0.1 50000 443\r\n",
                           "PROXY TCP4 203.0.113.9 10.0.0.1 50000 443 \r\n",
                           "PROXY TCP4 2001:db8::1 ::1 50000 443\r\n",
                           "PROXY TCP6 203.0.113.9 10.0.0.1 50000 443\r\n",
                           "PROXY TCP4 203.0.113.09 10.0.0.1 50000 443\r\n",
                           "PROXY TCP4 203.0.113.9 10.0.0.1 050000 443\r\n",
                           "PROXY TCP4 203.0.113.9 10.0.0.1 65536 443\r\n",
                           "PROXY TCP4 203.0.113.9 10.0.0.1 -1 443\r\n",
                           "PROXY TCP4 203.0.113.9 10.0.0.1 00 443\r\n",
                           "PROXY TCP4 203.0.113.9 10.0.0.1 5\r0 443\r\n",
                           "PROXY UDP4 203.0.113.9 10.0.0.1 50000 443\r\n",
                           "proxy TCP4 203.0.113.9 10.0.0.1 50000 443\r\n",
                           "PROXY UNKNOWNX\r\n",
                           " PROXY UNKNOWN\r\n"}) {
    expect_malformed(line);
  }
  expect_malformed("PROXY UNKNOWN " + std::string(200, 'x') + "\r\n");
}

TEST(ProxyHeader, RefusesBytesThatAreNotJustSo) {
  expect_malformed(binary(2, 0x11, v4));
  expect_malformed(binary(1, 0x12, v4));
  expect_malformed(binary(1, 0x31, std::string(216, 'x')));
  expect_malformed(binary(1, 0x11, v4.substr(1)));
  expect_malformed(binary(1, 0x21, v4));
  expect_malformed(binary(1, 0x11, v4 + "\x04" + number(4) + "xyz"));
  expect_malformed(binary(1, 0x11, v4 + "\x04"));
  std::string first = binary(1, 0x11, v4);
  first[12] = '\x11';
  expect_malformed(first);
  first = binary(1, 0x11, v4);
  first[4] = '\x01';
  expect_malformed(first);
}

TEST(ProxyHeader, TakesNoMoreThanItsLimitWhateverItIsTold) {
  const std::string longest(proxy_header_bytes_max - 16 - v4.size() - 3, 'x');
  expect_client(binary(1, 0x11, v4 + "\x04" + number(longest.size()) + longest),
                {true, "203.0.113.9", 50'000});
  expect_malformed(binary(1, 0x11, v4 + "\x04" + number(longest.size() + 1) + longest + "x"));
  ProxyHeader header;
  EXPECT_EQ(read(header, signature + "\x21\x11\xff\xff" + std::string(70'000, 'x'), 70'000), 16U);
  EXPECT_EQ(header.state(), State::malformed);
}

}  // namespace
}  // namespace tallygate::access
