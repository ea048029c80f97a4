#include "gateway/http/body.hpp"

#include <boost/asio/error.hpp>
#include <boost/beast/core/string.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace tallygate::http {
namespace {

class BodyCategory final : public boost::system::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "tallygate.body"; }
  [[nodiscard]] std::string message(int value) const override {
    switch (static_cast<BodyFault>(value)) {
      case BodyFault::cut_short:
        return "the connection ended before the body did";
      case BodyFault::malformed:
        return "the chunked coding of the body is malformed";
      case BodyFault::too_large:
        return "the body is larger than the limit";
      case BodyFault::bad_trailer:
        return "a trailer carries a control field";
    }
    return "unknown body fault";
  }
};

constexpr std::size_t piece_bytes = std::size_t{64} * 1024;

}  // namespace

const boost::system::error_category& body_category() noexcept {
  static const BodyCategory category;
  return category;
}

boost::system::error_code make_error_code(BodyFault fault) noexcept {
  return {static_cast<int>(fault), body_category()};
}

template <bool isRequest>
net::Result<std::string_view> BodySource<isRequest>::take(std::string_view data) {
  bytes_ += data.size();
  if (limit_ && bytes_ > *limit_) {
    return BodyFault::too_large;
  }
  return data;
}

template <bool isRequest>
std::optional<net::Result<std::string_view>> BodySource<isRequest>::next_chunked() {
  for (;;) {
    const auto piece = parser_.decode_chunked(buffer_.readable());
    if (piece.error) {
      return net::Result<std::string_view>(BodyFault::malformed);
    }
    if (!piece.data.empty()) {
      used_ = piece.consumed;
      done_ = piece.done;
      return take(piece.data);
    }
    buffer_.consume(piece.consumed);
    if (piece.done) {
      done_ = true;
      const bool forbidden =
          std::any_of(parser_.trailers().begin(), parser_.trailers().end(), [this](const auto& line) {
            return forbidden_in_trailers(line.first) || (claims_ != nullptr && claims_(line.first));
          });
      if (isRequest && forbidden) {
        return net::Result<std::string_view>(BodyFault::bad_trailer);
      }
      return net::Result<std::string_view>(std::string_view());
    }
    if (piece.need_more || buffer_.empty()) {
      return std::nullopt;
    }
  }
}

template <bool isRequest>
void BodySource<isRequest>::finish() noexcept {
  buffer_.consume(used_);
  used_ = 0;
}

template <bool isRequest>
std::optional<net::Result<std::string_view>> BodySource<isRequest>::next_now() {
  finish();
  if (done()) {
    return net::Result<std::string_view>(std::string_view());
  }
  if (framing_.kind == Framing::Kind::chunked) {
    return next_chunked();
  }
  if (buffer_.empty()) {
    return std::nullopt;
  }
  std::string_view data = buffer_.readable();
  if (framing_.kind == Framing::Kind::length) {
    data = data.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, data.size())));
    left_ -= data.size();
    done_ = left_ == 0;
  }
  used_ = data.size();
  return take(data);
}

template <bool isRequest>
boost::asio::awaitable<net::Result<std::string_view>> BodySource<isRequest>::next(net::Milliseconds idle) {
  for (;;) {
    if (auto ready = next_now()) {
      co_return *ready;
    }
    if (end_of_stream_) {
      done_ = true;
      if (framing_.kind == Framing::Kind::until_close) {
        co_return std::string_view();
      }
      co_return BodyFault::cut_short;
    }
    const std::span<char> room = buffer_.prepare(piece_bytes);
    if (room.empty()) {
      co_return BodyFault::malformed;  // a chunk header that fills the whole buffer
    }
    stream_.expires_in(idle);
    const auto got = co_await stream_.read_some(room);
    if (!got) {
      co_return got.error();
    }
    buffer_.commit(*got);
    end_of_stream_ = *got == 0;
  }
}

template class BodySource<true>;
template class BodySource<false>;

void append_piece(std::string& out, std::string_view data, bool chunked) {
  if (!chunked) {
    out.append(data);
    return;
  }
  std::array<char, 18> size{};
  const auto [end, error] = std::to_chars(size.data(), size.data() + size.size(), data.size(), 16);
  out.append(size.data(), error == std::errc{} ? end : size.data());
  out.append("\r\n").append(data).append("\r\n");
}

void append_last_chunk(std::string& out, const Trailers& trailers) {
  out.append("0\r\n");
  for (const auto& [name, value] : trailers) {
    if (!forbidden_in_trailers(name)) {
      out.append(name).append(": ").append(value).append("\r\n");
    }
  }
  out.append("\r\n");
}

bool forbidden_in_trailers(std::string_view name) noexcept {
  static constexpr std::array<std::string_view, 29> forbidden{"age",
                                                              "authorization",
                                                              "cache-control",
                                                              "connection",
                                                              "content-encoding",
                                                              "content-length",
                                                              "content-range",
                                                              "content-type",
                                                              "cookie",
                                                              "date",
                                                              "expect",
                                                              "expires",
                                                              "forwarded",
                                                              "host",
                                                              "keep-alive",
                                                              "location",
                                                              "max-forwards",
                                                              "pragma",
                                                              "proxy-authenticate",
                                                              "proxy-authorization",
                                                              "proxy-connection",
                                                              "range",
                                                              "retry-after",
                                                              "set-cookie",
                                                              "te",
                                                              "trailer",
                                                              "transfer-encoding",
                                                              "upgrade",
                                                              "www-authenticate"};
  const auto same = [name](std::string_view other) {
    return other.size() == name.size() && boost::beast::iequals(other, name);
  };
  return std::any_of(forbidden.begin(), forbidden.end(), same);
}

}  // namespace tallygate::http
