#include "gateway/http2/wire.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>

#include <utility>

namespace tallygate::http2 {
namespace {

namespace asio = boost::asio;

constexpr std::size_t input_bytes = std::size_t{64} * 1024;
constexpr std::size_t read_round_bytes = std::size_t{256} * 1024;  // others on this thread come between
constexpr std::size_t output_bytes = std::size_t{64} * 1024;       // gathered for one write
constexpr std::size_t output_kept = std::size_t{16} * 1024;        // of an idle connection

}  // namespace

asio::awaitable<bool> Wire::read() {
  // Half a TLS record may be buffered, so after a read that had to wait what is pending says nothing.
  if (std::exchange(wait_, true) || !stream_.has_buffered_input()) {
    buffer_.release_if_empty();
    auto [ended] = co_await stream_.when_readable();
    static_cast<void>(ended);  // whatever it was, the read below meets it too
  }
  std::size_t round = 0;
  bool more = true;
  while (more && round < read_round_bytes) {
    if (stream_.cancelled()) {
      co_return false;
    }
    const net::Stream::Io io = stream_.read_now(buffer_.prepare(input_bytes));
    if (io.now == net::Stream::Now::wait_read) {
      break;
    }
    if (io.now == net::Stream::Now::wait_write) {
      if (co_await stream_.writable()) {
        co_return false;
      }
      continue;
    }
    if (io.now != net::Stream::Now::done) {
      co_return false;
    }
    buffer_.commit(io.bytes);
    round += io.bytes;
    more = frames().feed(buffer_.readable(), net::coarse_now());
    buffer_.consume(buffer_.readable().size());
  }
  flush();
  on_round();
  if (round >= read_round_bytes) {
    wait_ = false;
    co_await asio::post(io_, asio::deferred);
  }
  co_return true;
}

void Wire::pump() {
  if (writing_ || stream_.cancelled()) {
    return;
  }
  // What is told within the frames' own work may ask for this: they are pulled when that is done.
  if (!frames().busy()) {
    frames().pull(out_, output_bytes);
  }
  if (out_.size() >= output_bytes && !frames().busy()) {
    flush();
  } else if (!std::exchange(flush_posted_, true)) {
    // Everybody who has something to say in this round shares the write.
    asio::post(io_, [this, alive = std::weak_ptr<int>(alive_)] {
      if (!alive.expired()) {
        flush_posted_ = false;
        flush();
      }
    });
  }
}

void Wire::flush() {
  while (!writing_ && !stream_.cancelled()) {
    frames().pull(out_, output_bytes);
    if (out_.empty()) {
      break;
    }
    rest_ = std::span<const char>(out_);
    if (!stream_.write_at_once(rest_)) {
      return begin_writing();
    }
    out_.clear();
  }
  if (out_.empty() && out_.capacity() > output_kept && resting()) {
    out_ = {};
  }
  if (!writing_ && frames().over()) {
    stream_.interrupt();  // whoever waits to read
  }
}

void Wire::begin_writing() {
  writing_ = true;
  asio::co_spawn(io_, write_rest(), [this](const std::exception_ptr& broken) {
    writing_ = false;
    if (broken) {
      stream_.cancel();
    }
    on_written(broken);
    flush();
  });
}

asio::awaitable<void> Wire::write_rest() {
  while (!rest_.empty()) {
    stream_.expires_in(write_limit());
    if (co_await stream_.write(rest_)) {
      stream_.cancel();
      co_return;
    }
    out_.clear();
    frames().pull(out_, output_bytes);
    rest_ = std::span<const char>(out_);
  }
  stream_.expires_in(net::Milliseconds{0});
}

}  // namespace tallygate::http2
