#include "gateway/access/json.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace tallygate::access {
namespace {

constexpr char hex_digits[] = "0123456789abcdef";

void append_escape(std::string& out, unsigned char byte) {
  switch (byte) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\r':
      out += "\\r";
      return;
    default:
      out += "\\u00";
      out += hex_digits[byte >> 4];
      out += hex_digits[byte & 15];
  }
}

/// The longest prefix of at most `limit` bytes that ends between code points.
std::string_view cut_at_code_point(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) {
    return text;
  }
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0) == 0x80) {
    --limit;
  }
  return text.substr(0, limit);
}

std::string latin1_to_utf8(std::string_view bytes) {
  std::string text;
  for (const char character : bytes) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x80) {
      text += character;
    } else {
      text += static_cast<char>(0xC0 | (byte >> 6));
      text += static_cast<char>(0x80 | (byte & 0x3F));
    }
  }
  return text;
}

std::size_t continuation_bytes(unsigned char lead) noexcept {
  if (lead < 0x80) {
    return 0;
  }
  if (lead >= 0xC2 && lead <= 0xDF) {
    return 1;
  }
  if (lead >= 0xE0 && lead <= 0xEF) {
    return 2;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    return 3;
  }
  return 4;  // no lead byte
}

/// The bounds of the byte after the lead that exclude overlong forms, surrogates and code points beyond
/// U+10FFFF.
bool second_byte_fits(unsigned char lead, unsigned char second) noexcept {
  switch (lead) {
    case 0xE0:
      return second >= 0xA0;
    case 0xED:
      return second <= 0x9F;
    case 0xF0:
      return second >= 0x90;
    case 0xF4:
      return second <= 0x8F;
    default:
      return true;
  }
}

}  // namespace

std::string sha256_hex(std::string_view text) {
  std::array<unsigned char, 32> digest{};
  if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1) {
    return {};
  }
  std::string hex;
  for (const unsigned char byte : digest) {
    hex += hex_digits[byte >> 4];
    hex += hex_digits[byte & 15];
  }
  return hex;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t plain = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte >= 0x20 && byte != '"' && byte != '\\') {
      continue;
    }
    out.append(text, plain, at - plain);
    append_escape(out, byte);
    plain = at + 1;
  }
  out.append(text, plain, text.size() - plain);
  out += '"';
}

void append_json_integer(std::string& out, std::int64_t value) {
  std::array<char, 20> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  out.append(digits.data(), error == std::errc{} ? end : digits.data());
}

bool is_utf8(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t more = continuation_bytes(lead);
    if (more == 4 || more >= text.size() - at) {
      return false;
    }
    for (std::size_t next = 1; next <= more; ++next) {
      const auto byte = static_cast<unsigned char>(text[at + next]);
      if ((byte & 0xC0) != 0x80 || (next == 1 && !second_byte_fits(lead, byte))) {
        return false;
      }
    }
    at += more + 1;
  }
  return true;
}

void append_json_text(std::string& out, std::string_view name, std::string_view text, std::size_t limit) {
  const bool readable = is_utf8(text);
  out += '"';
  out += name;
  if (!readable) {
    out += "_bytes";
  }
  out += "\":";
  if (text.size() <= limit) {
    if (readable) {
      append_json_string(out, text);
    } else {
      append_json_string(out, latin1_to_utf8(text));
    }
    return;
  }
  const std::string_view shown = text.substr(0, cut_length(text, limit));
  out += "{\"bytes\":";
  append_json_integer(out, static_cast<std::int64_t>(text.size()));
  out += ",\"cut\":";
  append_json_string(out, readable ? std::string(shown) : latin1_to_utf8(shown));
  out += ",\"sha256\":\"" + sha256_hex(text) + "\"}";
}

std::size_t cut_length(std::string_view text, std::size_t limit) noexcept {
  return is_utf8(text) ? cut_at_code_point(text, limit).size() : std::min(text.size(), limit);
}

void append_masked_query(std::string& out, std::string_view query, const std::vector<std::string>& plain) {
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    const std::size_t equals = pair.find('=');
    const std::string_view name = pair.substr(0, equals);
    if (equals == std::string_view::npos ||
        std::binary_search(plain.begin(), plain.end(), name, std::less<>())) {
      out += pair;
    } else {
      out.append(name).append("=*");
    }
    if (end == std::string_view::npos) {
      return;
    }
    out += '&';
    query.remove_prefix(end + 1);
  }
}

void append_masked_path(std::string& out, std::string_view path) {
  bool masked = false;
  for (std::size_t at = 0; at < path.size(); ++at) {
    const bool encoded = path[at] == '%' && at + 2 < path.size() && path[at + 1] == '3' &&
                         (path[at + 2] == 'B' || path[at + 2] == 'b');
    if (!masked && (path[at] == ';' || encoded)) {
      masked = true;
      out += ";*";
    }
    masked = masked && path[at] != '/';
    if (!masked) {
      out += path[at];
    }
  }
}

void append_masked_line(std::string& out, std::string_view line, bool names) {
  const std::size_t mark = line.find('?');
  if (mark == std::string_view::npos) {
    const std::size_t version = std::min(line.rfind(" HTTP/"), line.size());
    append_masked_path(out, line.substr(0, version));
    out.append(line.substr(version));
    return;
  }
  std::size_t end = line.rfind(' ');
  if (end == std::string_view::npos || end < mark) {
    end = line.size();
  }
  append_masked_path(out, line.substr(0, mark));
  out += '?';
  if (names) {
    append_masked_query(out, line.substr(mark + 1, end - mark - 1), {});
  } else {
    out += '*';
  }
  out.append(line.substr(end));
}

void append_masked_url(std::string& out, std::string_view url, const std::vector<std::string>& plain) {
  url = url.substr(0, url.find('#'));
  const std::size_t mark = url.find('?');
  std::string_view place = url.substr(0, mark);
  if (const std::size_t scheme = place.find("//"); scheme != std::string_view::npos) {
    const std::size_t authority = scheme + 2;
    const std::size_t path = std::min(place.find_first_of("/\\", authority), place.size());
    const std::size_t at = place.substr(0, path).rfind('@');
    if (at != std::string_view::npos && at >= authority) {
      out.append(place, 0, authority).append("*");
      place.remove_prefix(at);
    }
  }
  out.append(place);
  if (mark != std::string_view::npos) {
    out += '?';
    append_masked_query(out, url.substr(mark + 1), plain);
  }
}

}  // namespace tallygate::access
