#pragma once
/// The requests of one HTTP/1.1 connection, one after another. Internal to the server; see connection.hpp.
#include "gateway/client_side.hpp"
#include "gateway/connection_state.hpp"
#include "gateway/http/body.hpp"
#include "gateway/net/buffer.hpp"
#include "gateway/net/stream.hpp"
#include "gateway/protocol.hpp"
#include "gateway/request.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tallygate {

/// Owns the input that is not read yet and the output that is not sent yet. Threads: its worker's.
class Session final : public Protocol, private ClientSide {
 public:
  Session(ConnectionState& connection, net::Stream& stream)
      : connection_(connection),
        worker_(connection.worker),
        stream_(stream),
        buffer_(worker_.buffers),
        request_(connection, *this) {}

  boost::asio::awaitable<void> run() override;
  void drain() noexcept override;
  void abort() noexcept override;
  void reconsider() noexcept override { request_.reconsider(); }
  void check_time(access::SystemTime now) noexcept override { request_.check_time(now); }

 private:
  /// Reads until a head is whole or wrong. False: the connection is over.
  boost::asio::awaitable<bool> read_head();
  [[nodiscard]] ReadHead parse();
  void take_head() noexcept;

  // ClientSide.
  [[nodiscard]] bool body_done() const noexcept override { return !body_ || body_->done(); }
  [[nodiscard]] std::uint64_t body_bytes() const noexcept override { return body_ ? body_->bytes() : 0; }
  [[nodiscard]] const http::Trailers& trailers() const noexcept override { return parser_->trailers(); }
  std::optional<net::Result<std::string_view>> next_now() override { return body_->next_now(); }
  boost::asio::awaitable<net::Result<std::string_view>> next(net::Milliseconds idle) override {
    return body_->next(idle);
  }
  void finish_body() noexcept override { body_->finish(); }
  boost::asio::awaitable<net::error_code> invite_body(net::Milliseconds idle) override;
  [[nodiscard]] bool has_room() const noexcept override;
  void add(std::string_view piece, const http::Trailers* last) override;
  bool send_now(net::Milliseconds idle) override;
  boost::asio::awaitable<net::error_code> send() override;
  boost::asio::awaitable<net::Result<std::string_view>> receive() override;
  boost::asio::awaitable<net::error_code> write(std::string_view bytes) override {
    return stream_.write(bytes);
  }
  void shutdown() noexcept override { stream_.shutdown(); }
  void limit(net::Milliseconds time) noexcept override { stream_.expires_in(time); }
  void cancel() noexcept override { stream_.cancel(); }
  void interrupt() noexcept override { stream_.interrupt(); }
  [[nodiscard]] bool cancelled() const noexcept override { return stream_.cancelled(); }
  [[nodiscard]] bool timed_out() const noexcept override { return stream_.timed_out(); }
  [[nodiscard]] const http::RequestHead* keep_head() override;
  void open_body(const BodyRules& rules) override;
  void begin_response(const access::ClientHead& head) override;
  boost::asio::awaitable<bool> answer(const LocalAnswer& answer) override;

  ConnectionState& connection_;
  Worker& worker_;
  net::Stream& stream_;
  net::Buffer buffer_;
  Request request_;
  bool idle_ = true;

  // The present request.
  std::optional<http::RequestParser> parser_;
  std::size_t head_size_ = 0;  ///< bytes of the head that are still in the buffer
  http::HeadFault scan_fault_ = http::HeadFault::none;
  std::optional<http::BodySource<true>> body_;
  std::string kept_head_bytes_;
  std::optional<http::RequestParser> kept_parser_;

  // The present response: bytes put together here, or a piece of the body where it lies.
  std::string out_;
  std::string_view direct_;
  std::span<const char> rest_;  ///< what send_now() has left to send()
  bool chunked_ = false;
  std::size_t tunnel_used_ = 0;  ///< bytes of the buffer that receive() handed out
};

}  // namespace tallygate
