#pragma once
/// The key that opens a WebSocket in HTTP/1.1, for when it is the gateway that asks (RFC 6455 §4.1).
#include <string>
#include <string_view>

namespace tallygate::http {

/// A new Sec-WebSocket-Key; empty if there is no randomness.
[[nodiscard]] std::string make_websocket_key();

/// The Sec-WebSocket-Accept that answers it; empty if it cannot be computed.
[[nodiscard]] std::string websocket_accept(std::string_view key);

}  // namespace tallygate::http
