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
constexpr net::Milliseconds farewell_limit{1'000};
constexpr std::uint64_t yield_bytes = std::uint64_t{1024} * 1024;

}  // namespace

asio::awaitable<RelayOutcome> Relay::run(std::string head) {
  busy_.emplace(*destination_.state);
  const WholeDeadline whole(*this, pool_.deadlines(), request_.route->timeouts.whole);
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  Next next = gather(std::move(head)) ? Next::retry : Next::end;
  while (next == Next::retry) {
    if (!cut_reason_.empty()) {
      fail(503, cut_reason_);  // what allowed it ended while its record was awaited
      break;
    }
    if (!take_idle() && !co_await connect()) {
      next = elsewhere();
      continue;
    }
    Upload upload_state(executor);
    std::span<const char> first(first_);
    upstream_->expires_in(request_.route->timeouts.idle);
    // The common request has gone out here, without a suspension.
    const bool gone = upstream_->write_at_once(first) && client_.body_done();
    const Sent sent = gone ? Sent::whole : co_await send_first(first);
    repeatable_ = is_idempotent(request_.method) && client_.body_done();
    if (sent == Sent::part) {
      upload_state.running = true;
      asio::co_spawn(executor, upload(upload_state), [&upload_state](const std::exception_ptr&) {
        upload_state.running = false;
        upload_state.ended.cancel();
      });
    }
    std::exception_ptr broken;
    try {
      next = sent == Sent::failed ? unsent() : co_await read_head();
      if (next == Next::proceed) {
        // An upload that ended early has left body bytes behind, which must never be read as a request.
        co_await respond(!upload_state.running && client_.body_done());
      }
    } catch (...) {
      broken =
          std::current_exception();  // the coroutine beside this one borrows from this frame: it ends first
    }
    co_await join(upload_state);
    if (broken) {
      std::rethrow_exception(broken);
    }
    buffer_.release_if_empty();
  }
  busy_.reset();
  outcome_.bytes_in = std::max(outcome_.bytes_in, client_.body_bytes());
  co_return outcome_;
}

bool Relay::take_idle() {
  upstream_ = fresh_ || !request_.proxy_header.empty()
                  ? nullptr
                  : pool_.take_idle(destination_.state->name, request_.terms);
  reused_ = upstream_ != nullptr;
  return reused_;
}

