#pragma once
/// The gateway's own pages under /.tallygate/: values in, values out; no socket.
#include "gateway/identity/assertion.hpp"
#include "gateway/identity/authenticator.hpp"
#include "gateway/identity/password_login.hpp"
#include "gateway/identity/sessions.hpp"
#include "gateway/identity/users.hpp"

#include <boost/asio/awaitable.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tallygate::identity {

inline constexpr std::string_view pages_prefix = "/.tallygate/";

/// One request for a page of ours. Views live until the answer is there.
struct PageRequest {
  std::string_view method;
  std::string_view path;       ///< canonical
  std::string_view query;      ///< raw, without `?`
  std::string_view authority;  ///< canonical host, with `:port` unless it is 443: the origin without scheme
  std::string body;            ///< of a POST, whole; at most max_form_bytes, the caller answers 413 beyond
  const http::RequestHead* head = nullptr;
  Peer peer;
  IdentityPtr identity;  ///< who asks; anonymous before login
  std::string_view request_id;
  TimePoint now;
};

/// The answer. `events` must be recorded before any byte of it leaves; if that fails, answer 503 instead and
/// call `undo_session` with the secret.
struct PageResponse {
  unsigned status = 200;
  std::vector<std::pair<std::string, std::string>> fields;  ///< without Content-Length, which the caller adds
  std::string body;
  std::vector<SessionEvent> events;
  std::string new_session_secret;  ///< not empty: a session was started that only this answer's cookie knows
};

/// What a page of refusal says.
struct Refusal {
  unsigned status = 403;     ///< 400, 401, 403, 404, 413, 421, 429, 500, 502, 503, 504
  std::string_view reason;   ///< code for machines: `deny`, `step-up`, a reject code
  std::string_view message;  ///< for the person: the rule's message or what is wrong; may be empty
  std::string_view rule;     ///< the deciding rule, `default`, or empty where it should not be told
  std::string_view request_id;
  std::string_view contact;          ///< whom to ask: mail address, URL or words; may be empty
  std::string_view login_return;     ///< not empty: offer login, then come back to this path and query
  std::vector<std::string> step_up;  ///< conditions that the person could mend
  std::optional<std::chrono::seconds> retry_after;  ///< when it may be tried again (RFC 9110 §10.2.3)
};

/// The page or problem document (RFC 9457) for a refusal, whichever the client prefers (Accept). 401 carries
/// WWW-Authenticate. HEAD has no body, which is the caller's to leave out.
[[nodiscard]] PageResponse refusal_page(const Refusal& refusal, const http::RequestHead& head,
                                        const Identity& identity);

/// True if the client would rather have HTML than JSON: `text/html` weighs more than `application/json` and
/// `application/problem+json`. No Accept, or `*/*` alone (curl), is JSON.
[[nodiscard]] bool prefers_html(const http::RequestHead& head) noexcept;

/// Where an unauthenticated browser goes: 303 to the login page for a GET that prefers HTML; none for
/// everything else, which gets 401. `clear_session_cookie` where a stale one was presented.
[[nodiscard]] std::optional<PageResponse> login_redirect(const http::RequestHead& head,
                                                         std::string_view path_and_query,
                                                         std::string_view stale_cookie_name);

/// What the pages work with. Immutable; a reload makes a new one around the same sessions and login.
struct PagesConfig {
  std::string title = "Tallygate";
  std::string contact;  ///< whom to ask
  std::string cookie = "__Host-tallygate";
  std::shared_ptr<const LocalUsers> users;  ///< null: no local login
};

/// Threads: safe from any. Must outlive the coroutines it gave.
class Pages {
 public:
  Pages(PagesConfig config, std::shared_ptr<Sessions> sessions, std::shared_ptr<PasswordLogin> login,
        std::shared_ptr<Assertions> assertions);

  /// Answers everything under /.tallygate/: GET and POST login, GET and POST logout, GET denied, whoami,
  /// jwks.json, style.css; 404 and 405 for the rest. Waits only for a password to be checked.
  [[nodiscard]] boost::asio::awaitable<PageResponse> answer(PageRequest request) const;
  /// Ends a session whose start could not be recorded.
  void undo_session(std::string_view secret, TimePoint now) const;

 private:
  [[nodiscard]] PageResponse show_login(const PageRequest& request) const;
  [[nodiscard]] boost::asio::awaitable<PageResponse> post_login(PageRequest request) const;
  [[nodiscard]] PageResponse show_logout(const PageRequest& request) const;
  [[nodiscard]] PageResponse post_logout(const PageRequest& request) const;
  [[nodiscard]] PageResponse show_denied(const PageRequest& request) const;
  [[nodiscard]] PageResponse refuse(const PageRequest& request, unsigned status, std::string_view reason,
                                    std::string_view message) const;

  /// What the login form shows beside its fields.
  struct LoginForm {
    unsigned status = 200;
    std::string_view alarm;
    std::string_view name;
    std::string_view back;
  };
  [[nodiscard]] PageResponse login_form(const PageRequest& request, const LoginForm& form) const;
  [[nodiscard]] PageResponse login_failed(const PageRequest& request, const LoginForm& form,
                                          const PasswordLogin::Answer& answer) const;
  [[nodiscard]] PageResponse begin_session(const PageRequest& request, const IdentityPtr& identity,
                                           std::string_view back) const;

  PagesConfig config_;
  std::string form_cookie_;  ///< name of the cookie that a login form is bound to
  std::shared_ptr<Sessions> sessions_;
  std::shared_ptr<PasswordLogin> login_;
  std::shared_ptr<Assertions> assertions_;
};

}  // namespace tallygate::identity
