#pragma once
/// One request from its head to its end on record, whatever framing it came in: identity, decision, record,
/// acknowledgement, then forward, refuse or a page of the gateway's own.
#include "gateway/access/exchange.hpp"
#include "gateway/access/forward_auth.hpp"
#include "gateway/client_side.hpp"
#include "gateway/connection_state.hpp"
#include "gateway/identity/pages.hpp"
#include "gateway/identity/sessions.hpp"
#include "gateway/upstream/forwarder.hpp"
#include "gateway/upstream/http2_pool.hpp"
#include "gateway/worker.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate {

/// A head as its framing read it. Views live as ClientSide::open_body() says.
struct ReadHead {
  const http::RequestHead* head = nullptr;  ///< null where it could not be read
  http::RequestRules rules;                 ///< with what is wrong in the head
  std::string_view line;                    ///< the first line, for requests that go no further
  std::string_view websocket_key;           ///< to ask an application with, where the client sent none
};

/// Serves one request after another with the same memory. Threads: the connection's.
class Request final : private upstream::ResponseGate, private upstream::Alternatives {
 public:
  Request(ConnectionState& connection, ClientSide& client)
      : connection_(connection), worker_(connection.worker), client_(client) {}

  /// From the head to the end. True: the connection can carry another request.
  boost::asio::awaitable<bool> serve(ReadHead read);
  /// Ends it from outside: what is not forwarded yet never is. `reason` is a literal, a code for the record.
  void cut(std::string_view reason) noexcept;
  /// A new snapshot is in force: ends what it no longer allows.
  void reconsider() noexcept;
  /// Time has passed: ends what its credential no longer covers, and a WebSocket whose policy now says
  /// otherwise.
  void check_time(access::SystemTime now) noexcept;

 private:
  using Served = boost::asio::awaitable<bool>;

  /// The request that another proxy asks about, where this is such a question; else `read` itself.
  [[nodiscard]] ReadHead unwrap(ReadHead read);
  void begin(const ReadHead& read);
  void find_target();
  [[nodiscard]] bool origin_matches() const;

  /// Who asks, if that can be said without waiting; else authenticate_slowly() has to be awaited.
  [[nodiscard]] bool authenticate();
  boost::asio::awaitable<void> authenticate_slowly();
  void take_outcome(identity::Outcome outcome);
  /// Whether the request comes too soon for its address, or for who asks.
  [[nodiscard]] bool too_soon(std::optional<access::RateRefusal> refusal);
  void decide();
  /// Asks the policy, and the shadow, about `target_` as it is.
  void evaluate();
  /// Whether the request goes to its application under another path, which is not decided on yet.
  [[nodiscard]] bool must_rewrite() const noexcept {
    return exchange_.route != nullptr && exchange_.route->rewrite && exchange_.rewritten == nullptr;
  }
  /// Takes the path in its place, and decides again; what has no canonical form is refused as if it had come
  /// so.
  void rewrite();
  /// The request as its client sees it, whatever its route rewrote.
  [[nodiscard]] const policy::CanonicalRequest& public_target() const noexcept {
    return exchange_.rewritten != nullptr ? asked_target_ : target_;
  }
  void choose_reads(const http::Fields& fields);
  void decide_shadow(const policy::Context& context);
  Served judge_and_serve();
  void choose_server();
  [[nodiscard]] std::size_t choose_server(std::span<const std::size_t> tried);
  [[nodiscard]] bool find_room();
  [[nodiscard]] std::vector<std::string_view> servers_tried() const;
  [[nodiscard]] std::uint64_t client_key() const noexcept;
  boost::asio::awaitable<access::Answer> wait_for(access::Recorder::Pending pending);
  Served forward();
  [[nodiscard]] upstream::RelayRequest relay_request();
  [[nodiscard]] upstream::Http2Pool::Target http2_target() const;
  Served finish(upstream::RelayOutcome outcome);
  /// Tells another proxy that it may forward.
  Served grant();
  Served refuse(access::Verdict verdict);
  /// Whether a refusal is one too many of a source that nobody is known of: then it is counted, or begins the
  /// counting, and must not be recorded as others are.
  [[nodiscard]] access::Admitted admit(const access::FloodEvent& event);
  /// The same for a refusal that begins it or was counted: the record says that a suppression has begun.
  /// False: it does not, so nothing may be answered as if it were on record.
  boost::asio::awaitable<bool> suppress(access::Admitted admitted, access::FloodEvent event);
  void keep_refusal(const access::Verdict& verdict);
  Served answer_page();
  boost::asio::awaitable<bool> record_events(const std::vector<identity::SessionEvent>& events);
  boost::asio::awaitable<std::optional<unsigned>> read_form(std::string& body);
  Served answer(const identity::PageResponse& response);
  Served answer_asterisk();
  void count_answer(unsigned status) noexcept;
  [[nodiscard]] access::RouteCounts& counts() noexcept;
  [[nodiscard]] std::string upstream_head(std::string_view assertion) const;
  [[nodiscard]] std::string authority() const;
  [[nodiscard]] identity::Peer peer() const;
  void watch_session(upstream::Forwarder& relay);
  [[nodiscard]] bool draining() const noexcept { return connection_.draining || worker_.draining; }

  // What the relay asks.
  void begin_response(const http::ResponseHead& head, const Form& form) override;
  [[nodiscard]] bool may_respond_now() const noexcept override { return !pending_; }
  boost::asio::awaitable<bool> may_respond() override;
  [[nodiscard]] std::optional<upstream::Destination> another() override;

  ConnectionState& connection_;
  Worker& worker_;
  ClientSide& client_;
  std::shared_ptr<const Snapshot> snapshot_;
  policy::CanonicalRequest target_;        // its memory is used again by the next request
  policy::CanonicalRequest asked_target_;  // what `target_` was before its route rewrote it
  access::Rewritten rewritten_;
  http::RequestRules rules_;
  const ForwardAuthSettings* caller_ = nullptr;  // the snapshot's; null: nobody asks for another
  access::AskedRequest asked_;                   // what they ask about
  bool call_to_head_ = false;                    // their call is a HEAD, whatever they ask about
  access::Exchange exchange_;
  std::optional<access::Recorder::Pending> pending_;  // of a decision that is waited for later
  std::uint64_t decision_seq_ = 0;
  upstream::ServerState* server_ = nullptr;
  std::size_t server_index_ = 0;    // of the route's servers
  std::vector<std::size_t> tried_;  // those among them that did not answer
  upstream::Forwarder* relay_ = nullptr;
  std::string_view cut_reason_;
  std::string method_;  // outlive the head, whose views end with the body's first byte
  std::string accept_;
  std::string_view websocket_key_;
  std::string websocket_accept_;
  std::string proxy_header_;
  unsigned version_ = 11;
  bool body_read_ = false;
  struct Kept {
    std::string message;
    std::vector<std::string> step_up;
  } refusal_;
  const http::RequestHead* kept_head_ = nullptr;  // the client side's
  std::shared_ptr<int> watch_token_;              // gone with the relay that an observer might still name
  std::unique_ptr<identity::Sessions::Watch> watch_;
};

}  // namespace tallygate
