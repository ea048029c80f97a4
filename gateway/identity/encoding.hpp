#pragma once
/// Base64, base64url and hex, read strictly: one text for each value (RFC 4648 §3.5).
#include <optional>
#include <string>
#include <string_view>

namespace tallygate::identity {

/// Without padding (RFC 7515 §2).
[[nodiscard]] std::string base64url_encode(std::string_view bytes);
/// None for padding, foreign characters, an impossible length, and bits that do not belong to a byte.
[[nodiscard]] std::optional<std::string> base64url_decode(std::string_view text);

/// With padding.
[[nodiscard]] std::string base64_encode(std::string_view bytes);
/// None for missing padding and all that base64url_decode() refuses.
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);

/// Lower case.
[[nodiscard]] std::string hex_encode(std::string_view bytes);
/// Either case. None for an odd length and foreign characters.
[[nodiscard]] std::optional<std::string> hex_decode(std::string_view text);

}  // namespace tallygate::identity
