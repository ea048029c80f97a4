#include "gateway/upstream/relay.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <exception>

namespace tallygate::upstream {
namespace {

namespace asio = boost::asio;
using http::Framing;
constexpr auto nothrow = asio::as_tuple(asio::deferred);

constexpr std::size_t read_ahead_bytes = std::size_t{64} * 1024;
constexpr std::size_t interim_responses_max = 8;
constexpr std::uint64_t yield_bytes = std::uint64_t{1024} * 1024;
constexpr std::string_view deadline_reason = "deadline";
constexpr std::string_view continue_head = "HTTP/1.1 100 Continue\r\n\r\n";

/// Ends an exchange that takes longer than its route allows.
class WholeDeadline final : public net::Timed {
 public:
  explicit WholeDeadline(Relay& relay) : relay_(relay) {}

 private:
  void on_expired() noexcept override { relay_.cut(deadline_reason); }
  Relay& relay_;
};

}  // namespace

/// A coroutine beside the main one, and the way to wait for its end.
struct Relay::Upload {
  explicit Upload(const asio::any_io_executor& executor) : ended(executor, net::Clock::time_point::max()) {}
  bool running = false;
  bool stop = false;
  asio::steady_timer ended;
};

asio::awaitable<RelayOutcome> Relay::run(std::string head) {
  state_.active.fetch_add(1, std::memory_order_relaxed);
  WholeDeadline whole(*this);
  if (request_.route->timeouts.whole.count() > 0) {
    pool_.deadlines().add(whole);
    whole.expires_in(request_.route->timeouts.whole);
  }
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const bool sound = gather(std::move(head));
  for (int attempt = 0; sound; ++attempt) {
    if (!cut_reason_.empty()) {
      fail(503, cut_reason_);  // what allowed it ended while its record was awaited
      break;
    }
    if (!(attempt == 0 && take_idle()) && !co_await connect()) {
      break;
    }
    Upload upload_state(executor);
    std::span<const char> first(first_);
    upstream_->expires_in(request_.route->timeouts.idle);
    // The common request has gone out here, without a suspension.
    const bool gone = upstream_->write_at_once(first) && body_.done();
    const Sent sent = gone ? Sent::whole : co_await send_first(first);
    const bool may_retry = attempt == 0 && reused_ && idempotent() && body_.done() && cut_reason_.empty();
    if (sent == Sent::failed && !may_retry) {
      fail(502, send_error_ == asio::error::timed_out ? "upstream-timeout" : "upstream-write-failed");
      break;
    }
    if (sent == Sent::part) {
      upload_state.running = true;
      asio::co_spawn(executor, upload(upload_state), [&upload_state](const std::exception_ptr&) {
        upload_state.running = false;
        upload_state.ended.cancel();
      });
    }
    Next next = Next::retry;
    std::exception_ptr broken;
    try {
      if (sent != Sent::failed) {
        next = co_await read_head(may_retry);
      }
      if (next == Next::proceed) {
        // An upload that ended early has left body bytes behind, which must never be read as a request.
        co_await respond(!upload_state.running && body_.done());
      }
    } catch (...) {
      broken =
          std::current_exception();  // the coroutine beside this one borrows from this frame: it ends first
    }
    co_await join(upload_state);
    if (broken) {
      state_.active.fetch_sub(1, std::memory_order_relaxed);
      std::rethrow_exception(broken);
    }
    if (next != Next::retry) {
      break;
    }
    buffer_.release_if_empty();
  }
  state_.active.fetch_sub(1, std::memory_order_relaxed);
  outcome_.bytes_in = std::max(outcome_.bytes_in, body_.bytes());
  co_return outcome_;
}

bool Relay::take_idle() {
  upstream_ = pool_.take_idle(state_.name);
  reused_ = upstream_ != nullptr;
  return reused_;
}

asio::awaitable<bool> Relay::connect() {
  auto stream = co_await pool_.open(server_, state_, request_.route->timeouts.connect);
  if (!stream) {
    const bool late = stream.error() == asio::error::timed_out;
    fail(late ? 504 : 502, late ? "connect-timeout" : "connect-failed");
    co_return false;
  }
  upstream_ = std::move(*stream);
  reused_ = false;
  if (cut_reason_.empty()) {
    co_return true;
  }
  fail(503, cut_reason_);
  co_return false;
}

/// Puts the head and as much of the body as is here already into one piece, which a second attempt can send
/// again.
bool Relay::gather(std::string head) {
  first_ = std::move(head);
  if (body_.done()) {
    return true;
  }
  const bool chunked = request_.framing.kind == Framing::Kind::chunked;
  const std::size_t enough = first_.size() + read_ahead_bytes;
  while (first_.size() < enough && !body_.done()) {
    const auto piece = body_.next_now();
    if (!piece) {
      return true;
    }
    if (!*piece) {
      fail_request(piece->error());
      return false;
    }
    if (const std::string_view bytes = **piece; !bytes.empty()) {
      http::append_piece(first_, bytes, chunked);
    }
  }
  if (body_.done()) {
    if (chunked) {
      http::append_last_chunk(first_, body_.trailers());
    }
    body_.finish();
  }
  return true;
}

/// Sends what is left of the first piece, and says what is to follow.
asio::awaitable<Relay::Sent> Relay::send_first(std::span<const char> rest) {
  if (const auto error = co_await upstream_->write(rest)) {
    send_error_ = error;
    co_return Sent::failed;
  }
  if (body_.done()) {
    co_return Sent::whole;
  }
  if (request_.expect_continue && request_.buffer->empty()) {
    request_.client->expires_in(request_.client_idle);
    if (const auto error = co_await request_.client->write(continue_head)) {
      fail_request(error);
      co_return Sent::failed;
    }
  }
  co_return Sent::part;
}

asio::awaitable<void> Relay::upload(Upload& state) {
  const bool chunked = request_.framing.kind == Framing::Kind::chunked;
  std::string out;
  while (!body_.done() && !state.stop) {
    // The wait for the answer begins when the request is through; until then the server may be as slow as a
    // reader.
    upstream_->expires_in(request_.route->timeouts.idle);
    const auto piece = co_await body_.next(request_.client_idle);
    if (state.stop) {
      co_return;
    }
    if (!piece) {
      // The request will never be whole: neither side can be used any more.
      fail_request(piece.error());
      upstream_->cancel();
      co_return;
    }
    out.clear();
    if (chunked && !piece->empty()) {
      http::append_piece(out, *piece, true);
    }
    if (chunked && body_.done()) {
      http::append_last_chunk(out, body_.trailers());
    }
    // A server that stops reading may have answered already: its answer is what the client gets to see.
    if (co_await upstream_->write(chunked ? std::string_view(out) : *piece)) {
      co_return;
    }
  }
  body_.finish();
  request_.client->expires_in(net::Milliseconds{0});
  upstream_->expires_in(request_.route->timeouts.first_byte);
}

asio::awaitable<void> Relay::join(Upload& state) {
  constexpr net::Milliseconds again{100};
  if (!state.running) {
    co_return;
  }
  // The client's connection is only woken, not given up: the answer it was sent must still be readable.
  outcome_.keep_alive = false;
  state.stop = true;
  upstream_->cancel();
  while (state.running) {
    request_.client->interrupt();
    state.ended.expires_after(again);
    co_await state.ended.async_wait(nothrow);
  }
}

asio::awaitable<Relay::Next> Relay::read_head(bool may_retry) {
  for (std::size_t interim = 0; interim <= interim_responses_max;) {
    const auto scan = http::scan_head(buffer_.readable(), response_head_limits);
    if (scan.fault != http::HeadFault::none) {
      break;
    }
    if (scan.size != 0) {
      parser_.emplace();
      if (parser_->parse_head(buffer_.readable().substr(0, scan.size))) {
        break;
      }
      head_size_ = scan.size;
      const unsigned status = parser_->head().status;
      if (status >= 200 || status == 101) {
        co_return Next::proceed;
      }
      buffer_.consume(scan.size);  // 100 was the gateway's to say; other interim answers are hints
      ++interim;
      continue;
    }
    upstream_->expires_in(request_.route->timeouts.first_byte);
    std::size_t got = 0;
    if (!upstream_->cancelled()) {
      const std::span<char> room = buffer_.prepare(response_head_limits.bytes);
      auto [error, bytes] = co_await upstream_->receive(room);
      got = error || upstream_->cancelled() ? 0 : bytes;
    }
    if (got == 0) {
      co_return unanswered(may_retry);
    }
    buffer_.commit(got);
  }
  fail(502, "upstream-malformed");
  co_return Next::end;
}

/// What follows when the server ends or is too late before its answer is whole.
Relay::Next Relay::unanswered(bool may_retry) noexcept {
  const bool late = upstream_->timed_out();
  if (!late && may_retry && buffer_.empty() && cut_reason_.empty()) {
    return Next::retry;
  }
  if (late) {
    state_.failed(net::Clock::now());
  }
  fail(late ? 504 : 502, late ? "upstream-timeout" : "upstream-closed");
  return Next::end;
}

asio::awaitable<void> Relay::respond(bool upload_done) {
  const http::ResponseHead& head = parser_->head();
  rules_ = http::judge_response(head, request_.method == "HEAD");
  const bool switched = head.status == 101;
  if (rules_.fault != http::HeadFault::none || (switched && !request_.websocket)) {
    fail(502, "upstream-malformed");
    co_return;
  }
  state_.succeeded();
  ResponseGate::Form form;
  form.bodiless = request_.method == "HEAD" || head.status == 204 || head.status == 304;
  form.websocket = switched;
  form.framing = rules_.framing;
  if (rules_.framing.kind == Framing::Kind::chunked || rules_.framing.kind == Framing::Kind::until_close) {
    form.framing.kind = request_.version == 11 ? Framing::Kind::chunked : Framing::Kind::until_close;
  }
  // A client whose upgrade came to nothing may already speak the other protocol.
  form.keep_alive = request_.keep_alive && upload_done && form.framing.kind != Framing::Kind::until_close &&
                    !request_.websocket;
  upstream_->expires_in(net::Milliseconds{0});  // it is the client's turn
  if (!gate_.may_respond_now() && !co_await gate_.may_respond()) {
    fail(503, "not-recorded");
    co_return;
  }
  std::string out = buffers_.take_text();
  out.reserve(std::size_t{2} * 1024);
  gate_.append_head(out, head, form);
  outcome_.status = head.status;
  buffer_.consume(head_size_);
  outcome_.responded = true;
  if (switched) {
    request_.client->expires_in(request_.client_idle);
    if (co_await request_.client->write(out)) {
      outcome_.ended = ended_or("client-closed");
      co_return;
    }
    co_await tunnel();
    co_return;
  }
  if (!co_await send_body(std::move(out), rules_.framing, form.framing)) {
    co_return;
  }
  outcome_.keep_alive = form.keep_alive;
  if (rules_.keep_alive && upload_done && buffer_.empty() && body_.done() && !upstream_->cancelled()) {
    pool_.give(state_.name, std::move(upstream_));
  }
}

/// What goes to the client next: bytes put together here, or a piece of the body where it lies.
struct Relay::Outgoing {
  std::string out;
  std::string_view direct;
  bool chunked = false;
  bool more = true;  ///< the body has more

