#pragma once

#include "audit/journal/clock.hpp"
#include "audit/journal/failure.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tallygate::audit {

/// A random UUID (RFC 9562 §5.4), lower case. Errors: crypto.
Result<std::string> random_uuid();

/// A UUIDv7 (RFC 9562 §5.7) of `time` to the millisecond, the rest random, lower case. Errors: crypto.
Result<std::string> time_uuid(Time time);

/// Whether a text is a UUID as it is recorded: lower-case hexadecimal digits in groups of 8, 4, 4, 4 and 12.
[[nodiscard]] bool is_uuid(std::string_view text) noexcept;

/// Characters of a UUID as it is recorded.
inline constexpr std::size_t uuid_text_size = 36;

/// The sixteen bytes of a UUID as it is recorded; nothing where the text has another form.
[[nodiscard]] std::optional<std::array<std::uint8_t, 16>> uuid_of(std::string_view text) noexcept;

/// The sixteen bytes of a UUIDv7 as it is recorded; nothing where the text has another form, version or
/// variant.
[[nodiscard]] std::optional<std::array<std::uint8_t, 16>> uuid7_bytes(std::string_view text) noexcept;

}  // namespace tallygate::audit
