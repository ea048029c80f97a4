#include "policy/language/canonical_json.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tallygate::policy {
namespace {

/// A lead byte of four-byte UTF-8 stands for a surrogate pair, which sorts before U+E000–U+FFFF.
int utf16_rank(char c) noexcept {
  const auto byte = static_cast<std::uint8_t>(c);
  if (byte >= 0xF0) {
    return 0xEE00 + byte;  // U+10000 and above: surrogates
  }
  if (byte == 0xEE || byte == 0xEF) {
    return 0xEF00 + byte;  // U+E000–U+FFFF
  }
  return byte;
}

void append(const boost::json::value& value, std::string& out);

void append_object(const boost::json::object& object, std::string& out) {
  std::vector<const boost::json::key_value_pair*> entries;
  entries.reserve(object.size());
  for (const auto& entry : object) {
    entries.push_back(&entry);
  }
  std::sort(entries.begin(), entries.end(),
            [](const auto* left, const auto* right) { return utf16_less(left->key(), right->key()); });
  out += '{';
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (i != 0) {
      out += ',';
    }
    append_canonical_string(entries[i]->key(), out);
    out += ':';
    append(entries[i]->value(), out);
  }
  out += '}';
}

void append_array(const boost::json::array& array, std::string& out) {
  out += '[';
  bool first = true;
  for (const boost::json::value& item : array) {
    if (!first) {
      out += ',';
    }
    first = false;
    append(item, out);
  }
  out += ']';
}

void append(const boost::json::value& value, std::string& out) {
  switch (value.kind()) {
    case boost::json::kind::null:
      out += "null";
      break;
    case boost::json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      break;
    case boost::json::kind::int64:
      out += std::to_string(value.get_int64());
      break;
    case boost::json::kind::uint64:
      out += std::to_string(value.get_uint64());
      break;
    case boost::json::kind::double_:
      out += canonical_number(value.get_double());
      break;
    case boost::json::kind::string:
      append_canonical_string(value.get_string(), out);
      break;
    case boost::json::kind::object:
      append_object(value.get_object(), out);
      break;
    case boost::json::kind::array:
      append_array(value.get_array(), out);
      break;
  }
}

}  // namespace

bool utf16_less(std::string_view left, std::string_view right) noexcept {
  return std::lexicographical_compare(left.begin(), left.end(), right.begin(), right.end(),
                                      [](char a, char b) { return utf16_rank(a) < utf16_rank(b); });
}

std::string canonical_number(double number) {
  if (number == 0) {
    return "0";
  }
  // Shortest digits that read back as the same number, as d.ddde±xx.
  char buffer[40];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, std::abs(number), std::chars_format::scientific).ptr;
  const std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  const std::size_t e = text.find('e');
  std::string digits;
  for (const char c : text.substr(0, e)) {
    if (c != '.') {
      digits += c;
    }
  }
  int exponent = 0;
  const std::string_view power = text.substr(text[e + 1] == '+' ? e + 2 : e + 1);
  std::from_chars(power.data(), power.data() + power.size(), exponent);
  // ECMA-262 Number::toString: k digits, the decimal point after the first n.
  const int k = static_cast<int>(digits.size());
  const int n = exponent + 1;
  std::string out = number < 0 ? "-" : "";
  if (k <= n && n <= 21) {
    out += digits + std::string(static_cast<std::size_t>(n - k), '0');
  } else if (0 < n && n <= 21) {
    out += digits.substr(0, static_cast<std::size_t>(n)) + '.' + digits.substr(static_cast<std::size_t>(n));
  } else if (-6 < n && n <= 0) {
    out += "0." + std::string(static_cast<std::size_t>(-n), '0') + digits;
  } else {
    out += digits.substr(0, 1);
    if (k > 1) {
      out += '.' + digits.substr(1);
    }
    out += (n > 0 ? "e+" : "e-") + std::to_string(std::abs(n - 1));
  }
  return out;
}

void append_canonical_string(std::string_view text, std::string& out) {
  constexpr std::string_view hex = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (byte < 0x20) {
          out += "\\u00";
          out += hex[byte >> 4];
          out += hex[byte & 15u];
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

std::string canonical_json_text(const boost::json::value& value) {
  std::string out;
  append(value, out);
  return out;
}

}  // namespace tallygate::policy