  [[nodiscard]] bool has_room() const noexcept {
    return more && out.size() < read_ahead_bytes && direct.empty();
  }
  [[nodiscard]] std::span<const char> bytes() const noexcept {
    return out.empty() ? std::span(direct) : std::span<const char>(out);
  }
  void add(std::string_view piece, const http::BodySource<false>& source) {
    if (out.empty() && !chunked) {
      direct = piece;  // straight from the buffer it was read into
    } else if (!piece.empty()) {
      http::append_piece(out, piece, chunked);
    }
    more = !source.done();
    if (!more && chunked) {
      http::append_last_chunk(out, source.trailers());
    }
  }
};

/// Sends what stands in `out`, then the body. True if both sides came to a regular end.
asio::awaitable<bool> Relay::send_body(std::string out, Framing framing, Framing sent_framing) {
  http::BodySource<false> source(*upstream_, buffer_, *parser_, framing, std::nullopt);
  Outgoing next{std::move(out), {}, sent_framing.kind == Framing::Kind::chunked, !source.done()};
  std::uint64_t yield_at = yield_bytes;
  net::Stream& client = *request_.client;
  while (next.more || !next.out.empty()) {
    next.direct = {};
    while (next.has_room()) {
      auto piece = source.next_now();
      if (!piece && next.out.empty()) {
        piece = co_await source.next(request_.route->timeouts.idle);
      }
      if (!piece) {
        break;
      }
      if (!*piece) {
        const bool late = piece->error() == asio::error::timed_out;
        outcome_.ended = ended_or(late ? "upstream-timeout" : "upstream-closed");
        client.cancel();  // a response cut short must not look whole
        co_return false;
      }
      next.add(**piece, source);
    }
    outcome_.bytes_out = source.bytes();
    upstream_->expires_in(net::Milliseconds{0});
    client.expires_in(request_.client_idle);
    std::span<const char> rest = next.bytes();
    if (!client.write_at_once(rest) && co_await client.write(rest)) {
      outcome_.ended = ended_or(client.timed_out() ? "client-timeout" : "client-closed");
      co_return false;
    }
    if (body_.done()) {
      client.expires_in(net::Milliseconds{0});  // nothing is expected of it
    }
    next.out.clear();
    if (source.bytes() >= yield_at) {
      // Two fast peers must not keep the thread from everybody else.
      yield_at = source.bytes() + yield_bytes;
      co_await asio::post(client.socket().get_executor(), asio::deferred);
    }
  }
  source.finish();
  buffers_.give_text(std::move(next.out));
  co_return true;
}

asio::awaitable<void> Relay::tunnel() {
  Upload back(co_await asio::this_coro::executor);
  back.running = true;
  request_.client->expires_in(request_.route->timeouts.idle);
  upstream_->expires_in(request_.route->timeouts.idle);
  asio::co_spawn(co_await asio::this_coro::executor, pump_back(back), [&back](const std::exception_ptr&) {
    back.running = false;
    back.ended.cancel();
  });
  std::uint64_t up = 0;
  std::exception_ptr broken;
  try {
    co_await pump(*request_.client, *request_.buffer, *upstream_, up);
  } catch (...) {
    broken = std::current_exception();
  }
  upstream_->shutdown();
  upstream_->cancel();  // no WebSocket endpoint talks on after its peer has left
  while (back.running) {
    co_await back.ended.async_wait(nothrow);
  }
  if (broken) {
    std::rethrow_exception(broken);
  }
  outcome_.bytes_in = up;
  outcome_.ended = ended_or("complete");
  outcome_.keep_alive = false;
}

asio::awaitable<void> Relay::pump_back(Upload& /*state*/) {
  std::uint64_t down = 0;
  co_await pump(*upstream_, buffer_, *request_.client, down);
  outcome_.bytes_out = down;
  request_.client->shutdown();
  request_.client->cancel();  // a tunnel whose server has left is over for both
}

asio::awaitable<void> Relay::pump(net::Stream& from, net::Buffer& buffer, net::Stream& to,
                                  std::uint64_t& bytes) {
  std::uint64_t yield_at = yield_bytes;
  for (;;) {
    if (buffer.empty()) {
      const auto got = co_await from.read_some(buffer.prepare(read_ahead_bytes));
      if (!got || *got == 0) {
        co_return;
      }
      buffer.commit(*got);
    }
    const std::string_view data = buffer.readable();
    // Bytes either way keep the whole tunnel alive.
    from.expires_in(request_.route->timeouts.idle);
    to.expires_in(request_.route->timeouts.idle);
    if (co_await to.write(data)) {
      co_return;
    }
    bytes += data.size();
    buffer.consume(data.size());
    if (bytes >= yield_at) {
      yield_at = bytes + yield_bytes;
      co_await asio::post(to.socket().get_executor(), asio::deferred);
    }
  }
}

void Relay::cut(std::string_view reason) noexcept {
  if (cut_reason_.empty()) {
    cut_reason_ = reason;
  }
  // A deadline before the answer began leaves the client to be told so.
  if (outcome_.responded || reason != deadline_reason) {
    request_.client->cancel();
  }
  if (upstream_) {
    upstream_->cancel();
  }
}

void Relay::fail(unsigned status, std::string_view why) noexcept {
  if (outcome_.status != 0) {
    return;  // the first failure is the cause
  }
  outcome_.status = cut_reason_ == deadline_reason ? 504 : status;
  outcome_.ended = ended_or(why);
  outcome_.keep_alive = false;
}

void Relay::fail_request(const net::error_code& error) noexcept {
  if (error == http::make_error_code(http::BodyFault::too_large)) {
    return fail(413, "body-too-large");
  }
  if (error == http::make_error_code(http::BodyFault::malformed)) {
    return fail(400, "body-malformed");
  }
  if (error == http::make_error_code(http::BodyFault::bad_trailer)) {
    return fail(400, "trailer");
  }
  if (error == asio::error::timed_out) {
    return fail(408, "client-timeout");
  }
  fail(400, "client-closed");
}

std::string_view Relay::ended_or(std::string_view why) const noexcept {
  return cut_reason_.empty() ? why : cut_reason_;
}

bool Relay::idempotent() const noexcept {
  return request_.method == "GET" || request_.method == "HEAD" || request_.method == "OPTIONS" ||
         request_.method == "PUT" || request_.method == "DELETE";
}

}  // namespace tallygate::upstream
