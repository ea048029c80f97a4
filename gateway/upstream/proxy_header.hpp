#pragma once
/// The header of the PROXY protocol, which a connection to a server begins with where its route says so
/// (https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt).
#include "gateway/settings.hpp"
#include "policy/request/address.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace tallygate::upstream {

/// Whose connection it is, and where the client connected to. A port that is not known is 0.
struct ProxyFacts {
  policy::Address client;
  std::uint16_t client_port = 0;
  policy::Address local;
  std::uint16_t local_port = 0;
};

/// The header for these facts; empty for `none`. Two IPv4 addresses are told as such, else both as IPv6.
[[nodiscard]] std::string proxy_header(ProxyProtocol version, const ProxyFacts& facts);

/// The header of a connection that is the gateway's own, and no client's (UNKNOWN, LOCAL); empty for `none`.
[[nodiscard]] std::string_view proxy_header_of_its_own(ProxyProtocol version) noexcept;

}  // namespace tallygate::upstream
