#pragma once
/// Bodies on their way through: read as framed on one side, written as framed on the other, one buffer at a
/// time.
#include "gateway/http/message.hpp"
#include "gateway/net/buffer.hpp"
#include "gateway/net/stream.hpp"

#include <boost/asio/awaitable.hpp>

#include <optional>

namespace tallygate::http {

/// How a body fails, beside the errors of its connection.
enum class BodyFault { cut_short = 1, malformed, too_large, bad_trailer };
const boost::system::error_category& body_category() noexcept;
boost::system::error_code make_error_code(BodyFault fault) noexcept;

/// Says of a field name whether a client may not use it to claim something.
using FieldPredicate = bool (*)(std::string_view name);

/// Reads one body. Borrows all it is given; they outlive it. Threads: the stream's.
template <bool isRequest>
class BodySource {
 public:
  /// `buffer` holds what came after the head; `limit` is the most bytes accepted; a request whose trailers
  /// hold a field that is forbidden there, or that `claims` is true for, is malformed.
  BodySource(net::Stream& stream, net::Buffer& buffer, MessageParser<isRequest>& parser, Framing framing,
             std::optional<std::uint64_t> limit, FieldPredicate claims = nullptr)
      : stream_(stream),
        buffer_(buffer),
        parser_(parser),
        framing_(framing),
        limit_(limit),
        claims_(claims),
        left_(framing.length) {}

  /// The next bytes of the body, in the buffer, valid until the next call; empty at its end. Errors:
  /// BodyFault or the connection's. `idle` is the longest wait for bytes.
  boost::asio::awaitable<net::Result<std::string_view>> next(net::Milliseconds idle);
  /// What next() can give without waiting; empty optional if it would have to wait.
  std::optional<net::Result<std::string_view>> next_now();

  /// Gives the bytes of the last piece back to the buffer; its view is void. For when no next() follows.
  void finish() noexcept;

  [[nodiscard]] bool done() const noexcept { return done_ || framing_.kind == Framing::Kind::none; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] const Trailers& trailers() const noexcept { return parser_.trailers(); }

 private:
  net::Result<std::string_view> take(std::string_view data);
  std::optional<net::Result<std::string_view>> next_chunked();

  net::Stream& stream_;
  net::Buffer& buffer_;
  MessageParser<isRequest>& parser_;
  Framing framing_;
  std::optional<std::uint64_t> limit_;
  FieldPredicate claims_;
  std::uint64_t left_;
  std::uint64_t bytes_ = 0;
  std::size_t used_ = 0;  ///< bytes of the buffer handed out by the last call
  bool done_ = false;
  bool end_of_stream_ = false;
};

extern template class BodySource<true>;
extern template class BodySource<false>;

/// Appends the wire form of a piece: as it is, or as one chunk.
void append_piece(std::string& out, std::string_view data, bool chunked);
/// Appends the last chunk and the trailers.
void append_last_chunk(std::string& out, const Trailers& trailers);

/// True for fields that frame, route or authenticate a message and so have no place behind it (RFC 9110
/// §6.5.1).
[[nodiscard]] bool forbidden_in_trailers(std::string_view name) noexcept;

}  // namespace tallygate::http

template <>
struct boost::system::is_error_code_enum<tallygate::http::BodyFault> : std::true_type {};
