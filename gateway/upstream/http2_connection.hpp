#pragma once
/// One HTTP/2 connection to a server, and the requests that it carries side by side.
#include "gateway/http2/client_framing.hpp"
#include "gateway/http2/wire.hpp"
#include "gateway/net/deadlines.hpp"
#include "gateway/net/stream.hpp"
#include "gateway/net/wakeup.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <memory>
#include <span>

namespace tallygate::upstream {

/// Who waits for what happens to a stream. Called within the connection's reading and writing: note it, and
/// go on later. Threads: the connection's.
class StreamWatcher {
 public:
  StreamWatcher() = default;
  StreamWatcher(const StreamWatcher&) = delete;
  StreamWatcher& operator=(const StreamWatcher&) = delete;
  virtual ~StreamWatcher() = default;

  /// Something came, or the stream is over.
  virtual void on_answer() noexcept = 0;
  /// Some of the request has gone.
  virtual void on_sent() noexcept = 0;
};

/// Threads: its io_context's. Must be held until run() has ended, and until its streams are released.
class Http2Connection final : private http2::ClientEvents, private http2::Wire, private net::Timed {
 public:
  struct Timeouts {
    net::Milliseconds greeting{0};  ///< until the server has told its settings
    net::Milliseconds write{0};     ///< until it takes something of what is to be sent
  };
  /// Borrows all but the stream.
  Http2Connection(boost::asio::io_context& io, net::Deadlines& deadlines, net::BufferPool& buffers,
                  std::unique_ptr<net::Stream> stream, const Timeouts& timeouts);

  /// Serves the connection to its end. Errors: none; what goes wrong ends it, and with it its streams.
  boost::asio::awaitable<void> run();
  /// Waits until the server has greeted. False: it has not, and the connection is over. One waits.
  boost::asio::awaitable<bool> greeted();
  [[nodiscard]] bool timed_out() const noexcept { return timed_out_; }

  /// How many streams may be opened now.
  [[nodiscard]] std::size_t room() const noexcept { return retired_ ? 0 : framing_.room(); }
  /// True if the server allows no stream although none is open.
  [[nodiscard]] bool useless() const noexcept {
    return greeted_ && !retired_ && live_ == 0 && framing_.room() == 0;
  }
  /// As ClientFraming::request(); `watcher` is told of the stream until it is released.
  [[nodiscard]] http2::ClientStream* request(StreamWatcher& watcher, std::span<const http::Field> fields,
                                             bool ended, bool to_head);
  /// Goes on with the request's body: the stream's `sending` has been changed.
  void resume(http2::ClientStream& stream);
  /// So many bytes of the response's body have been taken.
  void consume(http2::ClientStream& stream, std::size_t bytes);
  void reset(http2::ClientStream& stream, http2::Code code);
  /// `stream` is void afterwards, and what is left of it given up.
  void release(http2::ClientStream& stream);

  /// Opens no further streams, and ends with the last one.
  void retire() noexcept;
  /// Ends with the last stream; where the server has not greeted yet, those who wait for that still open
  /// theirs.
  void drain() noexcept;
  /// Ends at once.
  void abort() noexcept;
  /// The connection itself, for whoever wants to know where it leads.
  [[nodiscard]] net::Stream& stream() noexcept { return *stream_; }
  /// Since when no stream has been open; max() while there is one.
  [[nodiscard]] net::Clock::time_point idle_since() const noexcept { return idle_since_; }

 private:
  void on_answer(http2::ClientStream& stream) override;
  void on_sent(http2::ClientStream& stream) override;
  void on_settings() override;
  void on_goaway() override { retire(); }

  [[nodiscard]] http2::Frames& frames() noexcept override { return framing_; }
  [[nodiscard]] net::Milliseconds write_limit() const noexcept override { return timeouts_.write; }
  [[nodiscard]] bool resting() const noexcept override { return live_ == 0; }
  void on_round() noexcept override {}
  void on_written(const std::exception_ptr& broken) noexcept override;
  void on_expired() noexcept override;
  void end_if_unused();

  std::unique_ptr<net::Stream> stream_;
  http2::ClientFraming framing_;
  Timeouts timeouts_;
  net::Wakeup changed_;  // greeted, or over
  net::Wakeup written_;
  std::size_t live_ = 0;
  net::Clock::time_point idle_since_;
  bool greeted_ = false;
  bool retired_ = false;
  bool drained_ = false;  // retires with its last stream
  bool ending_ = false;
  bool over_ = false;
  bool timed_out_ = false;
};

}  // namespace tallygate::upstream
