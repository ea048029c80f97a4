#include "gateway/upstream/proxy_header.hpp"

#include <cstddef>
#include <span>
#include <string_view>

namespace tallygate::upstream {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::string_view signature = "\r\n\r\n\0\r\nQUIT\n"sv;  // §2.2
constexpr char version_and_command = 0x21;                        // version 2, PROXY
constexpr char tcp_over_ipv4 = 0x11;
constexpr char tcp_over_ipv6 = 0x21;
constexpr std::size_t v4_at = 12;  // of the 16 bytes
constexpr std::string_view v4_mapped = "::ffff:";

void append_number(std::string& out, std::size_t number) {
  out.push_back(static_cast<char>((number >> 8U) & 0xffU));
  out.push_back(static_cast<char>(number & 0xffU));
}

void append_bytes(std::string& out, std::span<const std::uint8_t> bytes) {
  for (const std::uint8_t byte : bytes) {
    out.push_back(static_cast<char>(byte));
  }
}

std::string text_of(const policy::Address& address, bool v4) {
  return (address.is_v4() && !v4 ? std::string(v4_mapped) : std::string()) + policy::to_string(address);
}

std::string text_header(const ProxyFacts& facts, bool v4) {
  return "PROXY " + std::string(v4 ? "TCP4 " : "TCP6 ") + text_of(facts.client, v4) + " " +
         text_of(facts.local, v4) + " " + std::to_string(facts.client_port) + " " +
         std::to_string(facts.local_port) + "\r\n";
}

std::string binary_header(const ProxyFacts& facts, bool v4) {
  std::string addresses;
  const std::size_t from = v4 ? v4_at : 0;
  append_bytes(addresses, std::span(facts.client.bytes).subspan(from));
  append_bytes(addresses, std::span(facts.local.bytes).subspan(from));
  append_number(addresses, facts.client_port);
  append_number(addresses, facts.local_port);
  std::string out(signature);
  out.push_back(version_and_command);
  out.push_back(v4 ? tcp_over_ipv4 : tcp_over_ipv6);
  append_number(out, addresses.size());
  return out + addresses;
}

}  // namespace

std::string proxy_header(ProxyProtocol version, const ProxyFacts& facts) {
  const bool v4 = facts.client.is_v4() && facts.local.is_v4();
  switch (version) {
    case ProxyProtocol::none:
      break;
    case ProxyProtocol::v1:
      return text_header(facts, v4);
    case ProxyProtocol::v2:
      return binary_header(facts, v4);
  }
  return {};
}

std::string_view proxy_header_of_its_own(ProxyProtocol version) noexcept {
  constexpr std::string_view local = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"sv;
  switch (version) {
    case ProxyProtocol::none:
      break;
    case ProxyProtocol::v1:
      return "PROXY UNKNOWN\r\n";
    case ProxyProtocol::v2:
      return local;
  }
  return {};
}

}  // namespace tallygate::upstream
