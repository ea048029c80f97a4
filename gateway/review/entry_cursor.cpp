#include "gateway/review/entry_cursor.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace tallygate::review {
namespace {

constexpr std::size_t none = std::string_view::npos;
constexpr std::size_t depth_max = 64;  // twice what an entry may have

std::optional<std::uint32_t> hex4(std::string_view text, std::size_t at) noexcept {
  std::uint32_t value = 0;
  if (at + 4 > text.size()) {
    return std::nullopt;
  }
  const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + 4, value, 16);
  return error == std::errc{} && end == text.data() + at + 4 ? std::optional(value) : std::nullopt;
}

void append_utf8(std::uint32_t code, std::string& out) {
  const auto byte = [&out](std::uint32_t bits) { out += static_cast<char>(bits); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xC0U | code >> 6U);
    byte(0x80U | (code & 0x3FU));
  } else if (code < 0x10000) {
    byte(0xE0U | code >> 12U);
    byte(0x80U | (code >> 6U & 0x3FU));
    byte(0x80U | (code & 0x3FU));
  } else {
    byte(0xF0U | code >> 18U);
    byte(0x80U | (code >> 12U & 0x3FU));
    byte(0x80U | (code >> 6U & 0x3FU));
    byte(0x80U | (code & 0x3FU));
  }
}

/// The escape `\uXXXX`, or two of them for one character; `at` is behind the `u`.
bool decode_unicode(std::string_view raw, std::size_t& at, std::string& out) {
  const auto first = hex4(raw, at);
  if (!first) {
    return false;
  }
  at += 4;
  std::uint32_t code = *first;
  if (code >= 0xD800 && code < 0xDC00) {
    const auto second = raw.substr(at).starts_with("\\u") ? hex4(raw, at + 2) : std::nullopt;
    if (!second || *second < 0xDC00 || *second > 0xDFFF) {
      return false;
    }
    at += 6;
    code = 0x10000 + ((code - 0xD800) << 10U) + (*second - 0xDC00);
  } else if (code >= 0xDC00 && code < 0xE000) {
    return false;
  }
  append_utf8(code, out);
  return true;
}

}  // namespace

bool decode_json_text(std::string_view raw, std::string& out) {
  out.clear();
  for (std::size_t at = 0;;) {
    const std::size_t escape = raw.find('\\', at);
    out.append(raw.substr(at, escape - at));
    if (escape == none) {
      return true;
    }
    if (escape + 1 >= raw.size()) {
      return false;
    }
    const char kind = raw[escape + 1];
    at = escape + 2;
    constexpr std::string_view letters = "\"\\/bfnrt";
    constexpr std::string_view meant = "\"\\/\b\f\n\r\t";
    if (const std::size_t index = letters.find(kind); index != none) {
      out += meant[index];
    } else if (kind != 'u' || !decode_unicode(raw, at, out)) {
      return false;
    }
  }
}

bool EntryCursor::enter(char bracket) noexcept {
  if (peek() != bracket) {
    return fail();
  }
  ++at_;
  fresh_ = true;
  return true;
}

/// Whether another part follows inside the present brackets; takes the comma before it, or the end.
bool EntryCursor::separated(char end) noexcept {
  const char next = peek();
  if (next == end) {
    ++at_;
    fresh_ = false;
    return false;
  }
  if (!fresh_) {
    if (next != ',') {
      return fail();
    }
    ++at_;
  }
  fresh_ = false;
  return true;
}

bool EntryCursor::member(std::string_view& name) noexcept {
  if (failed_ || !separated('}')) {
    return false;
  }
  if (peek() != '"') {
    return fail();
  }
  const std::size_t end = end_of_string(at_);
  if (end == none || end + 1 >= text_.size() || text_[end + 1] != ':') {
    return fail();
  }
  name = text_.substr(at_ + 1, end - at_ - 1);
  at_ = end + 2;
  return true;
}

bool EntryCursor::item() noexcept {
  return !failed_ && separated(']');
}

/// Position of the quote that ends the string which begins at `quote`.
std::size_t EntryCursor::end_of_string(std::size_t quote) noexcept {
  constexpr std::size_t short_bytes = 16;  // most are shorter, and a call for them would cost more
  for (std::size_t from = quote + 1;;) {
    const std::size_t near = std::min(text_.size(), from + short_bytes);
    std::size_t end = from;
    while (end < near && text_[end] != '"') {
      ++end;
    }
    if (end == near) {
      end = text_.find('"', near);
    }
    if (end == none) {
      return none;
    }
    std::size_t escapes = 0;
    while (text_[end - 1 - escapes] == '\\') {
      ++escapes;  // stops at the opening quote
    }
    if (escapes % 2 == 0) {
      return end;
    }
    from = end + 1;
  }
}

void EntryCursor::skip_scalar() noexcept {
  const std::size_t end = std::min(text_.find_first_of(",]}", at_), text_.size());
  if (end == at_) {
    fail();
  }
  at_ = end;
}

std::string_view EntryCursor::raw() noexcept {
  const std::size_t begin = at_;
  std::size_t depth = 0;
  do {
    const char next = peek();
    if (next == '"') {
      const std::size_t end = end_of_string(at_);
      if (end == none) {
        fail();
        return {};
      }
      at_ = end + 1;
    } else if (next == '{' || next == '[') {
      ++at_;
      ++depth;
    } else if (depth > 0 && (next == '}' || next == ']')) {
      ++at_;
      --depth;
    } else if (depth > 0 && (next == ',' || next == ':')) {
      ++at_;
    } else {
      skip_scalar();
    }
    if (failed_ || depth > depth_max) {
      fail();
      return {};
    }
  } while (depth > 0);
  return text_.substr(begin, at_ - begin);
}

std::optional<std::string_view> EntryCursor::plain_text() noexcept {
  if (peek() != '"') {
    return std::nullopt;
  }
  const std::size_t end = end_of_string(at_);
  if (end == none) {
    fail();
    return std::nullopt;
  }
  const std::string_view raw = text_.substr(at_ + 1, end - at_ - 1);
  if (raw.find('\\') != none) {
    return std::nullopt;
  }
  at_ = end + 1;
  return raw;
}

bool EntryCursor::text(std::string& out) {
  if (const auto plain = plain_text()) {
    out.assign(*plain);
    return true;
  }
  if (peek() != '"') {
    return fail();
  }
  const std::string_view raw_text = raw();
  return !failed_ && (decode_json_text(raw_text.substr(1, raw_text.size() - 2), out) || fail());
}

bool EntryCursor::integer(std::int64_t& out) noexcept {
  const std::string_view digits = raw();
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return (!failed_ && error == std::errc{} && end == digits.data() + digits.size()) || fail();
}

}  // namespace tallygate::review
