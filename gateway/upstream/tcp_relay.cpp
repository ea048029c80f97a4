#include "gateway/upstream/tcp_relay.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <exception>

namespace tallygate::upstream {
namespace {

namespace asio = boost::asio;
constexpr auto nothrow = asio::as_tuple(asio::deferred);

constexpr std::size_t piece_bytes = std::size_t{64} * 1024;
constexpr std::uint64_t yield_bytes = std::uint64_t{1024} * 1024;
constexpr net::Milliseconds farewell_limit{1'000};

/// Whether bytes moved over a mark: others on the thread come between.
bool passed(std::uint64_t& mark, std::uint64_t bytes) noexcept {
  if (bytes < mark) {
    return false;
  }
  mark = bytes + yield_bytes;
  return true;
}

}  // namespace

asio::awaitable<RelayOutcome> TcpRelay::run(std::string /*head*/) {
  const WholeDeadline whole(*this, pool_.deadlines(), request_.route->timeouts.whole);
  co_await talk();
  co_return outcome_;
}

asio::awaitable<void> TcpRelay::talk() {
  if (!cut_reason_.empty()) {
    fail(503, cut_reason_);  // what allowed it ended while its record was awaited
    co_return;
  }
  bool connected = co_await connect();
  while (!connected && elsewhere()) {
    connected = co_await connect();
  }
  if (connected && co_await open_tunnel()) {
    co_await tunnel();
  }
}

asio::awaitable<bool> TcpRelay::connect() {
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
  if (!cut_reason_.empty()) {
    fail(503, cut_reason_);
    co_return false;
  }
  destination_.state->succeeded();
  co_return true;
}

/// Goes on to another server, if there may be one: nothing has been said to the one that did not answer.
bool TcpRelay::elsewhere() {
  const auto other = go_elsewhere(request_, cut_reason_, busy_, outcome_);
  if (other) {
    destination_ = *other;
  }
  return other.has_value();
}

asio::awaitable<bool> TcpRelay::open_tunnel() {
  if (!gate_.may_respond_now() && !co_await gate_.may_respond()) {
    fail(503, "not-recorded");
    co_return false;
  }
  constexpr unsigned switching = 101;
  http::ResponseHead head;
  head.status = switching;
  head.fields.add(
      {"Sec-WebSocket-Accept", request_.websocket_accept, boost::beast::http::field::sec_websocket_accept});
  ResponseGate::Form form;
  form.websocket = true;
  form.keep_alive = false;
  gate_.begin_response(head, form);
  outcome_.status = switching;
  outcome_.responded = true;
  if (!client_.send_now(request_.client_idle) && co_await client_.send()) {
    outcome_.ended = cut_reason_.empty() ? "client-closed" : cut_reason_;
    co_return false;
  }
  keep_alive();
  co_return true;
}

/// Bytes either way keep the whole tunnel alive.
void TcpRelay::keep_alive() noexcept {
  const net::Milliseconds idle = request_.route->websocket_idle.value_or(request_.route->timeouts.idle);
  client_.limit(idle);
  upstream_->expires_in(idle);
}

bool TcpRelay::over() const noexcept {
  return !cut_reason_.empty() || client_lost_ || server_lost_ ||
         frames_.state() != http::ClientFrames::State::open || (frames_.data_ended() && server_ended_);
}

asio::awaitable<void> TcpRelay::tunnel() {
  tunnelling_ = true;
  Upload back(co_await asio::this_coro::executor);
  back.running = pumping_down_ = true;
  asio::co_spawn(co_await asio::this_coro::executor, pump_down(),
                 [this, &back](const std::exception_ptr& broken) {
                   server_lost_ = server_lost_ || broken;
                   back.running = pumping_down_ = false;
                   back.ended.cancel();
                   client_.interrupt();  // it may be over for the other one as well
                 });
  std::exception_ptr broken;
  try {
    co_await pump_up();
  } catch (...) {
    broken = std::current_exception();
    client_lost_ = true;
  }
  outcome_.ended = how_it_ended();
  upstream_->cancel();
  while (back.running) {
    co_await back.ended.async_wait(nothrow);
  }
  upstream_->shutdown();
  if (broken) {
    client_.cancel();
    std::rethrow_exception(broken);
  }
  co_await say_farewell();
}

std::string_view TcpRelay::how_it_ended() const noexcept {
  if (!cut_reason_.empty()) {
    return cut_reason_;
  }
  if (client_.timed_out() || upstream_->timed_out()) {
    return "idle";
  }
  if (frames_.state() == http::ClientFrames::State::broken) {
    return "client-malformed";
  }
  if (client_lost_) {
    return "client-closed";
  }
  return server_lost_ ? "upstream-closed" : "complete";
}

asio::awaitable<void> TcpRelay::pump_up() {
  std::uint64_t yield_at = yield_bytes;
  while (!over()) {
    const auto bytes = co_await client_.receive();
    if (!bytes && bytes.error() == asio::error::operation_aborted && !client_.cancelled()) {
      continue;  // woken
    }
    if (!bytes || bytes->empty()) {
      client_lost_ = true;
      co_return;
    }
    if (!co_await pass_up(*bytes)) {
      server_lost_ = true;
      co_return;
    }
    if (passed(yield_at, outcome_.bytes_in)) {
      co_await asio::post(upstream_->socket().get_executor(), asio::deferred);
    }
  }
}

/// Hands what the frames hold to the server. False: it takes no more.
asio::awaitable<bool> TcpRelay::pass_up(std::string_view bytes) {
  const bool ended_before = frames_.data_ended();
  up_.clear();
  frames_.take(bytes, up_);
  if (!up_.empty()) {
    keep_alive();  // a ping alone does not
    if (co_await upstream_->write(up_)) {
      co_return false;
    }
  }
  outcome_.bytes_in += up_.size();
  if (frames_.data_ended() && !ended_before) {
    net::error_code gone;  // one that has left needs no telling; reading from it says so
    upstream_->socket().shutdown(asio::ip::tcp::socket::shutdown_send, gone);
  }
  if (frames_.has_ping() && pumping_down_) {
    upstream_->interrupt();  // the other coroutine writes to the client
  } else if (frames_.has_ping()) {
    co_await answer_ping();
  }
  co_return true;
}

asio::awaitable<void> TcpRelay::pump_down() {
  std::uint64_t yield_at = yield_bytes;
  while (!over()) {
    if (frames_.has_ping()) {
      co_await answer_ping();
      continue;
    }
    if (!co_await pass_down() || server_ended_) {
      co_return;
    }
    if (passed(yield_at, outcome_.bytes_out)) {
      co_await asio::post(upstream_->socket().get_executor(), asio::deferred);
    }
  }
}

asio::awaitable<void> TcpRelay::answer_ping() {
  down_.clear();
  http::append_pong(down_, frames_.take_ping().value_or(std::string()));
  if (co_await client_.write(down_)) {
    client_lost_ = true;
  }
}

/// Hands the next piece of what the server sends to the client, or its end. False: the tunnel is broken.
asio::awaitable<bool> TcpRelay::pass_down() {
  const auto got = co_await upstream_->read_some(buffer_.prepare(piece_bytes));
  if (!got && got.error() == asio::error::operation_aborted && !upstream_->cancelled()) {
    co_return true;  // woken for a ping
  }
  if (!got) {
    server_lost_ = true;
    co_return false;
  }
  buffer_.commit(*got);
  const std::string_view data = buffer_.readable();
  down_.clear();
  http::append_binary_head(down_, data.size());
  down_.append(data);
  keep_alive();
  if (co_await client_.write(down_)) {
    client_lost_ = true;
    co_return false;
  }
  outcome_.bytes_out += data.size();
  buffer_.consume(data.size());
  server_ended_ = *got == 0;
  co_return true;
}

http::CloseCode TcpRelay::close_code() const noexcept {
  if (cut_reason_ == shutdown_reason) {
    return http::CloseCode::going_away;
  }
  if (!cut_reason_.empty()) {
    return http::CloseCode::policy_violation;
  }
  if (frames_.state() == http::ClientFrames::State::broken) {
    return http::CloseCode::protocol_error;
  }
  return server_lost_ ? http::CloseCode::internal_error : http::CloseCode::normal;
}

/// Tells the client why it is over. Its connection is ended, not given up: what it still sends must not make
/// the kernel take the reason back.
asio::awaitable<void> TcpRelay::say_farewell() {
  client_.limit(farewell_limit);
  const std::string farewell = http::close_frame(close_code(), outcome_.ended);
  if (client_lost_ || co_await client_.write(farewell)) {
    client_.cancel();
  }
  client_.shutdown();
}

void TcpRelay::cut(std::string_view reason) noexcept {
  if (cut_reason_.empty()) {
    cut_reason_ = reason;
  }
  if (tunnelling_) {
    client_.interrupt();
  } else if (outcome_.responded) {
    client_.cancel();
  }
  if (upstream_) {
    upstream_->cancel();
  }
}

void TcpRelay::fail(unsigned status, std::string_view why) noexcept {
  outcome_.status = status_of_cut(cut_reason_, status);
  outcome_.ended = cut_reason_.empty() ? why : cut_reason_;
  outcome_.keep_alive = false;
}

}  // namespace tallygate::upstream
