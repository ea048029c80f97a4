#pragma once
/// One request on its way to a server of HTTP/2, and the answer on its way back.
#include "gateway/net/buffer.hpp"
#include "gateway/net/deadlines.hpp"
#include "gateway/net/wakeup.hpp"
#include "gateway/upstream/forwarder.hpp"
#include "gateway/upstream/http2_pool.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::upstream {

/// What is read from one side stays with the relay until the other side has taken it, so that each side's
/// window is what the other one can take. Threads: one.
class Http2Relay final : public Forwarder, private StreamWatcher, private net::Timed {
 public:
  /// Borrows all but `trust`.
  Http2Relay(boost::asio::io_context& io, net::Deadlines& deadlines, Http2Pool& pool,
             net::BufferPool& buffers, const Http2Pool::Target& target, const RelayRequest& request,
             ResponseGate& gate);

  boost::asio::awaitable<RelayOutcome> run(std::string head) override;
  void cut(std::string_view reason) noexcept override;

 private:
  enum class Next { proceed, retry, end };

  [[nodiscard]] bool gather();
  boost::asio::awaitable<bool> begin();
  boost::asio::awaitable<Next> attempt(bool last);
  boost::asio::awaitable<void> upload(Upload& state);
  void fail_upload(const net::error_code& error) noexcept;
  boost::asio::awaitable<bool> sent(const Upload& state);
  boost::asio::awaitable<void> join(Upload& state);
  boost::asio::awaitable<Next> read_head(bool last);
  [[nodiscard]] Next unanswered(bool last);
  [[nodiscard]] Next elsewhere();
  boost::asio::awaitable<void> respond(const Upload& state);
  boost::asio::awaitable<bool> send_body();
  [[nodiscard]] std::optional<std::string_view> next_piece();
  [[nodiscard]] bool all_came() const noexcept;
  void credit();
  [[nodiscard]] bool lost() const noexcept;
  void give_up() noexcept;
  void fail(unsigned status, std::string_view why) noexcept;
  [[nodiscard]] std::string_view ended_or(std::string_view why) const noexcept;

  void on_answer() noexcept override { reader_.wake(); }
  void on_sent() noexcept override;
  void on_expired() noexcept override;

  boost::asio::io_context& io_;
  net::Deadlines& deadlines_;
  Http2Pool& pool_;
  Http2Pool::Target target_;
  Busy busy_;
  RelayRequest request_;
  ResponseGate& gate_;
  Client& client_;
  net::Wakeup reader_;
  net::Wakeup writer_;
  std::string head_;
  std::vector<http::Field> fields_;  // of it
  std::string first_;                // the start of the body, which a second attempt can send again
  bool passed_on_ = false;           // more of the body was asked for than that
  bool late_ = false;
  bool reused_ = false;
  std::shared_ptr<Http2Connection> connection_;
  http2::ClientStream* stream_ = nullptr;
  net::Buffer taken_;       // the piece that was handed out
  std::size_t handed_ = 0;  // bytes of it, not given back yet
  std::string_view cut_reason_;
  std::string_view upload_fault_;  // why the request will never be whole
  RelayOutcome outcome_;
};

}  // namespace tallygate::upstream
