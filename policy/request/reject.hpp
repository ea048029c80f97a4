#pragma once
/// Why a request has no canonical form (policy.md N1–N17, policy-details.md C16).
#include <cstdint>
#include <optional>
#include <string_view>

namespace tallygate::policy {

/// The reason a request is refused before any rule is asked. `none` means that it has a canonical form. All
/// others are answered with 400, `too_long` with 414.
enum class RejectCode : std::uint8_t {
  none,
  fragment,            ///< N1: `#` anywhere in the target
  target_form,         ///< N1, C10, C12: neither origin-form nor http(s) absolute-form; `*` without OPTIONS
  raw_byte,            ///< N3, C11: a byte that RFC 3986 allows only encoded
  backslash,           ///< N3: a raw backslash
  bad_percent,         ///< N3: `%` without two hexadecimal digits
  control,             ///< N4: an encoded control character
  encoded_slash,       ///< N5: `%2F`
  encoded_backslash,   ///< N4: `%5C`
  double_encoding,     ///< N6: `%25` and two hexadecimal digits
  invalid_utf8,        ///< N7: decoded bytes that are no UTF-8
  confusable,          ///< N7, C17: a character that other software reads as a slash, backslash or dot
  dot_segment_params,  ///< N9: a segment that is `.` or `..` when cut at `;`
  above_root,          ///< N9: more `..` than segments before them
  path_params,         ///< N10: `;` or `%3B`
  host,                ///< N15, C08, C09: no, several or malformed Host
  authority_mismatch,  ///< N1, C10: absolute-form and Host name different hosts
  method,              ///< N14, C12: no token, or CONNECT, TRACE, PRI
  request_line,        ///< C13: spacing or version
  ambiguous,           ///< C03: resources with unlike options claim the target in unlike forms
  too_long,            ///< C15: target or Host over the limit
};

/// The name that suites, explain and the journal use, such as `encoded-slash`; "none" for `none`.
[[nodiscard]] std::string_view to_string(RejectCode code) noexcept;

/// The code of that name; none for any other text, "none" included.
[[nodiscard]] std::optional<RejectCode> reject_code_from(std::string_view name) noexcept;

/// One sentence for a person: what was wrong.
[[nodiscard]] std::string_view describe(RejectCode code) noexcept;

}  // namespace tallygate::policy
