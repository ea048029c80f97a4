#include "audit/custody/clear_search.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cwctype>
#include <optional>
#include <utility>

namespace tallygate::audit {
namespace {

// Of escapes within escapes: a string in a record in a string of an entry has three.
constexpr int levels_max = 6;
// Of percent-encodings: of a URL, of that in a query of another, and of that.
constexpr int percents_max = 3;

std::uint8_t byte_of(char c) {
  return static_cast<std::uint8_t>(c);
}

char small(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Bytes above ASCII are parts of letters, as far as anybody here knows.
bool is_of_word(char c) {
  const char s = small(c);
  return (s >= 'a' && s <= 'z') || (c >= '0' && c <= '9') || c == '_' || byte_of(c) >= 0x80;
}

std::optional<std::uint32_t> hex_at(std::string_view text, std::size_t at, std::size_t digits) {
  if (text.size() - std::min(at, text.size()) < digits) {
    return std::nullopt;
  }
  std::uint32_t value = 0;
  for (const char c : text.substr(at, digits)) {
    const char s = small(c);
    if (!(c >= '0' && c <= '9') && !(s >= 'a' && s <= 'f')) {
      return std::nullopt;
    }
    value = value * 16 + static_cast<std::uint32_t>(s >= 'a' ? s - 'a' + 10 : c - '0');
  }
  return value;
}

void append_utf8(std::string& out, std::uint32_t point) {
  const auto add = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (point < 0x80) {
    add(point);
  } else if (point < 0x800) {
    add(0xC0U | point >> 6U);
    add(0x80U | (point & 0x3FU));
  } else if (point < 0x10000) {
    add(0xE0U | point >> 12U);
    add(0x80U | (point >> 6U & 0x3FU));
    add(0x80U | (point & 0x3FU));
  } else {
    add(0xF0U | (point >> 18U & 0x07U));
    add(0x80U | (point >> 12U & 0x3FU));
    add(0x80U | (point >> 6U & 0x3FU));
    add(0x80U | (point & 0x3FU));
  }
}

// Appends what the escape behind the backslash at `at` means, and gives where it ends. JSON's and YAML's.
std::size_t append_escaped(std::string& out, std::string_view text, std::size_t at) {
  const char c = at + 1 < text.size() ? text[at + 1] : '\\';
  const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
  const auto value = digits == 0 ? std::nullopt : hex_at(text, at + 2, digits);
  if (value) {
    std::size_t end = at + 2 + digits;
    std::uint32_t point = *value;
    const bool leads = c == 'u' && point >= 0xD800 && point < 0xDC00 && text.substr(end, 2) == "\\u";
    const auto second = leads ? hex_at(text, end + 2, 4) : std::nullopt;
    if (second && *second >= 0xDC00 && *second < 0xE000) {
      point = 0x10000 + ((point - 0xD800) << 10U) + (*second - 0xDC00);
      end += 6;
    }
    append_utf8(out, point);
    return end;
  }
  constexpr std::string_view controls = "abefnrtv0N_LP\n";
  out += controls.find(c) == std::string_view::npos ? c : ' ';  // whatever it is, no word goes on behind it
  return at + 2;
}

std::string without_escapes(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t next = std::min(text.find('\\', at), text.size());
    out.append(text, at, next - at);
    at = next < text.size() ? append_escaped(out, text, next) : next;
  }
  return out;
}

std::string without_percents(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto value = text[at] == '%' ? hex_at(text, at + 1, 2) : std::nullopt;
    out += value ? static_cast<char>(*value) : text[at];
    at += value ? 2 : 0;
  }
  return out;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return byte_of(c) < 0x80; });
}

// The code point at `at` and how many bytes it has; nothing where there is no whole one.
std::optional<std::pair<std::uint32_t, std::size_t>> point_at(std::string_view text, std::size_t at) {
  const std::uint32_t lead = byte_of(text[at]);
  const std::size_t size = lead < 0xC0 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF8 ? 4 : 0;
  if (size == 0 || text.size() - at < size) {
    return std::nullopt;
  }
  std::uint32_t point = lead & (0xFFU >> (size + 1));
  for (const char c : text.substr(at + 1, size - 1)) {
    if ((byte_of(c) & 0xC0U) != 0x80U) {
      return std::nullopt;
    }
    point = point << 6U | (byte_of(c) & 0x3FU);
  }
  return std::pair(point, size);
}

// Small letters for capital ones; what is no letter of UTF-8 stays.
std::string lowered(std::string_view text, locale_t letters) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto point = point_at(text, at);
    if (point) {
      append_utf8(out, static_cast<std::uint32_t>(::towlower_l(static_cast<wint_t>(point->first), letters)));
    } else {
      out += small(text[at]);
    }
    at += point ? point->second : 1;
  }
  return out;
}

// YAML's way to have a quote between quotes.
std::string without_double_quotes(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    out += text[at];
    at += text.substr(at, 2) == "''" ? 1 : 0;
  }
  return out;
}

}  // namespace

ClearSearch::ClearSearch(const std::vector<std::string>& names) {
  if (!std::all_of(names.begin(), names.end(), is_ascii)) {
    letters_ = {::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr), [](locale_t letters) {
                  if (letters != nullptr) {
                    ::freelocale(letters);
                  }
                }};
  }
  for (const std::string& name : names) {
    if (!name.empty()) {
      std::string low = name;
      if (letters_) {
        low = lowered(name, letters_.get());
      } else {
        std::transform(low.begin(), low.end(), low.begin(), small);
      }
      begins_[byte_of(low.front())] = true;
      names_.push_back(std::move(low));
    }
  }
}

bool ClearSearch::stands_in(std::string_view text) const {
  return letters_ && !is_ascii(text) ? stands_as_it_is(lowered(text, letters_.get())) : stands_as_it_is(text);
}

bool ClearSearch::stands_as_it_is(std::string_view text) const {
  const auto is_edge = [text](std::size_t at) { return at >= text.size() || !is_of_word(text[at]); };
  const auto stands_at = [&](const std::string& name, std::size_t at) {
    const std::size_t end = at + name.size();
    return end <= text.size() &&
           std::equal(name.begin(), name.end(), text.begin() + static_cast<std::ptrdiff_t>(at),
                      [](char wanted, char c) { return wanted == small(c); }) &&
           (!is_of_word(name.front()) || at == 0 || is_edge(at - 1)) &&
           (!is_of_word(name.back()) || is_edge(end));
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (begins_[byte_of(small(text[at]))] &&
        std::any_of(names_.begin(), names_.end(),
                    [&](const std::string& name) { return stands_at(name, at); })) {
      return true;
    }
  }
  return false;
}

// `text` is then what lies behind the last escape; `held` has it.
bool ClearSearch::stands_behind_escapes(std::string_view& text, std::string& held) const {
  bool found = stands_in(text);
  for (int level = 0; !found && level < levels_max && text.find('\\') != std::string_view::npos; ++level) {
    held = without_escapes(text);
    text = held;
    found = stands_in(text);
  }
  return found || (text.find("''") != std::string_view::npos && stands_in(without_double_quotes(text)));
}

bool ClearSearch::finds(std::string_view body) const {
  if (names_.empty()) {
    return false;
  }
  std::string held;
  std::string_view text = body;
  bool found = stands_behind_escapes(text, held);
  for (int times = 0; !found && times < percents_max && text.find('%') != std::string_view::npos; ++times) {
    held = without_percents(text);
    text = held;
    found = stands_behind_escapes(text, held);
  }
  return found;
}

}  // namespace tallygate::audit
