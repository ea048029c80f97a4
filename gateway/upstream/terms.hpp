#pragma once
/// What must hold of a connection to a server of a route, whatever the server is called.
#include "gateway/net/tls_client.hpp"
#include "policy/request/address.hpp"

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace tallygate::upstream {

/// Immutable, made at start and at reload; a connection that was opened under some terms is never used under
/// others. Null stands for a route without TLS that says nothing of `networks`. Threads: any.
struct Terms {
  std::shared_ptr<const net::TlsClient> tls;             ///< null: no server of the route is under TLS
  std::optional<std::vector<policy::Network>> networks;  ///< where names may lead; none: see why_refused()
};

/// Why there is no connection.
struct OpenFailure {
  unsigned status = 502;                     ///< what the client is answered with
  std::string_view code = "connect-failed";  ///< for the record
};
inline constexpr OpenFailure connect_timeout{504, "connect-timeout"};
inline constexpr OpenFailure tls_failed{502, "upstream-tls"};
inline constexpr OpenFailure protocol_failed{502, "upstream-protocol"};
inline constexpr OpenFailure address_refused{502, "upstream-address"};

}  // namespace tallygate::upstream
