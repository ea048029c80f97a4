#pragma once
/// Beast's HTTP/1 parser, driven by hand over bytes that already lie in a buffer: no copies, no I/O.
#include "gateway/http/head.hpp"
#include "gateway/http/strict.hpp"

#include <boost/beast/http/basic_parser.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tallygate::http {

/// How a message says where its body ends (RFC 9112 §6.3).
struct Framing {
  enum class Kind : unsigned char { none, length, chunked, until_close };
  Kind kind = Kind::none;
  std::uint64_t length = 0;  ///< where kind is `length`
};

/// A response's first line and header lines.
struct ResponseHead {
  unsigned status = 0;
  std::string_view reason;
  unsigned version = 11;
  Fields fields;
};

/// Trailer lines of a chunked body, copied out of the buffer they came in.
using Trailers = std::vector<std::pair<std::string, std::string>>;

/// The parts of a parser that requests and responses share. Threads: one. The views in the head live as long
/// as the bytes given to parse_head().
template <bool isRequest>
class MessageParser : private boost::beast::http::basic_parser<isRequest> {
 public:
  using Head = std::conditional_t<isRequest, RequestHead, ResponseHead>;
  MessageParser();

  /// Parses exactly one whole head, which scan_head() has accepted. Errors: what Beast finds wrong with it.
  [[nodiscard]] boost::system::error_code parse_head(std::string_view head);
  [[nodiscard]] const Head& head() const noexcept { return head_; }

  /// One step of decoding a chunked body.
  struct Piece {
    std::size_t consumed = 0;  ///< bytes of the input that are done with
    std::string_view data;     ///< body bytes, in the input; may be empty
    bool need_more = false;    ///< nothing can be done without more input
    bool done = false;         ///< the last chunk and the trailers are through
    boost::system::error_code error;
  };
  [[nodiscard]] Piece decode_chunked(std::string_view input);
  [[nodiscard]] const Trailers& trailers() const noexcept { return trailers_; }

 private:
  using Base = boost::beast::http::basic_parser<isRequest>;
  using error_code = boost::beast::error_code;
  using string_view = boost::beast::string_view;

  void on_request_impl(boost::beast::http::verb, string_view method, string_view target, int version,
                       error_code& error) override;
  void on_response_impl(int status, string_view reason, int version, error_code& error) override;
  void on_field_impl(boost::beast::http::field id, string_view name, string_view value,
                     error_code& error) override;
  void on_header_impl(error_code& error) override;
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code& error) override;
  std::size_t on_body_impl(string_view body, error_code& error) override;
  void on_chunk_header_impl(std::uint64_t size, string_view extensions, error_code& error) override;
  std::size_t on_chunk_body_impl(std::uint64_t remain, string_view body, error_code& error) override;
  void on_finish_impl(error_code& error) override;

  Head head_;
  Trailers trailers_;
  std::string_view piece_;
  bool in_body_ = false;
};

using RequestParser = MessageParser<true>;
using ResponseParser = MessageParser<false>;

/// What a parsed request head asks of its connection.
struct RequestRules {
  HeadFault fault = HeadFault::none;
  Framing framing;
  bool keep_alive = true;
  bool expect_continue = false;
  bool websocket = false;  ///< a well-formed upgrade to websocket
};

/// Judges framing and connection fields of a request. Pure. Source: RFC 9112 §6, §9; security.md, Framing.
[[nodiscard]] RequestRules judge_request(const RequestHead& head) noexcept;

/// The framing of a response to a request with this method, and whether its connection may be used again.
struct ResponseRules {
  HeadFault fault = HeadFault::none;
  Framing framing;
  bool keep_alive = true;
};
[[nodiscard]] ResponseRules judge_response(const ResponseHead& head, bool to_head_request) noexcept;

/// True if a comma-separated list in any line named `name` has the token, without regard to case.
[[nodiscard]] bool has_token(const Fields& fields, boost::beast::http::field name,
                             std::string_view token) noexcept;

}  // namespace tallygate::http
