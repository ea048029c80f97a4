#pragma once
/// What the audit commands share: times, durations, failures.

#include "audit/journal/clock.hpp"
#include "audit/journal/failure.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tallygate::cli {

/// A duration such as 30s, 15m, 2h, 7d or 4w; nothing for every other text, and for more than a hundred
/// years.
[[nodiscard]] std::optional<std::chrono::seconds> parse_duration(std::string_view text);

/// A moment: RFC 3339 with any offset, `2026-01-31` (midnight UTC), or a duration, which means that long
/// before `now`. Nanoseconds since 1970; nothing for every other text.
[[nodiscard]] std::optional<std::int64_t> parse_moment(std::string_view text, audit::Time now);

/// Prints a failure on stderr, inert, and gives its exit_code_of().
int report_failure(const audit::Failure& failure);

/// Flushes stdout. The exit code given, or 3 (and a message) where not everything could be written.
int finish_output(int exit_code);

}  // namespace tallygate::cli
