#include "gateway/upstream/http2_connection.hpp"

#include "gateway/upstream/forwarder.hpp"

#include <exception>
#include <utility>

namespace tallygate::upstream {
namespace {

namespace asio = boost::asio;

constexpr net::Milliseconds goodbye_limit{2'000};  // for a server to take our last frames

/// A server is trusted further than a client, and may measure the path with a PING for each message; but not
/// without end.
http2::Limits limits() noexcept {
  http2::Limits limits;
  limits.head = response_head_limits;
  limits.idle_frames = 10'000;
  limits.idle_frames_per_second = 1'000;
  return limits;
}

}  // namespace

Http2Connection::Http2Connection(asio::io_context& io, net::Deadlines& deadlines, net::BufferPool& buffers,
                                 std::unique_ptr<net::Stream> stream, const Timeouts& timeouts)
    : Wire(io, *stream, buffers),
      stream_(std::move(stream)),
      framing_(limits(), *this, buffers),
      timeouts_(timeouts),
      changed_(io),
      written_(io),
      idle_since_(net::coarse_now()) {
  deadlines.add(*this);
  expires_in(timeouts.greeting);
}

asio::awaitable<void> Http2Connection::run() {
  stream_->expires_in(net::Milliseconds{0});
  try {
    flush();
    while (!framing_.over() && !stream_->cancelled()) {
      if (!co_await read()) {
        stream_->cancel();
      }
    }
  } catch (const std::exception&) {
    stream_->cancel();  // whoever waits is told below, whatever happened
  }
  over_ = retired_ = true;
  framing_.lose();
  changed_.wake();
  stream_->shutdown();
  while (writing()) {
    stream_->cancel();
    co_await written_.wait();
  }
  stream_->cancel();  // who still holds this may ask to send, and nobody would wait for that any more
  expires_in(net::Milliseconds{0});
}

asio::awaitable<bool> Http2Connection::greeted() {
  while (!greeted_ && !over_) {
    co_await changed_.wait();
  }
  co_return greeted_ && !over_;
}

http2::ClientStream* Http2Connection::request(StreamWatcher& watcher, std::span<const http::Field> fields,
                                              bool ended, bool to_head) {
  http2::ClientStream* stream =
      retired_ || over_ ? nullptr : framing_.request(&watcher, fields, ended, to_head);
  if (stream != nullptr) {
    ++live_;
    idle_since_ = net::Clock::time_point::max();
    pump();
  }
  return stream;
}

void Http2Connection::resume(http2::ClientStream& stream) {
  framing_.resume(stream);
  pump();
}

void Http2Connection::consume(http2::ClientStream& stream, std::size_t bytes) {
  framing_.consume(stream, bytes);
  pump();
}

void Http2Connection::reset(http2::ClientStream& stream, http2::Code code) {
  framing_.reset(stream, code);
  pump();
}

void Http2Connection::release(http2::ClientStream& stream) {
  framing_.release(stream);
  --live_;
  if (live_ == 0) {
    idle_since_ = net::coarse_now();
    retired_ = retired_ || drained_;
  }
  end_if_unused();
  pump();
}

void Http2Connection::retire() noexcept {
  retired_ = true;
  end_if_unused();
  pump();
}

void Http2Connection::drain() noexcept {
  drained_ = true;
  if (greeted_) {
    retire();
  }
}

void Http2Connection::end_if_unused() {
  if (retired_ && live_ == 0 && !over_ && !std::exchange(ending_, true)) {
    framing_.end();
    expires_in(goodbye_limit);
  }
}

void Http2Connection::abort() noexcept {
  retired_ = true;
  stream_->cancel();
}

void Http2Connection::on_answer(http2::ClientStream& stream) {
  if (stream.owner != nullptr) {
    static_cast<StreamWatcher*>(stream.owner)->on_answer();
  }
}

void Http2Connection::on_sent(http2::ClientStream& stream) {
  if (stream.owner != nullptr) {
    static_cast<StreamWatcher*>(stream.owner)->on_sent();
  }
}

void Http2Connection::on_settings() {
  if (!std::exchange(greeted_, true)) {
    expires_in(net::Milliseconds{0});
    changed_.wake();
  }
}

void Http2Connection::on_written(const std::exception_ptr& /*broken*/) noexcept {
  written_.wake();
}

/// Neither a greeting nor a goodbye may take for ever.
void Http2Connection::on_expired() noexcept {
  expires_in(net::Milliseconds{0});
  timed_out_ = !greeted_;
  stream_->cancel();
}

}  // namespace tallygate::upstream
