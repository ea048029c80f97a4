#include "gateway/session.hpp"

#include <algorithm>

namespace tallygate {

namespace asio = boost::asio;

asio::awaitable<void> Session::run() {
  while (!connection_.draining && !worker_.draining) {
    if (!co_await read_head()) {
      break;
    }
    idle_ = false;
    const ReadHead read = parse();
    const bool keep = co_await request_.serve(read);
    idle_ = true;
    body_.reset();
    if (!keep) {
      break;
    }
    worker_.buffers.give_text(std::exchange(out_, {}));
    buffer_.release_if_empty();
  }
  buffer_.consume(buffer_.readable().size());
}

asio::awaitable<bool> Session::read_head() {
  // Copies: a reload may take the snapshot away while this connection waits.
  const http::HeadLimits head_limits{worker_.snapshot->settings.limits.head_bytes,
                                     worker_.snapshot->settings.limits.header_count};
  const ClientTimeouts timeouts = worker_.snapshot->settings.limits.timeouts;
  bool scan_again = !buffer_.empty();
  bool wait = !stream_.has_buffered_input();
  stream_.expires_in(buffer_.empty() ? timeouts.keep_alive : timeouts.head);
  for (;;) {
    if (scan_again) {
      const http::HeadScan scan = http::scan_head(buffer_.readable(), head_limits);
      scan_fault_ = scan.fault;
      head_size_ = scan.size;
      if (scan.fault != http::HeadFault::none || scan.size != 0) {
        co_return true;
      }
    }
    // An idle connection holds no buffer: it takes one when there is something to read.
    if (wait && !stream_.cancelled()) {
      auto [ended] = co_await stream_.when_readable();
      static_cast<void>(ended);  // whatever it was, the read below meets it too
    }
    if (stream_.cancelled()) {
      co_return false;
    }
    const net::Stream::Io io = stream_.read_now(buffer_.prepare(head_limits.bytes + 1));
    if (io.now == net::Stream::Now::wait_read) {
      buffer_.release_if_empty();
      wait = true;  // half a TLS record may be buffered, so what is pending says nothing
      continue;
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
    if (buffer_.empty()) {
      stream_.expires_in(timeouts.head);
    }
    const std::size_t before = buffer_.readable().size();
    buffer_.commit(io.bytes);
    wait = !stream_.has_buffered_input();
    // Without a new line end the head cannot have become whole, only too long.
    const std::string_view news = buffer_.readable().substr(before);
    scan_again = news.find('\n') != std::string_view::npos || buffer_.readable().size() > head_limits.bytes;
  }
}

ReadHead Session::parse() {
  ReadHead read;
  const std::string_view bytes = buffer_.readable();
  read.line = bytes.substr(0, bytes.find_first_of("\r\n"));
  read.rules.fault = scan_fault_;
  if (scan_fault_ != http::HeadFault::none) {
    return read;
  }
  parser_.emplace();
  if (parser_->parse_head(bytes.substr(0, head_size_))) {
    read.rules.fault = http::HeadFault::first_line;
    return read;
  }
  read.head = &parser_->head();
  read.rules = http::judge_request(parser_->head());
  return read;
}

void Session::drain() noexcept {
  if (idle_) {
    stream_.cancel();
  }
}

void Session::abort() noexcept {
  request_.cut(upstream::shutdown_reason);
  stream_.cancel();
}

}  // namespace tallygate
