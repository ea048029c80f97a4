#pragma once
/// The client's end of a tunnel: one local connection carried through a gateway, in a WebSocket under TLS.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/system/result.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace tallygate::cli {

using LocalSocket = boost::asio::generic::stream_protocol::socket;

/// Where to go, and as whom.
struct TunnelTarget {
  std::string host;  ///< the route's; also what the certificate must be for
  std::uint16_t port = 443;
  std::optional<std::string> address;  ///< HOST:PORT to connect to instead of what `host` resolves to
  std::string token;                   ///< a bearer token; empty: none
  std::optional<std::string> ca;       ///< PEM of the authorities; none: the system's
  std::optional<std::string> cert;     ///< PEM of a client certificate
  std::optional<std::string> key;      ///< and of its key
};

/// How a tunnel ended.
struct TunnelEnd {
  enum class How : unsigned char {
    complete,  ///< both sides had said all
    refused,   ///< the gateway did not allow it, or no longer
    failed     ///< the network, the gateway or the local side broke
  };
  How how = How::failed;
  std::string why;  ///< a sentence; empty where it is complete
};

/// The TLS context for a target. Errors: a sentence that names the file.
[[nodiscard]] boost::system::result<std::shared_ptr<boost::asio::ssl::context>, std::string> tunnel_context(
    const TunnelTarget& target);

/// Carries a local connection until it is over. Threads: one. Borrows `target` and `tls`, which outlive it.
boost::asio::awaitable<TunnelEnd> carry(LocalSocket local, const TunnelTarget& target,
                                        boost::asio::ssl::context& tls);

}  // namespace tallygate::cli
