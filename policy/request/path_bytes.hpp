#pragma once
/// What single bytes of a path mean (RFC 3986 §2, §3.3).
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace tallygate::policy {

enum class ByteClass : std::uint8_t { refused, plain, dot, slash, semicolon, percent, backslash };

constexpr bool is_alnum(std::uint8_t c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// RFC 3986 §2.3.
constexpr bool is_unreserved(std::uint8_t c) noexcept {
  return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

namespace detail {
constexpr std::array<ByteClass, 256> make_byte_classes() noexcept {
  std::array<ByteClass, 256> classes{};
  for (unsigned c = 0; c < classes.size(); ++c) {
    const bool plain =
        is_unreserved(static_cast<std::uint8_t>(c)) ||
        (c < 0x80 && std::string_view("!$&'()*+,=:@").find(static_cast<char>(c)) != std::string_view::npos);
    classes[c] = plain ? ByteClass::plain : ByteClass::refused;
  }
  classes['.'] = ByteClass::dot;
  classes['/'] = ByteClass::slash;
  classes[';'] = ByteClass::semicolon;
  classes['%'] = ByteClass::percent;
  classes['\\'] = ByteClass::backslash;
  return classes;
}
inline constexpr std::array<ByteClass, 256> byte_classes = make_byte_classes();
}  // namespace detail

constexpr ByteClass byte_class(char c) noexcept {
  return detail::byte_classes[static_cast<std::uint8_t>(c)];
}

constexpr bool is_hex(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

constexpr std::uint8_t hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') {
    return static_cast<std::uint8_t>(c - '0');
  }
  return static_cast<std::uint8_t>((c | 0x20) - 'a' + 10);
}

/// Whether `%XX` stands at `at`.
constexpr bool is_triplet(std::string_view text, std::size_t at) noexcept {
  return at + 2 < text.size() && text[at] == '%' && is_hex(text[at + 1]) && is_hex(text[at + 2]);
}

/// The byte that the two digits at `at` stand for; they must be there.
constexpr std::uint8_t hex_pair(std::string_view text, std::size_t at) noexcept {
  return static_cast<std::uint8_t>(hex_value(text[at]) << 4U | hex_value(text[at + 1]));
}

/// Appends `%XX` in upper case.
inline void append_triplet(std::uint8_t byte, std::string& out) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  out.push_back('%');
  out.push_back(digits[byte >> 4U]);
  out.push_back(digits[byte & 0x0FU]);
}

constexpr char to_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace tallygate::policy
