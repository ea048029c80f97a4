#include "policy/request/address.hpp"

#include <arpa/inet.h>
#include <boost/throw_exception.hpp>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace tallygate::policy {
namespace {

constexpr std::array<std::uint8_t, 12> v4_mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr std::size_t v4_prefix = 96;
constexpr std::size_t max_text = 45;  // the longest spelling: INET6_ADDRSTRLEN without the NUL

std::optional<Address> parse_v4(std::string_view text) noexcept {
  std::array<std::uint8_t, 4> octets{};
  std::size_t part = 0;
  std::size_t at = 0;
  while (part < octets.size()) {
    unsigned value = 0;
    const std::size_t start = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9' && at - start < 3) {
      value = value * 10 + static_cast<unsigned>(text[at] - '0');
      ++at;
    }
    if (at == start || value > 255 || (at - start > 1 && text[start] == '0')) {
      return std::nullopt;
    }
    octets[part] = static_cast<std::uint8_t>(value);
    ++part;
    if (part == octets.size()) {
      break;
    }
    if (at >= text.size() || text[at] != '.') {
      return std::nullopt;
    }
    ++at;
  }
  if (at != text.size()) {
    return std::nullopt;
  }
  return Address::v4(octets);
}

std::optional<Address> parse_v6(std::string_view text) noexcept {
  const auto allowed = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
  };
  if (text.size() > max_text || !std::all_of(text.begin(), text.end(), allowed)) {
    return std::nullopt;
  }
  std::array<char, max_text + 1> terminated{};
  std::copy(text.begin(), text.end(), terminated.begin());
  Address address;
  if (inet_pton(AF_INET6, terminated.data(), address.bytes.data()) != 1) {
    return std::nullopt;
  }
  return address;
}

Address masked(const Address& address, std::size_t prefix) noexcept {
  Address result = address;
  for (std::size_t bit = prefix; bit < 128; ++bit) {
    result.bytes[bit / 8] = static_cast<std::uint8_t>(result.bytes[bit / 8] & ~(0x80U >> (bit % 8)));
  }
  return result;
}

std::string quoted(std::string_view text) {
  return "'" + std::string(text) + "'";
}

}  // namespace

void throw_exception_from_error(const ParseError& error, const boost::source_location& where) {
  boost::throw_exception(std::invalid_argument(error.message), where);
}

Address Address::v4(std::array<std::uint8_t, 4> octets) noexcept {
  Address address;
  std::copy(v4_mapped.begin(), v4_mapped.end(), address.bytes.begin());
  std::copy(octets.begin(), octets.end(), address.bytes.begin() + v4_mapped.size());
  return address;
}

bool Address::is_v4() const noexcept {
  return std::equal(v4_mapped.begin(), v4_mapped.end(), bytes.begin());
}

std::optional<Address> parse_address(std::string_view text) noexcept {
  return text.find(':') == std::string_view::npos ? parse_v4(text) : parse_v6(text);
}

std::string to_string(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = address.is_v4() ? AF_INET : AF_INET6;
  const auto* bytes = address.bytes.data() + (address.is_v4() ? v4_mapped.size() : 0);
  inet_ntop(family, bytes, text.data(), static_cast<socklen_t>(text.size()));
  return text.data();
}

bool Network::contains(const Address& other) const noexcept {
  const std::size_t whole = prefix / 8U;
  if (std::memcmp(address.bytes.data(), other.bytes.data(), whole) != 0) {
    return false;
  }
  const unsigned rest = prefix % 8U;
  if (rest == 0) {
    return true;
  }
  const auto mask = static_cast<std::uint8_t>(0xff00U >> rest);
  return ((address.bytes[whole] ^ other.bytes[whole]) & mask) == 0;
}

ParseResult<Network> parse_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view base = text.substr(0, slash);
  const std::optional<Address> address = parse_address(base);
  if (!address) {
    return ParseError{quoted(base) + " is not an IP address; write it like 10.20.0.0/16 or 2001:db8::/32"};
  }
  if (base.find(':') != std::string_view::npos && address->is_v4()) {
    return ParseError{quoted(text) + " is an IPv4-mapped network; write the IPv4 address " +
                      to_string(*address)};
  }
  if (slash == std::string_view::npos) {
    return Network{*address, 128};
  }
  const std::string_view bits = text.substr(slash + 1);
  const unsigned most = address->is_v4() ? 32 : 128;
  unsigned value = 0;
  const bool digits =
      !bits.empty() && bits.size() <= 3 && bits.find_first_not_of("0123456789") == std::string_view::npos;
  for (std::size_t i = 0; digits && i < bits.size(); ++i) {
    value = value * 10 + static_cast<unsigned>(bits[i] - '0');
  }
  if (!digits || value > most || (bits.size() > 1 && bits[0] == '0')) {
    return ParseError{quoted(text) + " needs a number of bits from 0 to " + std::to_string(most) +
                      " after the '/'"};
  }
  const Network network{*address, static_cast<std::uint8_t>(value + (address->is_v4() ? v4_prefix : 0))};
  const Address start = masked(*address, network.prefix);
  if (start != *address) {
    return ParseError{quoted(text) + " has host bits set; the network is " +
                      to_string(Network{start, network.prefix})};
  }
  return network;
}

std::string to_string(const Network& network) {
  const std::size_t bits = network.prefix - (network.address.is_v4() ? v4_prefix : 0);
  return to_string(network.address) + "/" + std::to_string(bits);
}

}  // namespace tallygate::policy
