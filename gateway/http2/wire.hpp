#pragma once
/// The way between a socket and the frames of an HTTP/2 connection, for both sides of one.
#include "gateway/http2/frames.hpp"
#include "gateway/net/buffer.hpp"
#include "gateway/net/stream.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <memory>
#include <span>
#include <string>

namespace tallygate::http2 {

/// Reads into the frames and sends what they give, without waiting where it can. Threads: the io_context's.
class Wire {
 public:
  /// Borrows all; it outlives the wire.
  Wire(boost::asio::io_context& io, net::Stream& stream, net::BufferPool& buffers)
      : io_(io), stream_(stream), buffer_(buffers) {}
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  virtual ~Wire() = default;

 protected:
  /// Reads what is there, waiting for the first byte. False: the connection is over.
  boost::asio::awaitable<bool> read();
  /// Makes frames of what is to be sent as far as there is room, and sends them soon.
  void pump();
  /// Sends without waiting; what the socket does not take is left to a coroutine.
  void flush();
  /// True while that coroutine runs, which borrows from this.
  [[nodiscard]] bool writing() const noexcept { return writing_; }

  [[nodiscard]] virtual Frames& frames() noexcept = 0;
  /// The longest time until the peer takes something of what is to be sent.
  [[nodiscard]] virtual net::Milliseconds write_limit() const noexcept = 0;
  /// True if the connection has nothing under way, and so should hold little.
  [[nodiscard]] virtual bool resting() const noexcept = 0;
  /// A round of reading is over, and what it brought has been dealt with.
  virtual void on_round() noexcept = 0;
  /// The coroutine has ended; `broken`: with something that must not happen.
  virtual void on_written(const std::exception_ptr& broken) noexcept = 0;

 private:
  boost::asio::awaitable<void> write_rest();
  void begin_writing();

  boost::asio::io_context& io_;
  net::Stream& stream_;
  net::Buffer buffer_;
  std::string out_;             // frames that are not sent yet
  std::span<const char> rest_;  // of them, while the socket takes no more
  bool writing_ = false;
  bool wait_ = false;  ///< the next read has to wait for the socket
  bool flush_posted_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);  // what was posted asks whether this still is
};

}  // namespace tallygate::http2
