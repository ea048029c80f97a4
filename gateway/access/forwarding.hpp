#pragma once
/// Heads on their way through: what the upstream is told, and what the client is told. Pure.
#include "gateway/http/message.hpp"
#include "gateway/identity/identity.hpp"
#include "gateway/settings.hpp"
#include "policy/request/canonical.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tallygate::access {

/// All that a request's head towards the upstream is made of. Views live during the call.
struct UpstreamHead {
  const http::RequestHead* from_client = nullptr;
  const policy::CanonicalRequest* target = nullptr;
  const RouteSettings* route = nullptr;
  const identity::Identity* identity = nullptr;
  http::Framing framing;
  bool te_trailers = false;  ///< a client that takes trailers says so to the upstream too (HTTP/2)
  bool websocket = false;
  std::string_view websocket_key;    ///< the gateway's own; empty where the client sent one
  std::string_view assertion;        ///< X-Tallygate-Assertion; empty for the anonymous
  std::string_view client_address;   ///< of the socket
  std::string_view forwarded_chain;  ///< X-Forwarded-For as a trusted peer sent it; else empty
  std::string_view request_id;
  std::string_view traceparent;
  bool sent_trace = false;          ///< it goes on with the client's trace, whose tracestate goes with it
  std::string_view session_cookie;  ///< the name of the gateway's own
};

/// Appends the head. Hop-by-hop fields, and all that claims something about the client, are left out whoever
/// wrote them; the gateway's own are added afterwards, so that no Connection field can name them away.
/// Source: RFC 9110 §7.6.1; interfaces.md §3; security.md, Headers that claim something.
void append_upstream_head(std::string& out, const UpstreamHead& head);

/// Appends a value from outside the head: control characters, which no field may hold, become triplets.
void append_safe_value(std::string& out, std::string_view value);

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
/// Appends it as HTTP/1.1 has it.
void append_client_head(std::string& out, const ClientHead& head);
/// Appends the lines as HTTP/2 has them: the same but for those that frame. Views live as long as the head.
void list_client_fields(std::vector<http::Field>& out, const ClientHead& head);

/// A traceparent, and whether its trace is the client's.
struct TraceParent {
  std::string text;
  bool sent = false;
};
/// For the upstream: the client's trace if it sent a well-formed one, else one named as the request is,
/// without dashes; and our own span, 16 hex digits. `id` is a UUID. Source: W3C Trace Context §3.2.
[[nodiscard]] TraceParent make_traceparent(const http::Fields& fields, std::string_view id,
                                           std::string_view span);

}  // namespace tallygate::access
