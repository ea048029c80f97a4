#pragma once
/// JSON in the form of RFC 8785, within what a record may hold (journal.md §2).
#include <boost/json/value.hpp>

#include <string>
#include <string_view>

namespace tallygate::identity {

/// Appends `value` with members sorted by UTF-16 code units and no blanks. Numbers that a record cannot hold
/// (fractions, integers beyond ±(2^53−1)) are written as text, so that their value is kept.
void append_canonical(const boost::json::value& value, std::string& out);
void append_canonical(const boost::json::object& value, std::string& out);
/// Appends a JSON string. `text` must be UTF-8.
void append_json_string(std::string_view text, std::string& out);

/// Appends `json` as it is if it has at most `max_bytes`, else `{"bytes":N,"cut":"first
/// bytes","sha256":"…"}`, cut at a code point.
void append_cut(std::string_view json, std::size_t max_bytes, std::string& out);

/// The longest start of `text` with at most `max_bytes` that does not split a UTF-8 sequence.
[[nodiscard]] std::string_view cut_at_code_point(std::string_view text, std::size_t max_bytes) noexcept;

/// True if the bytes are well-formed UTF-8: no overlong forms, no surrogates.
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

}  // namespace tallygate::identity
