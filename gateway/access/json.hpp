#pragma once
/// Writes RFC 8785 text straight into a string: the record's members have a fixed order, so no tree is
/// needed.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::access {

/// Appends a JSON string: quotes, and the escapes of RFC 8785 §3.2.2.2. `text` is UTF-8.
void append_json_string(std::string& out, std::string_view text);
void append_json_integer(std::string& out, std::int64_t value);

/// True if `text` is well-formed UTF-8 (no overlong forms, no surrogates).
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

/// Longest values of the record, in bytes (journal.md §2).
inline constexpr std::size_t recorded_path_bytes = 4'096;
inline constexpr std::size_t recorded_header_bytes = 1'024;
inline constexpr std::size_t recorded_query_bytes = 1'024;

/// Appends `"name":value` and nothing before it. Text over `limit` is cut at a code point and becomes
/// `{"bytes":N,"cut":"…","sha256":"…"}` of the whole; what is not UTF-8 goes byte by byte as U+0000 to U+00FF
/// under `name_bytes` (journal.md §2).
void append_json_text(std::string& out, std::string_view name, std::string_view text, std::size_t limit);

/// How many bytes of `text` append_json_text() keeps where it is longer than `limit`.
[[nodiscard]] std::size_t cut_length(std::string_view text, std::size_t limit) noexcept;

/// A query for the record: names as they are, values replaced by `*` unless the name is listed in `plain`
/// (sorted).
void append_masked_query(std::string& out, std::string_view query, const std::vector<std::string>& plain);

/// A path for the record: values of its parameters become `*`, since a session's id may stand there.
void append_masked_path(std::string& out, std::string_view path);

/// The first line of a request that could not be read: parameters of its path and all values of its query are
/// masked, or, without `names`, all of its query.
void append_masked_line(std::string& out, std::string_view line, bool names);

/// A URL, or what a client sent for one, for the record: its query masked likewise, `*` for what stands
/// before an `@` in its authority, no fragment.
void append_masked_url(std::string& out, std::string_view url, const std::vector<std::string>& plain);

/// SHA-256 as 64 hex digits; empty if the library has no memory for it.
[[nodiscard]] std::string sha256_hex(std::string_view text);

}  // namespace tallygate::access
