#include "gateway/http2_exchange.hpp"

#include "gateway/http/websocket.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace tallygate {
namespace {

namespace asio = boost::asio;
using http::Framing;

}  // namespace

Http2Exchange::Http2Exchange(ConnectionState& connection, Http2Link& link)
    : link_(link),
      request_(connection, *this),
      reader_(connection.worker.io()),
      writer_(connection.worker.io()),
      taken_(connection.worker.buffers) {
  connection.worker.deadlines.add(*this);
}

asio::awaitable<bool> Http2Exchange::serve(http2::Stream& stream) {
  stream_ = &stream;
  cancelled_ = timed_out_ = false;
  handed_ = 0;
  bytes_ = 0;
  opened_ = done_ = false;
  ReadHead read;
  read.head = stream.block.readable() ? &stream.block.head() : nullptr;
  read.rules = stream.block.rules();
  read.line = stream.block.line();
  websocket_key_.clear();
  if (read.rules.websocket) {
    websocket_key_ = http::make_websocket_key();
    read.websocket_key = websocket_key_;
  }
  return request_.serve(read);
}

void Http2Exchange::leave() noexcept {
  limit(net::Milliseconds{0});
  taken_.consume(taken_.readable().size());
  taken_.release_if_empty();
  stream_ = nullptr;
}

void Http2Exchange::on_sent() {
  if (limit_.count() != 0 && stream_->open) {
    expires_in(limit_);
  }
  if (stream_->idle() || !stream_->open) {
    writer_.wake();
  }
}

void Http2Exchange::gone() noexcept {
  cancelled_ = true;
  request_.cut("client-closed");
  cancel();
}

bool Http2Exchange::body_done() const noexcept {
  return !opened_ || done_ || rules_.framing.kind == Framing::Kind::none;
}

void Http2Exchange::open_body(const BodyRules& rules) {
  rules_ = rules;
  opened_ = true;
}

bool Http2Exchange::trailers_allowed() const noexcept {
  const auto& lines = stream_->trailers;
  return rules_.claims == nullptr || std::none_of(lines.begin(), lines.end(), [this](const auto& line) {
           return rules_.claims(line.first);
         });
}

std::optional<net::Result<std::string_view>> Http2Exchange::next_now() {
  using Piece = net::Result<std::string_view>;
  taken_.consume(taken_.readable().size());
  if (body_done()) {
    return Piece(std::string_view());
  }
  const bool whole = stream_->ended && trailers_allowed();
  if (stream_->arrived.empty()) {
    if (stream_->broken) {
      return Piece(timed_out_ ? failure() : stream_->broken);  // what was given up here is broken as well
    }
    if (!stream_->ended) {
      return std::nullopt;
    }
    if (!whole) {
      return Piece(http::make_error_code(http::BodyFault::bad_trailer));
    }
    done_ = true;
    return Piece(std::string_view());
  }
  taken_.swap(stream_->arrived);  // what comes now goes elsewhere, and this stays where it is
  handed_ += taken_.readable().size();
  bytes_ += taken_.readable().size();
  if (rules_.limit && bytes_ > *rules_.limit) {
    return Piece(http::make_error_code(http::BodyFault::too_large));
  }
  done_ = whole;
  return Piece(taken_.readable());
}

/// What was handed out has been taken: the client may send as much again.
void Http2Exchange::credit() {
  if (handed_ != 0) {
    link_.framing().consume(*stream_, std::exchange(handed_, 0));
    link_.pump();
  }
}

asio::awaitable<net::Result<std::string_view>> Http2Exchange::next(net::Milliseconds idle) {
  credit();
  limit(idle);
  co_return co_await receive();
}

asio::awaitable<net::Result<std::string_view>> Http2Exchange::receive() {
  credit();
  const std::uint32_t interrupts = interrupts_;
  for (;;) {
    if (auto ready = next_now()) {
      co_return *ready;
    }
    if (cancelled_ || interrupts != interrupts_) {
      co_return failure();
    }
    co_await reader_.wait();
  }
}

void Http2Exchange::finish_body() noexcept {
  taken_.consume(taken_.readable().size());
  credit();
}

