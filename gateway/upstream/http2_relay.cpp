#include "gateway/upstream/http2_relay.hpp"

#include "gateway/upstream/request_lines.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>

#include <exception>
#include <utility>

namespace tallygate::upstream {
namespace {

namespace asio = boost::asio;
using http::Framing;

constexpr std::size_t read_ahead_bytes = std::size_t{64} * 1024;
constexpr int attempts = 2;

}  // namespace

Http2Relay::Http2Relay(asio::io_context& io, net::Deadlines& deadlines, Http2Pool& pool,
                       net::BufferPool& buffers, const Http2Pool::Target& target, const RelayRequest& request,
                       ResponseGate& gate)
    : io_(io),
      deadlines_(deadlines),
      pool_(pool),
      target_(target),
      busy_(*target.state),
      request_(request),
      gate_(gate),
      client_(*request.client),
      reader_(io),
      writer_(io),
      taken_(buffers) {
  deadlines.add(*this);
}

asio::awaitable<RelayOutcome> Http2Relay::run(std::string head) {
  const WholeDeadline whole(*this, deadlines_, request_.route->timeouts.whole);
  head_ = std::move(head);
  const bool tls = target_.server->protocol == UpstreamProtocol::h2;
  list_request_fields(fields_, head_, tls ? "https" : "http");
  Next next = gather() ? Next::retry : Next::end;
  std::exception_ptr broken;
  for (int count = 1; next == Next::retry; ++count) {
    const ServerState* const asked = target_.state;
    try {
      next = co_await begin() ? co_await attempt(count >= attempts) : elsewhere();
    } catch (...) {
      broken = std::current_exception();
      next = Next::end;
    }
    expires_in(net::Milliseconds{0});
    if (stream_ != nullptr) {
      credit();
      connection_->release(*std::exchange(stream_, nullptr));
      connection_.reset();
    }
    if (target_.state != asked) {
      count = 0;
    }
  }
  if (broken) {
    std::rethrow_exception(broken);
  }
  outcome_.bytes_in = client_.body_bytes();
  co_return outcome_;
}

/// Takes as much of the body as is here already.
bool Http2Relay::gather() {
  while (first_.size() < read_ahead_bytes && !client_.body_done()) {
    const auto piece = client_.next_now();
    if (!piece) {
      return true;
    }
    if (!*piece) {
      const RequestFailure failure = request_failure(piece->error());
      fail(failure.status, failure.code);
      return false;
    }
    first_.append(**piece);
  }
  if (client_.body_done()) {
    client_.finish_body();
  }
  return true;
}

/// Opens a stream, and sends on it what is here. False: it could not be.
asio::awaitable<bool> Http2Relay::begin() {
  if (!cut_reason_.empty()) {
    fail(503, cut_reason_);  // what allowed it ended while its record was awaited
    co_return false;
  }
  const Pending pending(*target_.state, request_.route->spread.circuit);
  if (!pending.allowed()) {
    fail(503, busy_code);
    co_return false;
  }
  const std::uint64_t connects = target_.state->connects.load(std::memory_order_relaxed);
  auto leased = co_await pool_.lease(target_);
  reused_ = connects == target_.state->connects.load(std::memory_order_relaxed);
  if (!leased) {
    fail(leased.error().status, leased.error().code);
    co_return false;
  }
  if (!cut_reason_.empty()) {
    fail(503, cut_reason_);
    co_return false;
  }
  const bool whole = client_.body_done();
  const bool bare = whole && first_.empty() && trailers_to_send(request_).empty();
  late_ = false;
  expires_in(request_.route->timeouts.idle);
  stream_ = (*leased)->request(*this, fields_, bare, request_.method == "HEAD");
  if (stream_ == nullptr) {
    fail(502, "upstream-write-failed");
    co_return false;
  }
  connection_ = std::move(*leased);
  stream_->sending = first_;
  if (whole) {
    stream_->last = &trailers_to_send(request_);
  }
  connection_->resume(*stream_);
  on_sent();  // what went before the stream was known here
  co_return true;
}

asio::awaitable<Http2Relay::Next> Http2Relay::attempt(bool last) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  Upload state(executor);
  if (!client_.body_done()) {
    state.running = true;
    asio::co_spawn(executor, upload(state), [&state](const std::exception_ptr&) {
      state.running = false;
      state.ended.cancel();
    });
  }
  Next next = Next::end;
  std::exception_ptr broken;
  try {
    next = co_await read_head(last);
    if (next == Next::proceed) {
      co_await respond(state);
    }
  } catch (...) {
    broken = std::current_exception();  // the coroutine beside this one borrows from this frame
  }
  co_await join(state);
  if (broken) {
    std::rethrow_exception(broken);
  }
  co_return next;
}

