#pragma once
/// The client's side of an exchange as the relay sees it, whatever framing the client speaks.
#include "gateway/http/message.hpp"
#include "gateway/net/stream.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace tallygate::upstream {

/// Where a request's body comes from, and where the response goes. Threads: its connection's. One reader and
/// one writer may wait at the same time.
class Client {
 public:
  Client() = default;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  virtual ~Client() = default;

  // The request's body.

  [[nodiscard]] virtual bool body_done() const noexcept = 0;
  [[nodiscard]] virtual std::uint64_t body_bytes() const noexcept = 0;
  /// Valid once body_done().
  [[nodiscard]] virtual const http::Trailers& trailers() const noexcept = 0;
  /// The next bytes of the body, valid until the next call; empty at its end; no value if it would have to
  /// wait. Errors: http::BodyFault or the connection's.
  [[nodiscard]] virtual std::optional<net::Result<std::string_view>> next_now() = 0;
  /// Likewise, but waits, at most `idle` for each arrival. What was handed out before has been taken.
  [[nodiscard]] virtual boost::asio::awaitable<net::Result<std::string_view>> next(
      net::Milliseconds idle) = 0;
  /// Says that the last piece has been taken, where no next() follows.
  virtual void finish_body() noexcept = 0;
  /// Tells a client that waits with its body to send it (100 Continue).
  [[nodiscard]] virtual boost::asio::awaitable<net::error_code> invite_body(net::Milliseconds idle) = 0;

  // The response, once its head has been given (ResponseGate::begin_response).

  /// True if another piece can be added before the next send.
  [[nodiscard]] virtual bool has_room() const noexcept = 0;
  /// Adds a piece of the body, which has to stay where it is until it has been sent. `last` ends the body
  /// with these trailers, and is null where more follows.
  virtual void add(std::string_view piece, const http::Trailers* last) = 0;
  /// Sends what was added, as far as that needs no waiting. False: send() has to go on.
  [[nodiscard]] virtual bool send_now(net::Milliseconds idle) = 0;
  [[nodiscard]] virtual boost::asio::awaitable<net::error_code> send() = 0;

  // A tunnel, after a response that opened one was sent.

  /// The next bytes, valid until the next call; empty at the end.
  [[nodiscard]] virtual boost::asio::awaitable<net::Result<std::string_view>> receive() = 0;
  [[nodiscard]] virtual boost::asio::awaitable<net::error_code> write(std::string_view bytes) = 0;
  /// Nothing more is written.
  virtual void shutdown() noexcept = 0;

  // Both ways.

  /// The longest time until something is received or sent; zero: nothing is expected of the client.
  virtual void limit(net::Milliseconds time) noexcept = 0;
  /// Wakes whoever waits, and gives the exchange up: what was sent of the response must not look whole.
  virtual void cancel() noexcept = 0;
  /// Wakes whoever waits at this moment.
  virtual void interrupt() noexcept = 0;
  [[nodiscard]] virtual bool cancelled() const noexcept = 0;
  [[nodiscard]] virtual bool timed_out() const noexcept = 0;
};

}  // namespace tallygate::upstream
