#pragma once
/// The requests of one connection. Internal to the server; see connection.hpp.
#include "gateway/access/exchange.hpp"
#include "gateway/http/body.hpp"
#include "gateway/identity/pages.hpp"
#include "gateway/identity/sessions.hpp"
#include "gateway/net/stream.hpp"
#include "gateway/upstream/relay.hpp"
#include "gateway/worker.hpp"

#include <memory>
#include <optional>
#include <string>

namespace tallygate {

/// Owns the stream, the input buffer and what is known of the present request. Threads: its worker's.
class Session final : public ConnectionHook, private upstream::ResponseGate {
 public:
  Session(Worker& worker, boost::asio::ip::tcp::socket socket);
  ~Session() override;

  boost::asio::awaitable<void> run();

 private:
  enum class Step { next, close };

  void drain() noexcept override;
  void abort() noexcept override;
  void reconsider() noexcept override;

  boost::asio::awaitable<bool> handshake();
  /// Reads until a head is whole or wrong. False: the connection is over.
  boost::asio::awaitable<bool> read_head();
  boost::asio::awaitable<Step> serve_one();
  void begin_exchange();
  void parse();
  void find_target();
  [[nodiscard]] bool origin_matches() const;

  /// Who asks, if that can be said without waiting; else authenticate_slowly() has to be awaited.
  [[nodiscard]] bool authenticate();
  boost::asio::awaitable<void> authenticate_slowly();
  void take_outcome(identity::Outcome outcome);
  void decide();
  void choose_reads(const http::Fields& fields);
  void decide_shadow(const policy::Context& context);
  boost::asio::awaitable<Step> judge_and_serve();
  boost::asio::awaitable<access::Answer> wait_for(access::Recorder::Pending pending);
  boost::asio::awaitable<Step> forward();
  boost::asio::awaitable<Step> finish(upstream::RelayOutcome outcome);
  boost::asio::awaitable<Step> refuse(access::Verdict verdict);
  /// Whether a refusal is one too many of a source that nobody is known of: then it is counted, and must not
  /// be recorded.
  [[nodiscard]] bool suppressed(std::string_view kind, std::string_view reason, std::string_view user_json);
  [[nodiscard]] bool suppressed(const identity::SessionEvent& event);
  void keep_refusal(const access::Verdict& verdict);
  boost::asio::awaitable<Step> answer_page();
  boost::asio::awaitable<bool> record_events(const std::vector<identity::SessionEvent>& events);
  boost::asio::awaitable<std::optional<unsigned>> read_form(std::string& body);
  boost::asio::awaitable<Step> answer(const identity::PageResponse& response);
  boost::asio::awaitable<Step> answer_asterisk();
  boost::asio::awaitable<void> linger();
  void count_answer(unsigned status) noexcept;
  [[nodiscard]] access::RouteCounts& counts() noexcept;
  [[nodiscard]] std::string upstream_head(std::string_view assertion) const;
  [[nodiscard]] identity::Peer peer() const;
  void watch_session(upstream::Relay& relay);
  [[nodiscard]] bool keep_head();

  // What the relay asks of the client's side.
  void append_head(std::string& out, const http::ResponseHead& head, const Form& form) override;
  [[nodiscard]] bool may_respond_now() const noexcept override { return !pending_; }
  boost::asio::awaitable<bool> may_respond() override;

  Worker& worker_;
  net::Stream stream_;
  net::Buffer buffer_;
  access::ConnectionFacts facts_;
  std::shared_ptr<const Snapshot> snapshot_;  // of the present request
  policy::CanonicalRequest target_;           // its memory is used again by the next request
  identity::IdentityPtr last_identity_;       // whose roles are in roles_
  policy::RoleSet roles_;
  policy::RoleSet shadow_roles_;  // likewise, under the shadow policy
  identity::IdentityPtr shadow_identity_;
  bool idle_ = true;
  bool draining_ = false;

  // The present request.
  std::optional<http::RequestParser> parser_;
  http::RequestRules rules_;
  access::Exchange exchange_;
  std::size_t head_size_ = 0;
  http::HeadFault scan_fault_ = http::HeadFault::none;
  std::optional<access::Recorder::Pending> pending_;  // of a decision that is waited for later
  std::uint64_t decision_seq_ = 0;
  upstream::ServerState* server_ = nullptr;
  upstream::Relay* relay_ = nullptr;
  std::string method_;  // outlive the head, whose views end with the body's first byte
  std::string accept_;
  unsigned version_ = 11;
  bool body_read_ = false;
  struct Kept {
    std::string message;
    std::vector<std::string> step_up;
  } refusal_;
  std::string kept_head_bytes_;  // the head of a request for a page of ours, copied
  std::optional<http::RequestParser> kept_parser_;
  http::RequestHead kept_head_;
  std::shared_ptr<int> watch_token_;  // gone with the relay that an observer might still name
  std::unique_ptr<identity::Sessions::Watch> watch_;
};

}  // namespace tallygate
