#pragma once
/// Everything known about one request, filled strictly left to right, and the verdict that follows from it.
#include "gateway/access/ids.hpp"
#include "gateway/access/policy_reads.hpp"
#include "gateway/access/rates.hpp"
#include "gateway/access/rewrite.hpp"
#include "gateway/http/message.hpp"
#include "gateway/http/strict.hpp"
#include "gateway/identity/authenticator.hpp"
#include "gateway/identity/client_certificate.hpp"
#include "gateway/net/tls_context.hpp"
#include "gateway/settings.hpp"
#include "policy/evaluate/evaluate.hpp"
#include "policy/replay/recorded.hpp"
#include "policy/request/canonical.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tallygate::access {

/// What a connection is, established once. Immutable afterwards.
struct ConnectionFacts {
  policy::Address address;  ///< of the socket
  std::string address_text;
  std::uint16_t port = 0;
  bool vouches = true;    ///< false: a balancer's that did not say whose it is, so it says nothing of others
  policy::Address local;  ///< where the client connected to
  std::uint16_t local_port = 0;
  net::TlsFacts tls;
  std::optional<identity::ClientCertificate> certificate;
};

/// What a candidate policy would have answered (`shadow_policy`). For the record and the metrics; no verdict
/// looks at it.
struct ShadowAnswer {
  const policy::Program* program = nullptr;
  policy::Answer answer;
  std::span<const policy::RoleIndex> roles;
  std::uint32_t microseconds = 0;
};

/// One request. Every field begins as "not allowed", so a stage that is forgotten denies. A stage reads only
/// what stands before it. Threads: the connection's. Borrows the head, which lives as long as the
/// connection's buffer.
struct Exchange {
  const ConnectionFacts* connection = nullptr;
  const RecordSettings* recording = nullptr;  ///< what is recorded where no route says otherwise; null: all
  const PolicyReads* reads = nullptr;         ///< what has to be recorded for the policy; null: nothing
  UuidText id{};
  SystemTime now{};  ///< when the request was read
  std::string traceparent;
  bool sent_trace = false;                  ///< its trace is the client's; else it is named as `id` is
  std::string_view line;                    ///< the first line as sent, for requests that go no further
  const http::RequestHead* head = nullptr;  ///< null where the head could not be read
  http::HeadFault head_fault = http::HeadFault::first_line;
  policy::RejectCode target_fault = policy::RejectCode::request_line;
  policy::CanonicalRequest* target = nullptr;  ///< filled where target_fault is `none`
  bool host_known = false;                     ///< some route lives on this host
  bool same_clients = false;                   ///< TLS asked of this client what its host asks for
  policy::Address client;                      ///< effective address (policy.md N16)
  identity::IdentityPtr identity;              ///< null: refused, or not asked yet
  std::optional<identity::RejectCode> identity_fault;
  const RouteSettings* route = nullptr;
  const Rewritten* rewritten = nullptr;      ///< what `target` is, where its route rewrote it
  bool asked = false;                        ///< another proxy asks about it, and forwards it itself
  bool websocket = false;                    ///< the request asks for a WebSocket
  bool origin_ok = false;                    ///< of a WebSocket: Origin is absent or this host
  std::optional<policy::Decision> decision;  ///< none: the policy was not asked
  std::uint32_t microseconds = 0;            ///< of the decision
  std::optional<RateRefusal> rate;           ///< it comes too soon, or is one too many
  std::optional<ShadowAnswer> shadow;        ///< none: there is no shadow policy, or no decision
};

/// What to do with a request.
struct Verdict {
  bool forward = false;
  unsigned status = 503;                   ///< of the refusal
  std::string_view reason = "not-judged";  ///< code for record, page and metrics
};

/// The verdict, the record aside. Pure; its truth table is its test.
[[nodiscard]] Verdict judge(const Exchange& exchange) noexcept;

/// The verdict once the record has answered: nothing happens that is not on record. `readable_only` is
/// `when_unwritable: allow_read_only`.
[[nodiscard]] Verdict confirm(Verdict judged, bool durable, bool readable_only,
                              std::string_view method) noexcept;

}  // namespace tallygate::access
