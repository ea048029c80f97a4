#pragma once
/// One HTTP/2 connection: frames from and to its socket, and the requests they carry, side by side.
#include "gateway/connection_state.hpp"
#include "gateway/http2/framing.hpp"
#include "gateway/http2/wire.hpp"
#include "gateway/http2_exchange.hpp"
#include "gateway/net/stream.hpp"
#include "gateway/net/wakeup.hpp"
#include "gateway/protocol.hpp"

#include <exception>
#include <memory>
#include <string_view>
#include <vector>

namespace tallygate {

/// Owns the exchanges. Threads: its worker's.
class Http2Session final : public Protocol,
                           public Http2Link,
                           private http2::Events,
                           private http2::Wire,
                           private net::Timed {
 public:
  Http2Session(ConnectionState& connection, net::Stream& stream);

  boost::asio::awaitable<void> run() override;
  void drain() noexcept override;
  void abort() noexcept override;
  void reconsider() noexcept override;
  void check_time(access::SystemTime now) noexcept override;

 private:
  /// What the connection's own deadline is for.
  enum class Phase { busy, idle, block, ending, closing };

  void on_request(http2::Stream& stream) override;
  void on_body(http2::Stream& stream) override;
  void on_sent(http2::Stream& stream) override;
  void on_reset(http2::Stream& stream) override;
  void on_probe() override;

  [[nodiscard]] http2::Framing& framing() noexcept override { return framing_; }
  void pump() override { Wire::pump(); }
  [[nodiscard]] std::vector<http::Field>& fields() noexcept override {
    fields_.clear();
    return fields_;
  }

  [[nodiscard]] http2::Frames& frames() noexcept override { return framing_; }
  [[nodiscard]] net::Milliseconds write_limit() const noexcept override { return timeouts_.body_idle; }
  [[nodiscard]] bool resting() const noexcept override { return live_ == 0; }
  void on_round() noexcept override { arm(); }
  void on_written(const std::exception_ptr& broken) noexcept override;

  void on_expired() noexcept override;
  void arm() noexcept;
  void end() noexcept;
  void finished(Http2Exchange& exchange, const std::exception_ptr& broken) noexcept;

  ConnectionState& connection_;
  Worker& worker_;
  net::Stream& stream_;
  http2::Framing framing_;
  ClientTimeouts timeouts_;
  std::size_t exchanges_max_;
  std::vector<std::unique_ptr<Http2Exchange>> exchanges_;  // all; in use or not
  std::vector<Http2Exchange*> free_;
  std::size_t live_ = 0;
  std::vector<http::Field> fields_;
  std::uint64_t armed_blocks_ = 0;  // when the deadline was set
  Phase phase_ = Phase::busy;
  net::Wakeup settled_;
};

}  // namespace tallygate
