#pragma once
/// TLS on a new connection to a server.
#include "gateway/net/stream.hpp"
#include "gateway/settings.hpp"
#include "gateway/upstream/terms.hpp"

#include <boost/asio/awaitable.hpp>

#include <optional>
#include <string>

namespace tallygate::upstream {

/// Why a server is not spoken to.
struct TlsTrouble {
  OpenFailure failure;
  std::string why;  ///< a sentence for the log
};

/// Performs the handshake with a server that is under TLS, within the deadline of the stream, and makes sure
/// that it speaks the HTTP that its scheme says (ALPN). None: it may be used.
boost::asio::awaitable<std::optional<TlsTrouble>> secure(net::Stream& stream, const net::TlsClient& tls,
                                                         const UpstreamServer& server);

}  // namespace tallygate::upstream
