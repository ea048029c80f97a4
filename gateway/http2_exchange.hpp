#pragma once
/// One request of an HTTP/2 connection: how it is read to its end, and answered. Internal to http2_session.
#include "gateway/client_side.hpp"
#include "gateway/http2/framing.hpp"
#include "gateway/net/buffer.hpp"
#include "gateway/net/deadlines.hpp"
#include "gateway/net/wakeup.hpp"
#include "gateway/request.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate {

/// What an exchange asks of its connection. Threads: its worker's.
class Http2Link {
 public:
  Http2Link() = default;
  Http2Link(const Http2Link&) = delete;
  Http2Link& operator=(const Http2Link&) = delete;
  virtual ~Http2Link() = default;

  [[nodiscard]] virtual http2::Framing& framing() noexcept = 0;
  /// Makes frames of what is to be sent as far as there is room, and sends them soon.
  virtual void pump() = 0;
  /// Where to list fields, empty: used between two suspensions only.
  [[nodiscard]] virtual std::vector<http::Field>& fields() noexcept = 0;
};

/// Serves one stream after another with the same memory. Threads: its worker's.
class Http2Exchange final : private ClientSide, private net::Timed {
 public:
  Http2Exchange(ConnectionState& connection, Http2Link& link);

  /// Serves the stream to its end, which is not yet released then.
  boost::asio::awaitable<bool> serve(http2::Stream& stream);
  [[nodiscard]] http2::Stream* stream() const noexcept { return stream_; }
  void leave() noexcept;

  void on_body() { reader_.wake(); }
  void on_sent();
  /// The client is gone, or has given the stream up.
  void gone() noexcept;
  void cut(std::string_view reason) noexcept { request_.cut(reason); }
  void reconsider() noexcept { request_.reconsider(); }
  void check_time(access::SystemTime now) noexcept { request_.check_time(now); }

 private:
  [[nodiscard]] bool body_done() const noexcept override;
  [[nodiscard]] std::uint64_t body_bytes() const noexcept override { return bytes_; }
  /// None where no body is read, and none before it has ended: only the end of a body judges them.
  [[nodiscard]] const http::Trailers& trailers() const noexcept override {
    return done_ ? stream_->trailers : no_trailers_;
  }
  std::optional<net::Result<std::string_view>> next_now() override;
  boost::asio::awaitable<net::Result<std::string_view>> next(net::Milliseconds idle) override;
  void finish_body() noexcept override;
  boost::asio::awaitable<net::error_code> invite_body(net::Milliseconds idle) override;
  [[nodiscard]] bool has_room() const noexcept override;
  void add(std::string_view piece, const http::Trailers* last) override;
  bool send_now(net::Milliseconds idle) override;
  boost::asio::awaitable<net::error_code> send() override;
  boost::asio::awaitable<net::Result<std::string_view>> receive() override;
  boost::asio::awaitable<net::error_code> write(std::string_view bytes) override;
  void shutdown() noexcept override;
  void limit(net::Milliseconds time) noexcept override;
  void cancel() noexcept override;
  void interrupt() noexcept override;
  [[nodiscard]] bool cancelled() const noexcept override { return cancelled_; }
  [[nodiscard]] bool timed_out() const noexcept override { return timed_out_; }
  [[nodiscard]] const http::RequestHead* keep_head() override { return &stream_->block.head(); }
  void open_body(const BodyRules& rules) override;
  void begin_response(const access::ClientHead& head) override;
  boost::asio::awaitable<bool> answer(const LocalAnswer& answer) override;

  void on_expired() noexcept override;
  [[nodiscard]] bool trailers_allowed() const noexcept;
  void credit();
  [[nodiscard]] net::error_code failure() const noexcept;

  const http::Trailers no_trailers_;
  Http2Link& link_;
  Request request_;
  net::Wakeup reader_;
  net::Wakeup writer_;
  net::Milliseconds limit_{0};
  std::uint32_t interrupts_ = 0;
  bool cancelled_ = false;
  bool timed_out_ = false;

  http2::Stream* stream_ = nullptr;  // none between two
  net::Buffer taken_;                // the piece that was handed out
  std::size_t handed_ = 0;           // bytes that were handed out and not taken yet
  std::uint64_t bytes_ = 0;
  BodyRules rules_;
  std::string websocket_key_;
  bool opened_ = false;
  bool done_ = false;
};

}  // namespace tallygate