asio::awaitable<bool> Relay::connect() {
  const Pending pending(*destination_.state, request_.route->spread.circuit);
  if (!pending.allowed()) {
    fail(503, busy_code);
    co_return false;
  }
  auto stream = co_await pool_.open(*destination_.server, *destination_.state, request_.terms,
                                    request_.proxy_header, request_.route->timeouts.connect);
  if (!stream) {
    fail(stream.error().status, stream.error().code);
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

/// Goes on to another server, if there may be one.
Relay::Next Relay::elsewhere() {
  const auto other = go_elsewhere(request_, cut_reason_, *busy_, outcome_);
  if (!other) {
    return Next::end;
  }
  destination_ = *other;
  fresh_ = false;
  return Next::retry;
}

/// Whether the request may be sent once more although some of it, or all, has gone out.
bool Relay::may_repeat() const noexcept {
  return repeatable_ && cut_reason_.empty() && buffer_.empty() && outcome_.status == 0;
}

/// Puts the head and as much of the body as is here already into one piece, which a second attempt can send
/// again.
bool Relay::gather(std::string head) {
  first_ = std::move(head);
  if (client_.body_done()) {
    return true;
  }
  const bool chunked = request_.chunked;
  const std::size_t enough = first_.size() + read_ahead_bytes;
  while (first_.size() < enough && !client_.body_done()) {
    const auto piece = client_.next_now();
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
  if (client_.body_done()) {
    if (chunked) {
      http::append_last_chunk(first_, trailers_to_send(request_));
    }
    client_.finish_body();
  }
  return true;
}

/// Sends what is left of the first piece, and says what is to follow.
asio::awaitable<Relay::Sent> Relay::send_first(std::span<const char> rest) {
  if (const auto error = co_await upstream_->write(rest)) {
    send_error_ = error;
    co_return Sent::failed;
  }
  if (client_.body_done()) {
    co_return Sent::whole;
  }
  if (request_.expect_continue) {
    if (const auto error = co_await client_.invite_body(request_.client_idle)) {
      fail_request(error);
      co_return Sent::failed;
    }
  }
  co_return Sent::part;
}

asio::awaitable<void> Relay::upload(Upload& state) {
  const bool chunked = request_.chunked;
  std::string out;
  while (!client_.body_done() && !state.stop) {
    // The wait for the answer begins when the request is through; until then the server may be as slow as a
    // reader.
    upstream_->expires_in(request_.route->timeouts.idle);
    const auto piece = co_await client_.next(request_.client_idle);
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
    if (chunked && client_.body_done()) {
      http::append_last_chunk(out, trailers_to_send(request_));
    }
    // A server that stops reading may have answered already: its answer is what the client gets to see.
    if (co_await upstream_->write(chunked ? std::string_view(out) : *piece)) {
      co_return;
    }
  }
  client_.finish_body();
  if (!outcome_.responded) {  // else the deadlines are those of an answer that is under way
    client_.limit(net::Milliseconds{0});
    upstream_->expires_in(request_.route->timeouts.first_byte);
  }
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
    client_.interrupt();
    state.ended.expires_after(again);
    co_await state.ended.async_wait(nothrow);
  }
}

asio::awaitable<Relay::Next> Relay::read_head() {
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
      if (upstream_->tls() != nullptr) {
        const auto bytes = co_await upstream_->read_some(room);
        got = bytes ? *bytes : 0;
      } else {
        auto [error, bytes] = co_await upstream_->receive(room);
        got = error || upstream_->cancelled() ? 0 : bytes;
      }
    }
    if (got == 0) {
      co_return unanswered();
    }
    buffer_.commit(got);
  }
  fail(502, "upstream-malformed");
  co_return Next::end;
}

/// What follows when the request could not be written.
Relay::Next Relay::unsent() {
  const bool late = send_error_ == asio::error::timed_out;
  const bool repeat = may_repeat() && !late;
  if (repeat && reused_) {
    fresh_ = true;
    return Next::retry;
  }
  // A kept connection may end at any time, which says nothing of the server.
  if (outcome_.status == 0 && cut_reason_.empty() && (late || !reused_)) {
    destination_.state->failed(net::Clock::now());
  }
  fail(502, late ? "upstream-timeout" : "upstream-write-failed");
  return repeat ? elsewhere() : Next::end;
}

/// What follows when the server ends or is too late before its answer is whole.
Relay::Next Relay::unanswered() {
  const bool late = upstream_->timed_out();
  const bool repeat = may_repeat() && !late;  // who is slow once is slow twice, and so would be the others
  if (repeat && reused_) {
    fresh_ = true;  // a kept connection may end at any time, which says nothing of the server
    return Next::retry;
  }
  if (late || (!reused_ && !upstream_->cancelled())) {
    destination_.state->failed(net::Clock::now());
  }
  fail(late ? 504 : 502, late ? "upstream-timeout" : "upstream-closed");
  return repeat ? elsewhere() : Next::end;
}