asio::awaitable<net::error_code> Http2Exchange::invite_body(net::Milliseconds /*idle*/) {
  if (stream_->arrived.empty() && bytes_ == 0 && !stream_->ended) {
    link_.framing().invite(*stream_);
    link_.pump();
  }
  co_return net::error_code{};
}

void Http2Exchange::begin_response(const access::ClientHead& head) {
  std::vector<http::Field>& fields = link_.fields();
  access::list_client_fields(fields, head);
  const bool ended = !head.websocket && (head.bodiless || head.framing.kind == Framing::Kind::none);
  const unsigned status = head.websocket ? 200 : head.from_upstream->status;
  link_.framing().respond(*stream_, fields, status, ended);
  if (ended) {
    stream_->last = &no_trailers_;
  }
  if (head.websocket) {
    rules_ = {};
    rules_.framing.kind = Framing::Kind::chunked;  // what comes from now on is for the tunnel
  }
}

bool Http2Exchange::has_room() const noexcept {
  return stream_->sending.empty() && stream_->last == nullptr;
}

void Http2Exchange::add(std::string_view piece, const http::Trailers* last) {
  stream_->sending = piece;
  stream_->last = last;
}

bool Http2Exchange::send_now(net::Milliseconds idle) {
  limit(idle);
  link_.framing().resume(*stream_);
  link_.pump();
  return stream_->open && !cancelled_ ? stream_->idle() : stream_->finished;
}

asio::awaitable<net::error_code> Http2Exchange::send() {
  const std::uint32_t interrupts = interrupts_;
  while (!stream_->idle()) {
    if (cancelled_ || !stream_->open || interrupts != interrupts_) {
      stream_->sending = {};
      co_return failure();
    }
    co_await writer_.wait();
  }
  co_return cancelled_ && !stream_->finished ? failure() : net::error_code{};
}

asio::awaitable<net::error_code> Http2Exchange::write(std::string_view bytes) {
  stream_->sending = bytes;
  link_.framing().resume(*stream_);
  link_.pump();
  co_return co_await send();
}

void Http2Exchange::shutdown() noexcept {
  stream_->last = &no_trailers_;
  link_.framing().resume(*stream_);
  link_.pump();
}

void Http2Exchange::limit(net::Milliseconds time) noexcept {
  limit_ = time;
  expires_in(time);
}

void Http2Exchange::cancel() noexcept {
  cancelled_ = true;
  if (stream_ != nullptr && !stream_->finished) {
    stream_->sending = {};
    link_.framing().reset(*stream_, timed_out_ ? http2::Code::cancel : http2::Code::internal_error);
    link_.pump();
  }
  reader_.wake();
  writer_.wake();
}

void Http2Exchange::interrupt() noexcept {
  ++interrupts_;
  reader_.wake();
  writer_.wake();
}

void Http2Exchange::on_expired() noexcept {
  limit(net::Milliseconds{0});
  timed_out_ = true;
  cancel();
}

net::error_code Http2Exchange::failure() const noexcept {
  if (timed_out_) {
    return asio::error::timed_out;
  }
  return cancelled_ ? asio::error::connection_reset : asio::error::operation_aborted;
}

asio::awaitable<bool> Http2Exchange::answer(const LocalAnswer& answer) {
  const identity::PageResponse& page = *answer.page;
  std::vector<http::Field>& fields = link_.fields();
  for (const auto& [name, value] : page.fields) {
    fields.push_back({name, value, boost::beast::http::field::unknown});
  }
  fields.push_back({"X-Request-Id", answer.request_id, boost::beast::http::field::unknown});
  std::array<char, 20> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), page.body.size());
  if (page.status != 204 && error == std::errc{}) {
    const std::string_view length(digits.data(), static_cast<std::size_t>(end - digits.data()));
    fields.push_back({"Content-Length", length, boost::beast::http::field::content_length});
  }
  const bool ended = answer.to_head || page.body.empty();
  link_.framing().respond(*stream_, fields, page.status, ended);
  add(ended ? std::string_view() : std::string_view(page.body), &no_trailers_);
  link_.framing().resume(*stream_);
  link_.pump();
  co_return !co_await send();
}

}  // namespace tallygate
