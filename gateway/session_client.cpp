// How a request that came in HTTP/1.1 is read to its end, and answered.
#include "gateway/session.hpp"

#include <boost/beast/http/status.hpp>

namespace tallygate {
namespace {

namespace asio = boost::asio;
using http::Framing;

constexpr std::size_t gathered_bytes = std::size_t{64} * 1024;
constexpr std::size_t head_bytes = std::size_t{2} * 1024;  // most are shorter
constexpr std::size_t tunnel_bytes = std::size_t{64} * 1024;
constexpr std::string_view continue_head = "HTTP/1.1 100 Continue\r\n\r\n";

std::string status_line(unsigned status) {
  std::string line = "HTTP/1.1 " + std::to_string(status) + " ";
  line += boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
  return line + "\r\n";
}

}  // namespace

void Session::take_head() noexcept {
  buffer_.consume(std::exchange(head_size_, 0));
}

const http::RequestHead* Session::keep_head() {
  kept_head_bytes_.assign(buffer_.readable().substr(0, head_size_));
  kept_parser_.emplace();
  return kept_parser_->parse_head(kept_head_bytes_) ? nullptr : &kept_parser_->head();
}

void Session::open_body(const BodyRules& rules) {
  take_head();
  body_.emplace(stream_, buffer_, *parser_, rules.framing, rules.limit, rules.claims);
  tunnel_used_ = 0;
}

asio::awaitable<net::error_code> Session::invite_body(net::Milliseconds idle) {
  if (!buffer_.empty()) {
    co_return net::error_code{};
  }
  stream_.expires_in(idle);
  co_return co_await stream_.write(continue_head);
}

void Session::begin_response(const access::ClientHead& head) {
  if (out_.capacity() < head_bytes) {
    out_ = worker_.buffers.take_text();
    out_.reserve(head_bytes);
  }
  out_.clear();
  direct_ = {};
  chunked_ = head.framing.kind == Framing::Kind::chunked && !head.bodiless && !head.websocket;
  access::append_client_head(out_, head);
}

bool Session::has_room() const noexcept {
  return out_.size() < gathered_bytes && direct_.empty();
}

void Session::add(std::string_view piece, const http::Trailers* last) {
  if (out_.empty() && !chunked_) {
    direct_ = piece;  // straight from the buffer it was read into
  } else if (!piece.empty()) {
    http::append_piece(out_, piece, chunked_);
  }
  if (last != nullptr && chunked_) {
    http::append_last_chunk(out_, *last);
  }
}

bool Session::send_now(net::Milliseconds idle) {
  stream_.expires_in(idle);
  rest_ = out_.empty() ? std::span<const char>(direct_) : std::span<const char>(out_);
  if (!stream_.write_at_once(rest_)) {
    return false;
  }
  out_.clear();
  direct_ = {};
  return true;
}

asio::awaitable<net::error_code> Session::send() {
  const net::error_code error = co_await stream_.write(rest_);
  out_.clear();
  direct_ = {};
  co_return error;
}

asio::awaitable<net::Result<std::string_view>> Session::receive() {
  buffer_.consume(std::exchange(tunnel_used_, 0));
  if (buffer_.empty()) {
    const auto got = co_await stream_.read_some(buffer_.prepare(tunnel_bytes));
    if (!got) {
      co_return got.error();
    }
    buffer_.commit(*got);
  }
  tunnel_used_ = buffer_.readable().size();
  co_return buffer_.readable();
}

asio::awaitable<bool> Session::answer(const LocalAnswer& answer) {
  take_head();
  const identity::PageResponse& page = *answer.page;
  std::string out = status_line(page.status);
  for (const auto& [name, value] : page.fields) {
    out.append(name).append(": ").append(value).append("\r\n");
  }
  out.append("X-Request-Id: ").append(answer.request_id).append("\r\n");
  if (page.status != 204) {
    out.append("Content-Length: ").append(std::to_string(page.body.size())).append("\r\n");
  }
  if (!answer.keep) {
    out.append("Connection: close\r\n");
  } else if (answer.version == 10) {
    out.append("Connection: keep-alive\r\n");
  }
  out.append("\r\n");
  if (!answer.to_head) {
    out.append(page.body);
  }
  co_return !co_await stream_.write(out);
}

}  // namespace tallygate
