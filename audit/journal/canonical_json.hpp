#pragma once
/// RFC 8785 (canonical JSON) within the limits of journal.md §2: no fractions or exponents, integers within
/// ±(2^53−1), at most 32 levels. One form for one value, so equal bytes and equal meaning are the same thing.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tallygate::audit {

/// Levels of nesting allowed in an entry; its own object is the first.
inline constexpr unsigned json_depth_max = 32;

/// The largest integer that every JSON reader keeps exact: 2^53−1.
inline constexpr std::int64_t json_integer_max = 9'007'199'254'740'991;

/// Why bytes are not canonical, and where.
struct JsonFault {
  std::size_t offset = 0;
  const char* what = "";  ///< static text: what is wrong there
};

/// A member of the top-level object to be found on the way. `name` must need no escapes.
struct WantedMember {
  std::string_view name;
  std::string_view
      json;  ///< set to the bytes of its value, into the text that was checked; empty where absent
};

/// Whether `text` is one canonical JSON value of at most `depth_max` levels (a scalar has none). Nothing is
/// allocated. Returns the first fault, or nothing where all is well.
[[nodiscard]] std::optional<JsonFault> check_canonical(std::string_view text,
                                                       unsigned depth_max = json_depth_max) noexcept;

/// The same for an object, whose `wanted` members are found in the same pass. `wanted` must be sorted as the
/// object is (compare_keys); its values are set only where nothing is returned.
[[nodiscard]] std::optional<JsonFault> check_canonical_object(std::string_view text,
                                                              std::span<WantedMember> wanted,
                                                              unsigned depth_max = json_depth_max) noexcept;

/// Order of member names by UTF-16 code units (RFC 8785 §3.2.3), given as UTF-8 without quotes or escapes.
/// Negative, zero or positive.
[[nodiscard]] int compare_keys(std::string_view a, std::string_view b) noexcept;

/// Whether `bytes` are well-formed UTF-8 (RFC 3629: no surrogates, nothing overlong, nothing above U+10FFFF).
[[nodiscard]] bool is_utf8(std::string_view bytes) noexcept;

/// Appends `text` as a canonical JSON string with its quotes. `text` must be UTF-8; if it is not, nothing is
/// appended and the answer is false.
[[nodiscard]] bool append_json_string(std::string& out, std::string_view text);

/// The text of a canonical JSON string (quotes included in `json`); nothing where `json` is no string. `json`
/// must have been checked.
[[nodiscard]] std::optional<std::string> json_string(std::string_view json);

/// The value of a canonical JSON integer; nothing where `json` is none.
[[nodiscard]] std::optional<std::int64_t> json_integer(std::string_view json) noexcept;

}  // namespace tallygate::audit