asio::awaitable<void> Relay::respond(bool upload_done) {
  const http::ResponseHead& head = parser_->head();
  rules_ = http::judge_response(head, request_.method == "HEAD");
  const bool switched = head.status == 101;
  if (rules_.fault != http::HeadFault::none || (switched && !request_.websocket) || !answers_upgrade()) {
    fail(502, "upstream-malformed");
    co_return;
  }
  destination_.state->answered(head.status, request_.route->spread.outliers, net::coarse_now());
  ResponseGate::Form form;
  form.bodiless = request_.method == "HEAD" || head.status == 204 || head.status == 304;
  form.websocket = switched;
  form.framing = rules_.framing;
  if (rules_.framing.kind == Framing::Kind::chunked || rules_.framing.kind == Framing::Kind::until_close) {
    form.framing.kind = request_.version >= 11 ? Framing::Kind::chunked : Framing::Kind::until_close;
  }
  // A client whose upgrade came to nothing may already speak the other protocol.
  form.keep_alive = request_.keep_alive && upload_done && form.framing.kind != Framing::Kind::until_close &&
                    !request_.websocket;
  upstream_->expires_in(net::Milliseconds{0});  // it is the client's turn
  if (!gate_.may_respond_now() && !co_await gate_.may_respond()) {
    fail(503, "not-recorded");
    co_return;
  }
  gate_.begin_response(head, form);
  outcome_.status = head.status;
  buffer_.consume(head_size_);
  outcome_.responded = true;
  if (switched) {
    if (co_await open_tunnel()) {
      co_await tunnel();
    }
    co_return;
  }
  if (!co_await send_body(rules_.framing)) {
    co_return;
  }
  outcome_.keep_alive = form.keep_alive;
  if (request_.proxy_header.empty() && rules_.keep_alive && upload_done && buffer_.empty() &&
      client_.body_done() && !upstream_->cancelled()) {
    pool_.give(destination_.state->name, request_.terms, std::move(upstream_));
  }
}

/// Whether the answer means the same to a client that asked without a key: to it every success is a tunnel.
bool Relay::answers_upgrade() const noexcept {
  if (request_.websocket_accept.empty()) {
    return true;
  }
  const http::ResponseHead& head = parser_->head();
  if (head.status == 101) {
    return head.fields.count("Sec-WebSocket-Accept") == 1 &&
           head.fields.find("Sec-WebSocket-Accept") == request_.websocket_accept;
  }
  return head.status >= 300;
}

/// Sends the head, which the client's side has, then the body. True if both sides came to a regular end.
asio::awaitable<bool> Relay::send_body(Framing framing) {
  http::BodySource<false> source(*upstream_, buffer_, *parser_, framing, std::nullopt);
  std::uint64_t yield_at = yield_bytes;
  bool more = !source.done();
  bool unsent = true;
  while (more || unsent) {
    while (more && client_.has_room()) {
      auto piece = source.next_now();
      if (!piece && !unsent) {
        piece = co_await source.next(request_.route->timeouts.idle);
      }
      if (!piece) {
        break;
      }
      if (!*piece) {
        const bool late = piece->error() == asio::error::timed_out;
        outcome_.ended = ended_or(late ? "upstream-timeout" : "upstream-closed");
        client_.cancel();  // a response cut short must not look whole
        co_return false;
      }
      more = !source.done();
      if (!more && framing.kind == Framing::Kind::until_close && upstream_->cut_short()) {
        outcome_.ended = ended_or("upstream-closed");
        client_.cancel();
        co_return false;
      }
      client_.add(**piece, more ? nullptr : &source.trailers());
      unsent = true;
    }
    outcome_.bytes_out = source.bytes();
    upstream_->expires_in(net::Milliseconds{0});
    if (!client_.send_now(request_.client_idle) && co_await client_.send()) {
      outcome_.ended = ended_or(client_.timed_out() ? "client-timeout" : "client-closed");
      co_return false;
    }
    unsent = false;
    if (client_.body_done()) {
      client_.limit(net::Milliseconds{0});  // nothing is expected of it
    }
    if (source.bytes() >= yield_at) {
      // Two fast peers must not keep the thread from everybody else.
      yield_at = source.bytes() + yield_bytes;
      co_await asio::post(upstream_->socket().get_executor(), asio::deferred);
    }
  }
  source.finish();
  co_return true;
}

asio::awaitable<bool> Relay::open_tunnel() {
  if (!client_.send_now(request_.client_idle) && co_await client_.send()) {
    outcome_.ended = ended_or("client-closed");
    co_return false;
  }
  client_.limit(tunnel_idle());
  upstream_->expires_in(tunnel_idle());
  co_return true;
}

net::Milliseconds Relay::tunnel_idle() const noexcept {
  return request_.route->websocket_idle.value_or(request_.route->timeouts.idle);
}

