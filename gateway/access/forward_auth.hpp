#pragma once
/// Requests that another proxy asks about before it forwards them itself: nginx's auth_request, Traefik's
/// forwardAuth, Caddy's forward_auth, Envoy's ext_authz over HTTP. Pure.
///
/// What a proxy asks becomes an ordinary request, which takes the ordinary path: the same identity, policy
/// and record. Each kind of proxy tells it in lines of its own, and those alone are read: lines of another
/// kind come from the client, and would let it choose what is asked.
#include "gateway/http/head.hpp"
#include "gateway/identity/pages.hpp"
#include "gateway/settings.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tallygate::access {

/// Where proxies ask (interfaces.md §3).
inline constexpr std::string_view authorize_path = "/.tallygate/authorize";

/// Whether a target is a proxy's question: that path, or a path below it, as it was sent.
[[nodiscard]] bool asks_for_another(std::string_view target) noexcept;

/// The settings for a proxy at that address; null: none may ask from there.
[[nodiscard]] const ForwardAuthSettings* find_caller(const std::vector<ForwardAuthSettings>& callers,
                                                     const policy::Address& address) noexcept;

/// The request that is asked about. Owns what is not the call's; its fields are views into the call's head,
/// which lives as long. Threads: one.
class AskedRequest {
 public:
  /// Makes it of the head of a call. False: the lines of that kind of proxy are missing, repeated or
  /// malformed, and head() is as it was.
  [[nodiscard]] bool read(const http::RequestHead& call, ForwardAuthCaller caller);

  [[nodiscard]] const http::RequestHead& head() const noexcept { return head_; }
  /// Its first line, as HTTP/1.1 has it.
  [[nodiscard]] std::string_view line() const noexcept { return line_; }

 private:
  std::string line_;
  http::RequestHead head_;
};

/// The answer to a request that may pass: 200, and who is asking. All four names are always there, empty
/// where there is nothing to say, so that a proxy which copies them overwrites what the client sent under
/// them.
[[nodiscard]] identity::PageResponse granted(const identity::Identity& identity,
                                             const IdentityHeaders& wanted, std::string_view assertion);

/// Makes an answer fit for that kind of proxy: a place to go is named in full, since the proxy may take it as
/// relative to the gateway; and where the proxy is one that knows only 401 and 403, other refusals become one
/// of these. `authority` is that of the request asked about.
void fit_for_caller(identity::PageResponse& answer, ForwardAuthCaller caller, std::string_view authority);

}  // namespace tallygate::access
