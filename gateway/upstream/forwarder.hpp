#pragma once
/// One request on its way to a server and the answer on its way back, with bounded memory both ways, whatever
/// protocol the server speaks.
#include "gateway/http/body.hpp"
#include "gateway/http/message.hpp"
#include "gateway/settings.hpp"
#include "gateway/upstream/client.hpp"
#include "gateway/upstream/server_state.hpp"
#include "gateway/upstream/terms.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tallygate::upstream {

/// How a request ends that its server has no room for.
inline constexpr std::string_view busy_code = "upstream-busy";

/// Limits of what an upstream may answer.
inline constexpr http::HeadLimits response_head_limits{std::size_t{64} * 1024, 200};

/// Where a request goes. Borrowed; outlives the relay.
struct Destination {
  const UpstreamServer* server = nullptr;
  ServerState* state = nullptr;
};

/// The other servers of a route, for a request that one of them did not answer. Called on the relay's thread.
class Alternatives {
 public:
  Alternatives() = default;
  Alternatives(const Alternatives&) = delete;
  Alternatives& operator=(const Alternatives&) = delete;
  virtual ~Alternatives() = default;

  /// Where the request goes now, to a server of the same protocol, and its exchange counts from then on as
  /// that server's; none: it is not to be sent again. Ask only where nothing of the request has gone out, or
  /// doing it twice does no more than doing it once, and nothing of an answer has gone to the client.
  [[nodiscard]] virtual std::optional<Destination> another() = 0;
};

/// The request as the relay needs it. Borrows everything; it all outlives the relay.
struct RelayRequest {
  Client* client = nullptr;  ///< its body has been opened
  bool chunked = false;      ///< the body's length is not known before its end
  std::string_view method;
  unsigned version = 11;
  bool keep_alive = true;
  bool expect_continue = false;
  bool websocket = false;
  http::FieldPredicate claims = nullptr;  ///< fields that no trailer of it may have
  std::string_view websocket_accept;      ///< what opens it, where the client cannot check that itself
  net::Milliseconds client_idle{0};
  const RouteSettings* route = nullptr;
  Alternatives* alternatives = nullptr;  ///< null: there is one server
  std::shared_ptr<const Terms> terms;    ///< of the route's connections; may be null
  std::string_view proxy_header;  ///< what a connection begins with, which is then this request's alone
};

/// What the client's side must still decide about a response. Called on the relay's thread.
class ResponseGate {
 public:
  ResponseGate() = default;
  ResponseGate(const ResponseGate&) = delete;
  ResponseGate& operator=(const ResponseGate&) = delete;
  virtual ~ResponseGate() = default;

  struct Form {
    http::Framing framing;
    bool bodiless = false;
    bool websocket = false;
    bool keep_alive = true;
  };
  /// Hands the response's head over to the client's side; it leaves with the first send.
  virtual void begin_response(const http::ResponseHead& head, const Form& form) = 0;
  /// True if the response may leave and nothing need be waited for.
  [[nodiscard]] virtual bool may_respond_now() const noexcept = 0;
  /// Waits until the response may leave; false: it may not, and nothing of it was sent.
  virtual boost::asio::awaitable<bool> may_respond() = 0;
};

/// How an exchange ended.
struct RelayOutcome {
  unsigned status = 0;          ///< of the response that was sent, or the one to answer with if none was
  bool responded = false;       ///< the client has got a head; false: answer locally with `status`
  bool keep_alive = false;      ///< the client's connection can carry another request
  std::uint64_t bytes_in = 0;   ///< of the request's body
  std::uint64_t bytes_out = 0;  ///< of the response's body
  std::string_view ended = "complete";  ///< why it ended, a code for the record
};

/// Threads: one. Lives in the frame of the coroutine that awaits run().
class Forwarder {
 public:
  Forwarder() = default;
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;
  virtual ~Forwarder() = default;

  /// Sends `head`, which is as append_upstream_head() makes it, and the body; relays the response or becomes
  /// a tunnel. Never throws for what a peer does.
  virtual boost::asio::awaitable<RelayOutcome> run(std::string head) = 0;
  /// Ends the exchange from outside, as when its session is revoked. Same thread.
  virtual void cut(std::string_view reason) noexcept = 0;
};

/// Why an exchange was cut: what let it in no longer does.
inline constexpr std::string_view policy_changed_reason = "policy-changed";
inline constexpr std::string_view session_ended_reason = "session-ended";
inline constexpr std::string_view credential_expired_reason = "credential-expired";
/// The gateway ends.
inline constexpr std::string_view shutdown_reason = "shutdown";
/// Why an exchange was cut that took longer than its route allows.
inline constexpr std::string_view deadline_reason = "deadline";

/// What a client is answered with whose exchange was cut for `reason` before its answer had begun;
/// `otherwise` where it was not cut.
[[nodiscard]] unsigned status_of_cut(std::string_view reason, unsigned otherwise) noexcept;

/// Cuts an exchange that takes longer than its route allows.
class WholeDeadline final : public net::Timed {
 public:
  /// Zero: it may take as long as it takes.
  WholeDeadline(Forwarder& forwarder, net::Deadlines& deadlines, net::Milliseconds limit)
      : forwarder_(forwarder) {
    if (limit.count() > 0) {
      deadlines.add(*this);
      expires_in(limit);
    }
  }

 private:
  void on_expired() noexcept override { forwarder_.cut(deadline_reason); }
  Forwarder& forwarder_;
};

/// A coroutine beside the main one, which carries the request's body, and the way to wait for its end.
struct Upload {
  explicit Upload(const boost::asio::any_io_executor& executor)
      : ended(executor, net::Clock::time_point::max()) {}
  bool running = false;
  bool stop = false;
  boost::asio::steady_timer ended;
};

/// What the client is answered with where its request cannot be read to its end.
struct RequestFailure {
  unsigned status = 400;
  std::string_view code;  ///< for the record
};
[[nodiscard]] RequestFailure request_failure(const net::error_code& error) noexcept;

/// The trailers that go on to the server, once the client's body is done: none at all where one of them has a
/// name that only the gateway may say. The client's side has refused those already; this is where they leave.
[[nodiscard]] const http::Trailers& trailers_to_send(const RelayRequest& request) noexcept;

/// Goes on to another server, if there may be one, as though the one before had never been asked: counts the
/// request there, and forgets the failure. None: the failure stands. What Alternatives::another() asks for
/// must hold.
[[nodiscard]] std::optional<Destination> go_elsewhere(const RelayRequest& request,
                                                      std::string_view cut_reason, Busy& busy,
                                                      RelayOutcome& outcome);

/// Whether doing it twice does no more than doing it once (RFC 9110 §9.2.2).
[[nodiscard]] bool is_idempotent(std::string_view method) noexcept;

}  // namespace tallygate::upstream
