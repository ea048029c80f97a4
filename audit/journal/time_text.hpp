#pragma once
/// The one form of a time in an entry: RFC 3339, UTC, nine decimals (journal.md §2).

#include "audit/journal/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tallygate::audit {

constexpr std::size_t time_text_size = 30;  ///< "2026-01-31T23:59:59.123456789Z"

/// Writes `time` as RFC 3339 UTC with nine decimals. Years 0000 to 9999.
void write_time(Time time, std::span<char, time_text_size> out);

/// The same as a string.
[[nodiscard]] std::string time_text(Time time);

/// Nanoseconds since 1970 of RFC 3339 UTC with nine decimals, `2026-01-31T23:59:59.123456789Z`; years 1970 to
/// 2261, what 64 bits of nanoseconds hold. Nothing for every other form.
[[nodiscard]] std::optional<std::int64_t> parse_entry_time(std::string_view text) noexcept;

}  // namespace tallygate::audit
