#pragma once
/// The PROXY protocol, by which a load balancer in front says whose connection it passes on. Pure.
/// Source: "The PROXY protocol", versions 1 and 2 (2020/03/05), §2.
#include "policy/request/address.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tallygate::access {

/// The longest header that is read: version 1 has 107 bytes at most, version 2 has 16, two addresses, and
/// what else balancers tell about a connection, some hundred bytes.
inline constexpr std::size_t proxy_header_bytes_max = 2'048;

/// Reads one header in pieces and takes no byte behind it, which is the client's. Threads: one.
class ProxyHeader {
 public:
  enum class State : std::uint8_t { reading, done, malformed };

  /// How many of the next bytes of the connection are the header's, which takes them; at least one while it
  /// is reading and there are any.
  [[nodiscard]] std::size_t take(std::string_view bytes);

  [[nodiscard]] State state() const noexcept { return state_; }
  /// Whether it names a client, once done. Else the balancer speaks for itself, as when it looks whether we
  /// are there (LOCAL, UNKNOWN).
  [[nodiscard]] bool names_client() const noexcept { return names_client_; }
  /// Of the client, where one is named.
  [[nodiscard]] const policy::Address& address() const noexcept { return address_; }
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

 private:
  [[nodiscard]] std::size_t take_beginning(std::string_view bytes);
  [[nodiscard]] std::size_t take_line(std::string_view bytes);
  [[nodiscard]] std::size_t take_binary(std::string_view bytes);
  std::size_t keep(std::string_view bytes, std::size_t until);
  [[nodiscard]] bool read_line();
  [[nodiscard]] bool read_binary();

  std::string text_;
  State state_ = State::reading;
  bool names_client_ = false;
  policy::Address address_;
  std::uint16_t port_ = 0;
};

}  // namespace tallygate::access
