#pragma once
/// One request on its way to a server and the answer on its way back, with bounded memory both ways.
#include "gateway/http/body.hpp"
#include "gateway/http/message.hpp"
#include "gateway/upstream/pool.hpp"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace tallygate::upstream {

/// Limits of what an upstream may answer.
inline constexpr http::HeadLimits response_head_limits{std::size_t{64} * 1024, 200};

/// The request as the relay needs it. Borrows everything; it all outlives the relay.
struct RelayRequest {
  net::Stream* client = nullptr;
  net::Buffer* buffer = nullptr;  ///< what came from the client after the head
  http::RequestParser* parser = nullptr;
  http::Framing framing;
  std::optional<std::uint64_t> body_limit;
  http::FieldPredicate claims = nullptr;  ///< fields that a client may not send, in trailers either
  std::string_view method;
  unsigned version = 11;
  bool keep_alive = true;
  bool expect_continue = false;
  bool websocket = false;
  net::Milliseconds client_idle{0};
  const RouteSettings* route = nullptr;
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
  /// Appends the response's head as the client gets it.
  virtual void append_head(std::string& out, const http::ResponseHead& head, const Form& form) = 0;
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
class Relay {
 public:
  Relay(Pool& pool, net::BufferPool& buffers, const UpstreamServer& server, ServerState& state,
        RelayRequest request, ResponseGate& gate)
      : pool_(pool),
        buffers_(buffers),
        buffer_(buffers),
        server_(server),
        state_(state),
        request_(request),
        gate_(gate),
        body_(*request.client, *request.buffer, *request.parser, request.framing, request.body_limit,
              request.claims) {}

  ~Relay() { buffers_.give_text(std::move(first_)); }
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  /// Sends `head` and the body, relays the response or becomes a tunnel. Never throws for what a peer does.
  boost::asio::awaitable<RelayOutcome> run(std::string head);

  /// Ends the exchange from outside, as when its session is revoked. Same thread.
  void cut(std::string_view reason) noexcept;

 private:
  struct Upload;
  struct Outgoing;
  enum class Sent { whole, part, failed };
  enum class Next { proceed, retry, end };

  [[nodiscard]] bool take_idle();
  boost::asio::awaitable<bool> connect();
  [[nodiscard]] bool gather(std::string head);
  boost::asio::awaitable<Sent> send_first(std::span<const char> rest);
  boost::asio::awaitable<void> upload(Upload& upload);
  boost::asio::awaitable<void> join(Upload& upload);
  boost::asio::awaitable<Next> read_head(bool may_retry);
  [[nodiscard]] Next unanswered(bool may_retry) noexcept;
  boost::asio::awaitable<void> respond(bool upload_done);
  boost::asio::awaitable<bool> send_body(std::string out, http::Framing framing, http::Framing sent_framing);
  boost::asio::awaitable<void> tunnel();
  boost::asio::awaitable<void> pump(net::Stream& from, net::Buffer& buffer, net::Stream& to,
                                    std::uint64_t& bytes);
  boost::asio::awaitable<void> pump_back(Upload& other);
  void fail(unsigned status, std::string_view why) noexcept;
  void fail_request(const net::error_code& error) noexcept;
  [[nodiscard]] std::string_view ended_or(std::string_view why) const noexcept;
  [[nodiscard]] bool idempotent() const noexcept;

  Pool& pool_;
  net::BufferPool& buffers_;
  net::Buffer buffer_;  // what came from the server
  const UpstreamServer& server_;
  ServerState& state_;
  RelayRequest request_;
  ResponseGate& gate_;
  http::BodySource<true> body_;
  std::unique_ptr<net::Stream> upstream_;
  std::optional<http::ResponseParser> parser_;
  http::ResponseRules rules_;
  std::size_t head_size_ = 0;
  bool reused_ = false;
  std::string first_;  // what a connection is begun with: head and the start of the body
  net::error_code send_error_;
  std::string_view cut_reason_;
  RelayOutcome outcome_;
};

}  // namespace tallygate::upstream
