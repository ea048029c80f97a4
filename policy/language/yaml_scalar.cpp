#include "policy/language/yaml_scalar.hpp"

#include <cstdint>

namespace tallygate::policy::yaml {
namespace {

bool digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

/// Skips digits from `at`; false if there are none.
bool skip_digits(std::string_view text, std::size_t& at) noexcept {
  const std::size_t start = at;
  while (at < text.size() && digit(text[at])) {
    ++at;
  }
  return at > start;
}

/// Length of the UTF-8 sequence at `at` and its code point; 0 if malformed (RFC 3629 §4).
std::size_t decode(std::string_view text, std::size_t at, std::uint32_t& code) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(at);
  if (lead < 0x80) {
    code = lead;
    return 1;
  }
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || at + length > text.size()) {
    return 0;
  }
  code = lead & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0u) != 0x80u) {
      return 0;
    }
    code = (code << 6) | (byte(at + i) & 0x3Fu);
  }
  constexpr std::uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  return code < smallest[length] || code > 0x10FFFF || surrogate ? 0 : length;
}

/// Characters that show as nothing or turn the direction of writing (Unicode TR 36 §3.1, UTS 55 §3). Joiners
/// and variation selectors are none: scripts need them.
bool misleads(std::uint32_t code) noexcept {
  return code == 0xAD || code == 0x061C || code == 0x180E || code == 0x200B || code == 0x200E ||
         code == 0x200F || (code >= 0x202A && code <= 0x202E) || (code >= 0x2060 && code <= 0x206F) ||
         (code >= 0xFFF9 && code <= 0xFFFB) || (code >= 0xE0000 && code <= 0xE007F);
}

bool allowed(std::uint32_t code) noexcept {
  if (code < 0x20) {
    return code == '\t' || code == '\n' || code == '\r';
  }
  if (code >= 0x7F && code <= 0x9F) {
    return false;
  }
  return code != 0x2028 && code != 0x2029 && code != 0xFEFF && code != 0xFFFE && code != 0xFFFF;
}

}  // namespace

Kind kind_of_plain(std::string_view scalar) noexcept {
  if (scalar.empty() || scalar == "null" || scalar == "Null" || scalar == "NULL" || scalar == "~") {
    return Kind::null;
  }
  if (scalar == "true" || scalar == "false") {
    return Kind::boolean;
  }
  std::size_t at = scalar.front() == '-' ? 1 : 0;
  const std::size_t first = at;
  if (!skip_digits(scalar, at)) {
    return Kind::text;
  }
  if (scalar[first] == '0' && at - first > 1) {
    return Kind::text;
  }
  if (at == scalar.size()) {
    return Kind::integer;
  }
  if (scalar[at] == '.') {
    skip_digits(scalar, ++at);
  }
  if (at < scalar.size() && (scalar[at] == 'e' || scalar[at] == 'E')) {
    ++at;
    if (at < scalar.size() && (scalar[at] == '+' || scalar[at] == '-')) {
      ++at;
    }
    if (!skip_digits(scalar, at)) {
      return Kind::text;
    }
  }
  return at == scalar.size() ? Kind::number : Kind::text;
}

std::optional<std::size_t> find_forbidden(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    std::uint32_t code = 0;
    const std::size_t length = decode(text, at, code);
    if (length == 0 || !allowed(code)) {
      return at;
    }
    if (code == '\r' && (at + 1 == text.size() || text[at + 1] != '\n')) {
      return at;
    }
    at += length;
  }
  return std::nullopt;
}

std::size_t shown_length(std::string_view text) noexcept {
  std::uint32_t code = 0;
  const std::size_t length = text.empty() ? 0 : decode(text, 0, code);
  return length != 0 && code >= 0x20 && allowed(code) && !misleads(code) ? length : 0;
}

}  // namespace tallygate::policy::yaml
