#include "audit/search/escape.hpp"

#include <array>
#include <cstdint>
#include <cstdio>
#include <optional>

namespace tallygate::audit {
namespace {

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t bytes = 1;
};

// The code point at the front; nothing where the bytes are not UTF-8.
std::optional<CodePoint> front(std::string_view text) {
  const auto byte = [&text](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i]));
  };
  const std::uint32_t lead = byte(0);
  if (lead < 0x80) {
    return CodePoint{lead, 1};
  }
  const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < bytes) {
    return std::nullopt;
  }
  std::uint32_t value = lead & (0xFFU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) {
      return std::nullopt;
    }
    value = value << 6U | (byte(i) & 0x3FU);
  }
  const std::uint32_t least = bytes == 2 ? 0x80 : bytes == 3 ? 0x800 : 0x10000;
  if (value < least || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
    return std::nullopt;
  }
  return CodePoint{value, bytes};
}

// Controls, separators that start lines, and format characters: those that hide, join or turn text.
bool is_harmful(std::uint32_t c) {
  struct Range {
    std::uint32_t first;
    std::uint32_t last;
  };
  constexpr std::array<Range, 14> ranges = {{{0x00, 0x1F},
                                             {0x7F, 0x9F},
                                             {0xAD, 0xAD},
                                             {0x061C, 0x061C},
                                             {0x180E, 0x180E},
                                             {0x200B, 0x200F},
                                             {0x2028, 0x202E},
                                             {0x2060, 0x206F},
                                             {0xFEFF, 0xFEFF},
                                             {0xFFF9, 0xFFFB},
                                             {0xFDD0, 0xFDEF},
                                             {0xE0000, 0xE0FFF},
                                             {0xF0000, 0x10FFFF},
                                             {0xE000, 0xF8FF}}};
  for (const Range& range : ranges) {
    if (c >= range.first && c <= range.last) {
      return true;
    }
  }
  return false;
}

void append_unit(std::string& out, std::uint32_t unit) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "\\u%04x", static_cast<unsigned>(unit));
  out += text.data();
}

// As JSON spells it: two surrogates for what lies beyond the first plane.
void append_escape(std::string& out, std::uint32_t c) {
  if (c >= 0x10000) {
    append_unit(out, 0xD800U + ((c - 0x10000U) >> 10U));
    append_unit(out, 0xDC00U + ((c - 0x10000U) & 0x3FFU));
  } else {
    append_unit(out, c);
  }
}

void append_byte(std::string& out, char byte) {
  std::array<char, 5> text{};
  std::snprintf(text.data(), text.size(), "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(byte)));
  out += text.data();
}

// What becomes of a byte that is not UTF-8: JSON strings know no escape for bytes.
enum class Bytes { as_hex, replaced };

std::string inert(std::string_view text, bool double_backslash, Bytes bytes = Bytes::as_hex) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto c = front(text);
    if (!c) {
      bytes == Bytes::as_hex ? append_byte(out, text.front()) : append_unit(out, 0xFFFD);
      text.remove_prefix(1);
      continue;
    }
    if (is_harmful(c->value)) {
      append_escape(out, c->value);
    } else {
      out += text.substr(0, c->bytes);
      if (double_backslash && c->value == '\\') {
        out += '\\';
      }
    }
    text.remove_prefix(c->bytes);
  }
  return out;
}

}  // namespace

std::string inert_text(std::string_view text) {
  return inert(text, true);
}

std::string inert_lines(std::string_view text) {
  std::string out;
  for (;;) {
    const std::size_t end = text.find('\n');
    out += inert(text.substr(0, end), false);
    if (end == std::string_view::npos) {
      return out;
    }
    out += '\n';
    text.remove_prefix(end + 1);
  }
}

std::string inert_json(std::string_view json) {
  return inert(json, false, Bytes::replaced);
}

std::string csv_field(std::string_view text) {
  std::string field = inert(text, false);
  if (!field.empty() && std::string_view("=+-@\\").find(field.front()) != std::string_view::npos) {
    field.insert(0, 1, '\'');
  }
  if (field.find_first_of(",\"\r\n") == std::string::npos) {
    return field;
  }
  std::string quoted = "\"";
  for (const char c : field) {
    quoted += c;
    if (c == '"') {
      quoted += c;
    }
  }
  return quoted + '"';
}

}  // namespace tallygate::audit
