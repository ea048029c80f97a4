#pragma once
/// A TCP connection to a server, carried by the client's WebSocket: each binary message is a piece of it, and
/// one of no bytes says that this direction is over.
#include "gateway/http/websocket_frames.hpp"
#include "gateway/http/websocket_messages.hpp"
#include "gateway/net/buffer.hpp"
#include "gateway/upstream/forwarder.hpp"
#include "gateway/upstream/pool.hpp"

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace tallygate::upstream {

/// Threads: one. Lives in the frame of the coroutine that awaits run().
class TcpRelay final : public Forwarder {
 public:
  TcpRelay(Pool& pool, net::BufferPool& buffers, Destination destination, RelayRequest request,
           ResponseGate& gate)
      : pool_(pool),
        buffer_(buffers),
        destination_(destination),
        busy_(*destination.state),
        request_(request),
        gate_(gate),
        client_(*request.client) {}

  TcpRelay(const TcpRelay&) = delete;
  TcpRelay& operator=(const TcpRelay&) = delete;
  ~TcpRelay() override = default;

  /// The head is not sent: the server speaks no HTTP.
  boost::asio::awaitable<RelayOutcome> run(std::string head) override;
  void cut(std::string_view reason) noexcept override;

 private:
  boost::asio::awaitable<void> talk();
  boost::asio::awaitable<bool> connect();
  [[nodiscard]] bool elsewhere();
  boost::asio::awaitable<bool> open_tunnel();
  boost::asio::awaitable<void> tunnel();
  boost::asio::awaitable<void> pump_up();
  boost::asio::awaitable<bool> pass_up(std::string_view bytes);
  boost::asio::awaitable<void> pump_down();
  boost::asio::awaitable<void> answer_ping();
  boost::asio::awaitable<bool> pass_down();
  boost::asio::awaitable<void> say_farewell();
  [[nodiscard]] http::CloseCode close_code() const noexcept;
  [[nodiscard]] std::string_view how_it_ended() const noexcept;
  void keep_alive() noexcept;
  void fail(unsigned status, std::string_view why) noexcept;
  /// Neither direction has anything more to say, or one is broken.
  [[nodiscard]] bool over() const noexcept;

  Pool& pool_;
  net::Buffer buffer_;  // what came from the server
  Destination destination_;
  Busy busy_;
  RelayRequest request_;
  ResponseGate& gate_;
  Client& client_;
  std::unique_ptr<net::Stream> upstream_;
  http::ClientFrames frames_;
  std::string up_;    // data for the server
  std::string down_;  // frames for the client
  bool tunnelling_ = false;
  bool pumping_down_ = false;
  bool server_ended_ = false;  // it has closed its direction, and the client was told
  bool client_lost_ = false;   // it cannot be read from or written to
  bool server_lost_ = false;
  std::string_view cut_reason_;
  RelayOutcome outcome_;
};

}  // namespace tallygate::upstream
