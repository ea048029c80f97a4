#pragma once
/// The strict layer before the parser: what an HTTP/1 head may look like, byte by byte. Pure.
///
/// Beast reads heads more kindly than a gateway may (obs-fold, repeated framing fields, unknown codings):
/// whatever two implementations could read in two ways is refused here, before anything else sees it
/// (security.md, Framing).
#include <cstddef>
#include <string_view>

namespace tallygate::http {

/// Why a head is refused. The names go into the record and into the answer.
enum class HeadFault : unsigned char {
  none,
  empty_line,         ///< the message begins with an empty line
  bare_lf,            ///< LF without CR
  bare_cr,            ///< CR without LF
  control_byte,       ///< NUL or another control byte; in a name also 0x80 and above
  folded_line,        ///< a header line that begins with a blank (obs-fold)
  no_colon,           ///< a header line without a colon, or with an empty name
  name_not_token,     ///< a byte in a name that no token has, such as a blank before the colon
  too_large,          ///< longer than the limit
  too_many_fields,    ///< more header lines than the limit
  first_line,         ///< not a request line or status line of HTTP/1.0 or 1.1
  pseudo_field,       ///< of HTTP/2: a pseudo-header field unknown, missing, repeated, late or malformed
  name_case,          ///< of HTTP/2: an upper case letter in a name
  value_blank,        ///< of HTTP/2: a blank around a value
  connection_field,   ///< of HTTP/2: a field that speaks of the connection
  authority,          ///< of HTTP/2: a Host unlike the authority, or repeated
  content_length,     ///< repeated, or not a plain decimal number
  transfer_encoding,  ///< repeated, not exactly `chunked`, in HTTP/1.0, or together with Content-Length
  expectation,        ///< an Expect other than 100-continue
  forward_auth,       ///< a proxy asks about a request, and does not say which in the way it is configured to
  forward_auth_caller,  ///< somebody asks who is no such proxy
  upgrade,              ///< an upgrade to anything but websocket, or a malformed one
};
[[nodiscard]] std::string_view name(HeadFault fault) noexcept;

struct HeadLimits {
  std::size_t bytes = std::size_t{32} * 1024;
  std::size_t fields = 100;
};

/// What a look at the first bytes of a message found.
struct HeadScan {
  HeadFault fault = HeadFault::none;
  std::size_t size = 0;  ///< bytes of the head, its empty line included; 0: not all there yet
};

/// Checks the head at the front of `bytes` as far as it has come. A fault is final, also in half a head.
/// Source: RFC 9112 §2.2, §5; RFC 9110 §5.5, §5.6.2.
[[nodiscard]] HeadScan scan_head(std::string_view bytes, const HeadLimits& limits) noexcept;

/// True for the bytes of a token (RFC 9110 §5.6.2).
[[nodiscard]] bool is_token_byte(char byte) noexcept;

}  // namespace tallygate::http
