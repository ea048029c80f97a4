#include "gateway/http2_session.hpp"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <utility>

namespace tallygate {
namespace {

namespace asio = boost::asio;

constexpr std::size_t exchanges_kept = 1;        // of an idle connection
constexpr net::Milliseconds probe_limit{1'000};  // for the client to see that no more streams are wanted

http2::Limits limits_of(const LimitSettings& settings) {
  http2::Limits limits;
  limits.head = {settings.head_bytes, settings.header_count};
  limits.streams = static_cast<std::uint32_t>(settings.http2_streams);
  return limits;
}

}  // namespace

Http2Session::Http2Session(ConnectionState& connection, net::Stream& stream)
    : Wire(connection.worker.io(), stream, connection.worker.buffers),
      connection_(connection),
      worker_(connection.worker),
      stream_(stream),
      framing_(limits_of(worker_.snapshot->settings.limits), *this, worker_.buffers),
      timeouts_(worker_.snapshot->settings.limits.timeouts),
      // Requests whose stream was given up take a moment to end; so many may be on their way out.
      exchanges_max_(2 * worker_.snapshot->settings.limits.http2_streams),
      settled_(worker_.io()) {
  worker_.deadlines.add(*this);
}

asio::awaitable<void> Http2Session::run() {
  stream_.expires_in(net::Milliseconds{0});
  arm();
  if (connection_.draining || worker_.draining) {
    end();
  }
  try {
    flush();
    while (!framing_.over() && !stream_.cancelled()) {
      if (!co_await read()) {
        stream_.cancel();
      }
    }
  } catch (const std::exception&) {
    // The requests borrow from this connection: they end first, whatever happened.
    access::count(worker_.persistent.counts.faults);
    stream_.cancel();
  }
  phase_ = Phase::closing;
  expires_in(net::Milliseconds{0});
  for (const auto& exchange : exchanges_) {
    if (exchange->stream() != nullptr) {
      exchange->gone();
    }
  }
  while (live_ > 0 || writing()) {
    co_await settled_.wait();
  }
}

void Http2Session::on_request(http2::Stream& stream) {
  if (live_ >= exchanges_max_) {
    framing_.reset(stream, http2::Code::refused_stream);
    framing_.release(stream);
    return;
  }
  if (free_.empty()) {
    free_.reserve(exchanges_.size() + 1);
    exchanges_.push_back(std::make_unique<Http2Exchange>(connection_, *this));
    free_.push_back(exchanges_.back().get());
  }
  Http2Exchange& exchange = *free_.back();
  auto served = exchange.serve(stream);
  asio::co_spawn(worker_.io(), std::move(served),
                 [this, &exchange](const std::exception_ptr& broken, bool) { finished(exchange, broken); });
  free_.pop_back();
  stream.owner = &exchange;
  ++live_;
}

void Http2Session::finished(Http2Exchange& exchange, const std::exception_ptr& broken) noexcept {
  if (broken) {
    access::count(worker_.persistent.counts.faults);
  }
  framing_.release(*exchange.stream());
  exchange.leave();
  free_.push_back(&exchange);
  --live_;
  pump();
  if (live_ == 0) {
    if (exchanges_.size() > exchanges_kept) {  // an idle connection holds little
      free_.clear();
      exchanges_.clear();
      framing_.trim();
    }
    arm();
    settled_.wake();
  }
}

void Http2Session::on_body(http2::Stream& stream) {
  static_cast<Http2Exchange*>(stream.owner)->on_body();
}

void Http2Session::on_sent(http2::Stream& stream) {
  if (stream.owner != nullptr) {
    static_cast<Http2Exchange*>(stream.owner)->on_sent();
  }
}

void Http2Session::on_reset(http2::Stream& stream) {
  static_cast<Http2Exchange*>(stream.owner)->gone();
}

void Http2Session::on_written(const std::exception_ptr& broken) noexcept {
  if (broken) {
    access::count(worker_.persistent.counts.faults);
  }
  settled_.wake();
}

void Http2Session::on_probe() {
  if (phase_ == Phase::ending) {
    end();
  }
}

/// Sets the connection's own deadline where what it waits for has changed.
void Http2Session::arm() noexcept {
  if (phase_ == Phase::ending || phase_ == Phase::closing) {
    return;
  }
  const Phase now = framing_.in_block() ? Phase::block : live_ == 0 ? Phase::idle : Phase::busy;
  if (now != phase_ || (now == Phase::block && armed_blocks_ != framing_.blocks())) {
    phase_ = now;
    armed_blocks_ = framing_.blocks();
    expires_in(now == Phase::block  ? timeouts_.head
               : now == Phase::idle ? timeouts_.keep_alive
                                    : net::Milliseconds{0});
  }
}

void Http2Session::on_expired() noexcept {
  switch (phase_) {
    case Phase::closing:
      stream_.cancel();
      break;
    case Phase::block:
      framing_.fail(http2::Code::enhance_your_calm);
      phase_ = Phase::closing;
      expires_in(timeouts_.body_idle);
      break;
    default:
      end();
  }
  flush();
}

/// No further streams; the connection ends with the last one.
void Http2Session::end() noexcept {
  framing_.end();
  const bool idle = live_ == 0;
  phase_ = Phase::closing;
  expires_in(idle ? timeouts_.body_idle : net::Milliseconds{0});
}

void Http2Session::drain() noexcept {
  if (phase_ == Phase::ending || phase_ == Phase::closing) {
    return;
  }
  if (live_ == 0 && !framing_.in_block()) {
    end();
  } else {
    framing_.announce_end();
    phase_ = Phase::ending;
    expires_in(probe_limit);
  }
  flush();
}

void Http2Session::abort() noexcept {
  for (const auto& exchange : exchanges_) {
    if (exchange->stream() != nullptr) {
      exchange->cut(upstream::shutdown_reason);
    }
  }
  stream_.cancel();
}

void Http2Session::reconsider() noexcept {
  for (const auto& exchange : exchanges_) {
    if (exchange->stream() != nullptr) {
      exchange->reconsider();
    }
  }
}

void Http2Session::check_time(access::SystemTime now) noexcept {
  for (const auto& exchange : exchanges_) {
    if (exchange->stream() != nullptr) {
      exchange->check_time(now);
    }
  }
}

}  // namespace tallygate