bool Http2Relay::lost() const noexcept {
  return late_ || !cut_reason_.empty() || !upload_fault_.empty() ||
         (outcome_.status != 0 && !outcome_.responded);
}

asio::awaitable<Http2Relay::Next> Http2Relay::read_head(bool last) {
  while (!stream_->answered) {
    if (lost() || !stream_->open || stream_->broken || stream_->ended) {
      co_return unanswered(last);
    }
    co_await reader_.wait();
  }
  co_return Next::proceed;
}

/// What follows when the server ends, or is too late, before its answer has begun.
Http2Relay::Next Http2Relay::unanswered(bool last) {
  if (late_) {
    target_.state->failed(net::Clock::now());
    connection_->retire();  // it may be the connection that is dead
    fail(504, "upstream-timeout");
    return Next::end;
  }
  const bool ours = lost();
  const bool cut_short = stream_->broken == http::make_error_code(http::BodyFault::cut_short);
  if (!ours && (stream_->ended || (stream_->broken && !cut_short))) {
    fail(502, "upstream-malformed");
    return Next::end;
  }
  const bool again = stream_->refused() || is_idempotent(request_.method);
  const bool repeat = !ours && !passed_on_ && again;
  if (repeat && !last && (stream_->refused() || reused_)) {
    return Next::retry;
  }
  if (!ours && !reused_ && !stream_->refused()) {
    target_.state->failed(net::Clock::now());
  }
  fail(502, "upstream-closed");
  return repeat ? elsewhere() : Next::end;
}

/// Goes on to another server, if there may be one.
Http2Relay::Next Http2Relay::elsewhere() {
  const auto other = go_elsewhere(request_, cut_reason_, busy_, outcome_);
  if (!other) {
    return Next::end;
  }
  target_.server = other->server;
  target_.state = other->state;
  return Next::retry;
}

asio::awaitable<void> Http2Relay::respond(const Upload& state) {
  const http::ResponseHead& head = stream_->block.head();
  target_.state->answered(head.status, request_.route->spread.outliers, net::coarse_now());
  ResponseGate::Form form;
  form.bodiless = request_.method == "HEAD" || head.status == 204 || head.status == 304;
  form.framing = stream_->block.rules().framing;
  if (form.framing.kind == Framing::Kind::chunked && request_.version < 11) {
    form.framing.kind = Framing::Kind::until_close;
  }
  // An upload that goes on may leave body bytes behind, which must never be read as a request.
  form.keep_alive = request_.keep_alive && !state.running && client_.body_done() &&
                    form.framing.kind != Framing::Kind::until_close;
  expires_in(net::Milliseconds{0});  // it is the client's turn
  if (!gate_.may_respond_now() && !co_await gate_.may_respond()) {
    fail(503, "not-recorded");
    give_up();
    co_return;
  }
  gate_.begin_response(head, form);
  outcome_.status = head.status;
  outcome_.responded = true;
  outcome_.keep_alive = co_await send_body() && form.keep_alive;
}

void Http2Relay::cut(std::string_view reason) noexcept {
  if (cut_reason_.empty()) {
    cut_reason_ = reason;
  }
  if (outcome_.responded) {
    client_.cancel();  // before its answer has begun it is told
  }
  give_up();
}

void Http2Relay::give_up() noexcept {
  if (stream_ != nullptr) {
    connection_->reset(*stream_, http2::Code::cancel);
    stream_->sending = {};
  }
  reader_.wake();
  writer_.wake();
}

void Http2Relay::on_sent() noexcept {
  if (!outcome_.responded && stream_ != nullptr && !stream_->answered) {
    expires_in(stream_->finished ? request_.route->timeouts.first_byte : request_.route->timeouts.idle);
  }
  if (stream_ == nullptr || stream_->idle() || !stream_->open) {
    writer_.wake();
  }
}

void Http2Relay::on_expired() noexcept {
  expires_in(net::Milliseconds{0});
  late_ = true;
  give_up();
}

void Http2Relay::fail(unsigned status, std::string_view why) noexcept {
  if (outcome_.status != 0) {
    return;  // the first failure is the cause
  }
  outcome_.status = status_of_cut(cut_reason_, status);
  outcome_.ended = ended_or(why);
  outcome_.keep_alive = false;
}

std::string_view Http2Relay::ended_or(std::string_view why) const noexcept {
  return cut_reason_.empty() ? why : cut_reason_;
}

}  // namespace tallygate::upstream
