// The bodies of an exchange with a server of HTTP/2, which go both ways at once.
#include "gateway/upstream/http2_relay.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>

#include <utility>

namespace tallygate::upstream {
namespace {

namespace asio = boost::asio;
using http::Framing;
constexpr auto nothrow = asio::as_tuple(asio::deferred);

constexpr std::uint64_t yield_bytes = std::uint64_t{1024} * 1024;

}  // namespace

/// Waits until what was to be sent has gone. False: it never will.
asio::awaitable<bool> Http2Relay::sent(const Upload& state) {
  while (!stream_->idle()) {
    if (state.stop || !stream_->open || lost()) {
      co_return false;
    }
    co_await writer_.wait();
  }
  co_return !state.stop && stream_->open && !lost();
}

/// The request will never be whole: neither side can be used any more.
void Http2Relay::fail_upload(const net::error_code& error) noexcept {
  const RequestFailure failure = request_failure(error);
  fail(failure.status, failure.code);
  upload_fault_ = failure.code;
  give_up();
}

asio::awaitable<void> Http2Relay::upload(Upload& state) {
  const net::Milliseconds idle = request_.route->timeouts.idle;
  bool invite = request_.expect_continue;
  while (co_await sent(state) && !client_.body_done()) {
    passed_on_ = true;
    if (std::exchange(invite, false)) {
      if (const auto error = co_await client_.invite_body(request_.client_idle)) {
        fail_upload(error);
        break;
      }
    }
    if (!stream_->answered) {
      expires_in(net::Milliseconds{0});  // the server has all there is: it is the client's turn
    }
    // Once the answer has begun the two talk to each other: silence is no fault of the client's alone.
    const auto piece = co_await client_.next(outcome_.responded ? idle : request_.client_idle);
    if (state.stop || !stream_->open) {
      break;
    }
    if (!piece) {
      fail_upload(piece.error());
      break;
    }
    stream_->sending = *piece;
    if (client_.body_done()) {
      stream_->last = &trailers_to_send(request_);
    }
    if (!stream_->answered || deadline() != net::Clock::time_point::max()) {  // else the client is to read
      expires_in(idle);
    }
    connection_->resume(*stream_);
  }
  if (!stream_->idle()) {
    connection_->reset(*stream_, http2::Code::cancel);  // half a body must not look whole
    stream_->sending = {};
  }
  if (client_.body_done()) {
    client_.finish_body();
    if (!outcome_.responded) {  // else the deadlines are those of an answer that is under way
      client_.limit(net::Milliseconds{0});
    }
  }
}

asio::awaitable<void> Http2Relay::join(Upload& state) {
  constexpr net::Milliseconds again{100};
  if (!state.running) {
    co_return;
  }
  // The client's connection is only woken, not given up: the answer it was sent must still be readable.
  outcome_.keep_alive = false;
  state.stop = true;
  while (state.running) {
    writer_.wake();
    client_.interrupt();
    state.ended.expires_after(again);
    co_await state.ended.async_wait(nothrow);
  }
}

bool Http2Relay::all_came() const noexcept {
  return stream_->ended && stream_->arrived.empty();
}

/// What was handed out has been taken: the server may send as much again.
void Http2Relay::credit() {
  taken_.consume(taken_.readable().size());
  if (handed_ != 0) {
    connection_->consume(*stream_, std::exchange(handed_, 0));
  }
}

/// The next bytes of the body, valid until the next call; none if they have to be waited for.
std::optional<std::string_view> Http2Relay::next_piece() {
  credit();
  if (stream_->arrived.empty()) {
    return stream_->ended ? std::optional(std::string_view()) : std::nullopt;
  }
  taken_.swap(stream_->arrived);  // what comes now goes elsewhere, and this stays where it is
  handed_ = taken_.readable().size();
  outcome_.bytes_out += handed_;
  return taken_.readable();
}

/// Sends the head, which the client's side has, then the body. True if both sides came to a regular end.
asio::awaitable<bool> Http2Relay::send_body() {
  std::uint64_t yield_at = yield_bytes;
  bool more = stream_->block.rules().framing.kind != Framing::Kind::none;
  bool unsent = true;
  while (more || unsent) {
    while (more && client_.has_room()) {
      const auto piece = next_piece();
      if (piece) {
        more = !all_came();
        client_.add(*piece, more ? nullptr : &stream_->trailers);
        unsent = true;
        continue;
      }
      if (stream_->broken || lost()) {
        outcome_.ended = ended_or(late_                   ? "upstream-timeout"
                                  : upload_fault_.empty() ? "upstream-closed"
                                                          : upload_fault_);
        client_.cancel();  // a response cut short must not look whole
        co_return false;
      }
      if (unsent) {
        break;
      }
      expires_in(request_.route->timeouts.idle);
      co_await reader_.wait();
    }
    expires_in(net::Milliseconds{0});
    if (!client_.send_now(request_.client_idle) && co_await client_.send()) {
      outcome_.ended = ended_or(client_.timed_out() ? "client-timeout" : "client-closed");
      co_return false;
    }
    unsent = false;
    client_.limit(client_.body_done() ? net::Milliseconds{0} : request_.route->timeouts.idle);
    if (outcome_.bytes_out >= yield_at) {
      // Two fast peers must not keep the thread from everybody else.
      yield_at = outcome_.bytes_out + yield_bytes;
      co_await asio::post(io_, asio::deferred);
    }
  }
  co_return true;
}

}  // namespace tallygate::upstream
