#pragma once
/// Makes recorded values inert where people look at them: nothing that a record holds moves a cursor, changes
/// a title, starts a new line, or shows text in another order than it is stored.

#include <string>
#include <string_view>

namespace tallygate::audit {

/// Text for a terminal: control characters, U+2028 and U+2029, and everything that is invisible or turns the
/// direction of writing become `\u001b` and the like; bytes that are not UTF-8 become `\x80` and the like; a
/// backslash is doubled.
[[nodiscard]] std::string inert_text(std::string_view text);

/// For messages, which have several lines and name paths: line ends stay, and backslashes are not doubled.
[[nodiscard]] std::string inert_lines(std::string_view text);

/// The same for JSON text, which stays the same JSON: such characters in strings become JSON escapes, and
/// bytes that are not UTF-8 become `\ufffd`.
[[nodiscard]] std::string inert_json(std::string_view json);

/// A field of CSV (RFC 4180), inert, and not taken for a formula by a spreadsheet: one that begins like a
/// formula gets an apostrophe in front.
[[nodiscard]] std::string csv_field(std::string_view text);

}  // namespace tallygate::audit
