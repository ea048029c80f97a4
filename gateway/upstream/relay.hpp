#pragma once
/// One request on its way to a server of HTTP/1.1, and the answer on its way back.
#include "gateway/http/body.hpp"
#include "gateway/http/message.hpp"
#include "gateway/http/websocket_frames.hpp"
#include "gateway/upstream/forwarder.hpp"
#include "gateway/upstream/pool.hpp"

#include <boost/asio/awaitable.hpp>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace tallygate::upstream {

/// Threads: one. Lives in the frame of the coroutine that awaits run().
class Relay final : public Forwarder {
 public:
  Relay(Pool& pool, net::BufferPool& buffers, Destination destination, RelayRequest request,
        ResponseGate& gate)
      : pool_(pool),
        buffers_(buffers),
        buffer_(buffers),
        destination_(destination),
        request_(request),
        gate_(gate),
        client_(*request.client) {}

  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;
  ~Relay() override { buffers_.give_text(std::move(first_)); }

  boost::asio::awaitable<RelayOutcome> run(std::string head) override;
  void cut(std::string_view reason) noexcept override;

 private:
  enum class Sent { whole, part, failed };
  enum class Next { proceed, retry, end };

  [[nodiscard]] bool take_idle();
  boost::asio::awaitable<bool> connect();
  [[nodiscard]] bool gather(std::string head);
  boost::asio::awaitable<Sent> send_first(std::span<const char> rest);
  boost::asio::awaitable<void> upload(Upload& upload);
  boost::asio::awaitable<void> join(Upload& upload);
  boost::asio::awaitable<Next> read_head();
  [[nodiscard]] Next unsent();
  [[nodiscard]] Next unanswered();
  [[nodiscard]] Next elsewhere();
  [[nodiscard]] bool may_repeat() const noexcept;
  boost::asio::awaitable<void> respond(bool upload_done);
  boost::asio::awaitable<bool> send_body(http::Framing framing);
  boost::asio::awaitable<bool> open_tunnel();
  boost::asio::awaitable<void> tunnel();
  boost::asio::awaitable<void> pump_up();
  boost::asio::awaitable<void> pump_down();
  boost::asio::awaitable<void> say_farewell();
  [[nodiscard]] net::Milliseconds tunnel_idle() const noexcept;
  [[nodiscard]] bool answers_upgrade() const noexcept;
  void fail(unsigned status, std::string_view why) noexcept;
  void fail_request(const net::error_code& error) noexcept;
  [[nodiscard]] std::string_view ended_or(std::string_view why) const noexcept;

  Pool& pool_;
  net::BufferPool& buffers_;
  net::Buffer buffer_;  // what came from the server
  Destination destination_;
  std::optional<Busy> busy_;
  RelayRequest request_;
  ResponseGate& gate_;
  Client& client_;
  std::unique_ptr<net::Stream> upstream_;
  std::optional<http::ResponseParser> parser_;
  http::ResponseRules rules_;
  std::size_t head_size_ = 0;
  bool reused_ = false;
  bool fresh_ = false;       // a kept connection to this server has failed the request: no other one
  bool repeatable_ = false;  // all of it is in `first_`, and twice is as good as once
  bool tunnelling_ = false;
  http::FrameEnds sent_frames_;  // of a tunnel, to the client
  std::string first_;            // what a connection is begun with: head and the start of the body
  net::error_code send_error_;
  std::string_view cut_reason_;
  RelayOutcome outcome_;
};

}  // namespace tallygate::upstream
