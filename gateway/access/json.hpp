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

/// A query for the record: names as they are, values replaced by `*` unless the name is listed in `plain`
/// (sorted).
void append_masked_query(std::string& out, std::string_view query, const std::vector<std::string>& plain);

}  // namespace tallygate::access
