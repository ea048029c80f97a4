#pragma once
/// Heads on their way through: what the upstream is told, and what the client is told. Pure.
#include "gateway/http/message.hpp"
#include "gateway/identity/identity.hpp"
#include "gateway/settings.hpp"
#include "policy/request/canonical.hpp"

#include <string>
#include <string_view>

namespace tallygate::access {

/// All that a request's head towards the upstream is made of. Views live during the call.
struct UpstreamHead {
  const http::RequestHead* from_client = nullptr;
  const policy::CanonicalRequest* target = nullptr;
  const RouteSettings* route = nullptr;
  const identity::Identity* identity = nullptr;
  http::Framing framing;
  bool websocket = false;
  std::string_view assertion;        ///< X-Tallygate-Assertion; empty for the anonymous
  std::string_view client_address;   ///< of the socket
  std::string_view forwarded_chain;  ///< X-Forwarded-For as a trusted peer sent it; else empty
  std::string_view request_id;
  std::string_view traceparent;
  std::string_view session_cookie;  ///< the name of the gateway's own
};

/// Appends the head. Hop-by-hop fields, and all that claims something about the client, are left out whoever
/// wrote them; the gateway's own are added afterwards, so that no Connection field can name them away.
/// Source: RFC 9110 §7.6.1; interfaces.md §3; security.md, Headers that claim something.
void append_upstream_head(std::string& out, const UpstreamHead& head);

/// How the response goes to the client.
struct ClientHead {
  const http::ResponseHead* from_upstream = nullptr;
  http::Framing framing;   ///< as it will be sent: until_close becomes chunked for HTTP/1.1
  bool bodiless = false;   ///< answer to HEAD, 204, 304: framing fields pass as they are
  bool websocket = false;  ///< 101
  bool keep_alive = true;
  unsigned client_version = 11;
  std::string_view request_id;
  std::string_view session_cookie;  ///< an application may not set it
};
void append_client_head(std::string& out, const ClientHead& head);

/// A traceparent for the upstream: the client's trace if it sent a well-formed one, else a new one, and our
/// own span. `random` is 48 hex digits. Source: W3C Trace Context §3.2.
[[nodiscard]] std::string make_traceparent(const http::Fields& fields, std::string_view random);

}  // namespace tallygate::access