asio::awaitable<void> Relay::tunnel() {
  tunnelling_ = true;
  Upload back(co_await asio::this_coro::executor);
  back.running = true;
  asio::co_spawn(co_await asio::this_coro::executor, pump_down(), [&back](const std::exception_ptr&) {
    back.running = false;
    back.ended.cancel();
  });
  std::exception_ptr broken;
  try {
    co_await pump_up();
  } catch (...) {
    broken = std::current_exception();
  }
  const bool idle = client_.timed_out() || upstream_->timed_out();
  upstream_->shutdown();
  upstream_->cancel();  // no WebSocket endpoint talks on after its peer has left
  while (back.running) {
    co_await back.ended.async_wait(nothrow);
  }
  if (broken) {
    std::rethrow_exception(broken);
  }
  outcome_.ended = ended_or(idle || upstream_->timed_out() ? "idle" : "complete");
  outcome_.keep_alive = false;
}

asio::awaitable<void> Relay::pump_up() {
  std::uint64_t yield_at = yield_bytes;
  while (cut_reason_.empty()) {
    const auto data = co_await client_.receive();
    if (!data || data->empty()) {
      co_return;
    }
    // Bytes either way keep the whole tunnel alive.
    client_.limit(tunnel_idle());
    upstream_->expires_in(tunnel_idle());
    if (co_await upstream_->write(*data)) {
      co_return;
    }
    outcome_.bytes_in += data->size();
    if (outcome_.bytes_in >= yield_at) {
      yield_at = outcome_.bytes_in + yield_bytes;
      co_await asio::post(upstream_->socket().get_executor(), asio::deferred);
    }
  }
}

asio::awaitable<void> Relay::pump_down() {
  std::uint64_t yield_at = yield_bytes;
  bool whole = true;  // what was begun to be sent has been sent
  while (cut_reason_.empty()) {
    if (buffer_.empty()) {
      const auto got = co_await upstream_->read_some(buffer_.prepare(read_ahead_bytes));
      if (!got || *got == 0) {
        break;
      }
      buffer_.commit(*got);
    }
    const std::string_view data = buffer_.readable();
    client_.limit(tunnel_idle());
    upstream_->expires_in(tunnel_idle());
    if (co_await client_.write(data)) {
      whole = false;
      break;
    }
    sent_frames_.take(data);
    outcome_.bytes_out += data.size();
    buffer_.consume(data.size());
    if (outcome_.bytes_out >= yield_at) {
      yield_at = outcome_.bytes_out + yield_bytes;
      co_await asio::post(upstream_->socket().get_executor(), asio::deferred);
    }
  }
  if (!cut_reason_.empty() && whole && sent_frames_.between()) {
    co_await say_farewell();
  } else {
    client_.shutdown();
    client_.cancel();  // a tunnel whose server has left is over for both
  }
}

/// Tells the client why its WebSocket was cut. Its connection is ended, not given up: what it still sends
/// must not make the kernel take the reason back.
asio::awaitable<void> Relay::say_farewell() {
  const auto code =
      cut_reason_ == shutdown_reason ? http::CloseCode::going_away : http::CloseCode::policy_violation;
  client_.limit(farewell_limit);
  const std::string farewell = http::close_frame(code, cut_reason_);
  if (co_await client_.write(farewell)) {
    client_.cancel();  // it does not listen
  }
  client_.shutdown();
}

void Relay::cut(std::string_view reason) noexcept {
  if (cut_reason_.empty()) {
    cut_reason_ = reason;
  }
  if (tunnelling_) {
    client_.interrupt();  // it is told why, where that can be said
  } else if (outcome_.responded) {
    client_.cancel();  // before its answer has begun it is told
  }
  if (upstream_) {
    upstream_->cancel();
  }
}

void Relay::fail(unsigned status, std::string_view why) noexcept {
  if (outcome_.status != 0) {
    return;  // the first failure is the cause
  }
  outcome_.status = status_of_cut(cut_reason_, status);
  outcome_.ended = ended_or(why);
  outcome_.keep_alive = false;
}

void Relay::fail_request(const net::error_code& error) noexcept {
  const RequestFailure failure = request_failure(error);
  fail(failure.status, failure.code);
}

std::string_view Relay::ended_or(std::string_view why) const noexcept {
  return cut_reason_.empty() ? why : cut_reason_;
}

}  // namespace tallygate::upstream
