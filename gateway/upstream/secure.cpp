#include "gateway/upstream/secure.hpp"

#include <boost/asio/error.hpp>

#include <string_view>
#include <utility>

namespace tallygate::upstream {
namespace {

namespace asio = boost::asio;

struct Spoken {
  std::string_view alpn;
  std::string_view otherwise;
};

constexpr Spoken http1{"http/1.1",
                       "it does not agree to HTTP/1.1 (ALPN http/1.1), which its https:// asks for"};
constexpr Spoken http2{"h2", "it does not agree to HTTP/2 (ALPN h2), which its h2:// asks for"};

}  // namespace

asio::awaitable<std::optional<TlsTrouble>> secure(net::Stream& stream, const net::TlsClient& tls,
                                                  const UpstreamServer& server) {
  const bool is_http1 = server.protocol == UpstreamProtocol::https;
  const Spoken& spoken = is_http1 ? http1 : http2;
  net::SslPointer state = tls.connection(server.host, spoken.alpn);
  const net::error_code error = co_await stream.connect_tls(std::move(state));
  if (error == asio::error::timed_out) {
    co_return TlsTrouble{connect_timeout, "no TLS handshake within the time for connecting"};
  }
  const bool refused = error && net::protocol_refused();
  if (error && !refused) {
    co_return TlsTrouble{tls_failed, "no TLS: " + net::handshake_failure(stream.tls())};
  }
  // HTTP/1.1 is what a server speaks that says nothing.
  const std::string_view chosen = refused ? std::string_view() : net::chosen_protocol(stream.tls());
  if (refused || (chosen != spoken.alpn && !(is_http1 && chosen.empty()))) {
    co_return TlsTrouble{protocol_failed, std::string(spoken.otherwise)};
  }
  co_return std::nullopt;
}

}  // namespace tallygate::upstream
