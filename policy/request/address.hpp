#pragma once
/// Internet addresses and networks as the policy compares them: 16 bytes, an IPv4 address as its IPv4-mapped
/// form (policy.md N16), so that one comparison serves both families.
#include <boost/system/result.hpp>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tallygate::policy {

/// What is wrong with a piece of configuration, and what would be right; one line, without a position.
struct ParseError {
  std::string message;
};

/// An error type for boost::system::result that throws nothing of its own: `value()` on an error is a bug.
[[noreturn]] void throw_exception_from_error(const ParseError& error, const boost::source_location& where);

template <typename T>
using ParseResult = boost::system::result<T, ParseError>;

/// An IPv6 address, or an IPv4 address in IPv4-mapped form. Bytes in network order.
struct Address {
  std::array<std::uint8_t, 16> bytes{};

  [[nodiscard]] static Address v4(std::array<std::uint8_t, 4> octets) noexcept;
  [[nodiscard]] bool is_v4() const noexcept;
  auto operator<=>(const Address&) const = default;
};

/// Reads dotted decimal (four parts, no leading zeros) or an IPv6 address without brackets or zone. An
/// IPv4-mapped IPv6 address equals the IPv4 address. None for any other text.
[[nodiscard]] std::optional<Address> parse_address(std::string_view text) noexcept;

/// Dotted decimal, or the form of RFC 5952.
[[nodiscard]] std::string to_string(const Address& address);

/// A CIDR network. `prefix` counts bits of the 16 bytes, so an IPv4 /8 is 104.
struct Network {
  Address address;
  std::uint8_t prefix = 128;

  [[nodiscard]] bool contains(const Address& other) const noexcept;
  auto operator<=>(const Network&) const = default;
};

/// Reads `address/bits` or a bare address, which is /32 or /128 (policy-details.md L23). Errors: not an
/// address, bits out of range, host bits set (the message shows the network meant), an IPv4-mapped network.
[[nodiscard]] ParseResult<Network> parse_network(std::string_view text);

/// `10.0.0.0/8`; the prefix in bits of its own family.
[[nodiscard]] std::string to_string(const Network& network);

}  // namespace tallygate::policy
