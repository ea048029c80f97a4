#pragma once
/// JSON Canonicalization Scheme, RFC 8785.
#include <boost/json/value.hpp>

#include <string>
#include <string_view>

namespace tallygate::policy {

/// The value without spaces, keys sorted by their UTF-16 code units (RFC 8785 §3.2.3). Numbers must be finite
/// and integers within ±(2^53−1). Text is taken to be valid UTF-8.
[[nodiscard]] std::string canonical_json_text(const boost::json::value& value);

/// A finite number as ECMAScript writes it (RFC 8785 §3.2.2.3).
[[nodiscard]] std::string canonical_number(double number);

/// Appends text as a JSON string (RFC 8785 §3.2.2.2).
void append_canonical_string(std::string_view text, std::string& out);

/// Order of two UTF-8 texts by UTF-16 code units.
[[nodiscard]] bool utf16_less(std::string_view left, std::string_view right) noexcept;

}  // namespace tallygate::policy
