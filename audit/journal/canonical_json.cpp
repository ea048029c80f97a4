#include "audit/journal/canonical_json.hpp"

#include "audit/journal/plain_json.hpp"

#include <array>
#include <bit>
#include <charconv>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace tallygate::audit {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

// The first byte from `p` on that may not stand in a string as it is: a quote, a backslash, a control
// character, or the start of a sequence beyond ASCII.
const char* skip_plain(const char* p, const char* end) noexcept {
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  const __m128i space = _mm_set1_epi8(' ');
  while (end - p >= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    // Signed: bytes from 0x80 on are below a space as well.
    const __m128i low = _mm_cmplt_epi8(bytes, space);
    const __m128i marks = _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(low, marks)));
    if (mask != 0) {
      return p + std::countr_zero(mask);
    }
    p += 16;
  }
#endif
  while (p != end && static_cast<signed char>(*p) >= ' ' && *p != '"' && *p != '\\') {
    ++p;
  }
  return p;
}

// Length of the well-formed sequence that begins at `p` with a byte from 0x80 on; 0 where there is none (RFC
// 3629 §4).
std::size_t wide_sequence(const char* p, const char* end) noexcept {
  const auto byte = [p](std::size_t i) { return static_cast<unsigned char>(p[i]); };
  const auto left = static_cast<std::size_t>(end - p);
  const auto continues = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first >= 0xC2 && first <= 0xDF) {
    return left >= 2 && continues(1) ? 2 : 0;
  }
  if (first >= 0xE0 && first <= 0xEF) {
    const bool sound = left >= 3 && continues(1) && continues(2) && !(first == 0xE0 && byte(1) < 0xA0) &&
                       !(first == 0xED && byte(1) > 0x9F);
    return sound ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool sound = left >= 4 && continues(1) && continues(2) && continues(3) &&
                       !(first == 0xF0 && byte(1) < 0x90) && !(first == 0xF4 && byte(1) > 0x8F);
    return sound ? 4 : 0;
  }
  return 0;
}

// A letter that may follow a backslash in canonical form, and what it stands for; 0 where it may not.
char short_escape(char letter) noexcept {
  switch (letter) {
    case '"':
    case '\\':
      return letter;
    case 'b':
      return '\b';
    case 't':
      return '\t';
    case 'n':
      return '\n';
    case 'f':
      return '\f';
    case 'r':
      return '\r';
    default:
      return 0;
  }
}

// The control character of `\u00xx` from its two digits; -1 unless the long form is the canonical one for it.
int long_escape(char high, char low) noexcept {
  const std::size_t digit = hex_digits.find(low);
  if ((high != '0' && high != '1') || digit == std::string_view::npos) {
    return -1;
  }
  const int value = (high - '0') * 16 + static_cast<int>(digit);
  const bool has_short = value == '\b' || value == '\t' || value == '\n' || value == '\f' || value == '\r';
  return has_short ? -1 : value;
}

// UTF-16 order differs from UTF-8 order in one place: U+E000 to U+FFFF (lead bytes EE, EF) come after the
// rest of Unicode (lead bytes F0 to F4).
int rank(char c) noexcept {
  const int byte = static_cast<unsigned char>(c);
  return byte == 0xEE || byte == 0xEF ? byte + 0x10 : byte;
}

// One byte of an already checked string's meaning; every escape stands for one ASCII byte.
char take_byte(std::string_view& text) noexcept {
  char c = text.front();
  std::size_t used = 1;
  if (c == '\\') {
    const bool is_long = text[1] == 'u';
    c = is_long ? static_cast<char>(long_escape(text[4], text[5])) : short_escape(text[1]);
    used = is_long ? 6 : 2;
  }
  text.remove_prefix(used);
  return c;
}

int compare_escaped(std::string_view a, std::string_view b) noexcept {
  while (!a.empty() && !b.empty()) {
    const int difference = rank(take_byte(a)) - rank(take_byte(b));
    if (difference != 0) {
      return difference;
    }
  }
  return a.empty() ? (b.empty() ? 0 : -1) : 1;
}

struct Key {
  std::string_view raw;  // without quotes, escapes as they stand
  bool escaped = false;
};

inline int compare(const Key& a, const Key& b) noexcept {
  // Most names differ in their first letter already.
  if (!a.raw.empty() && !b.raw.empty() && a.raw[0] != b.raw[0] && !a.escaped && !b.escaped) {
    return rank(a.raw[0]) - rank(b.raw[0]);
  }
  return a.escaped || b.escaped ? compare_escaped(a.raw, b.raw) : compare_keys(a.raw, b.raw);
}

// One pass over the text. Every step returns whether to go on; the first fault stays.
class Scanner {
 public:
  Scanner(std::string_view text, unsigned depth_max) noexcept
      : begin_(text.data()), p_(text.data()), end_(text.data() + text.size()), levels_left_(depth_max) {}

  std::optional<JsonFault> whole(bool only_object, std::span<WantedMember> wanted) noexcept {
    wanted_ = wanted;
    top_ = true;
    if (only_object && (p_ == end_ || *p_ != '{')) {
      return JsonFault{0, "expected an object"};
    }
    if (value() && p_ != end_) {
      fail("expected nothing more");
    }
    return fault_;
  }

 private:
  bool fail(const char* what) noexcept {
    fault_ = JsonFault{static_cast<std::size_t>(p_ - begin_), what};
    return false;
  }

  bool value() noexcept {
    if (p_ == end_) {
      return fail("expected a value, found the end");
    }
    switch (*p_) {
      case '"':
        return string(nullptr);
      case '{':
        return object();
      case '[':
        return array();
      case 't':
        return literal("true");
      case 'f':
        return literal("false");
      case 'n':
        return literal("null");
      default:
        return number();
    }
  }

  bool literal(std::string_view word) noexcept {
    if (static_cast<std::size_t>(end_ - p_) < word.size() || std::memcmp(p_, word.data(), word.size()) != 0) {
      return fail("expected true, false or null");
    }
    p_ += word.size();
    return true;
  }

  bool number() noexcept {
    const char* const start = p_;
    const char* digits = p_ + (*p_ == '-' ? 1 : 0);
    const char* last = digits;
    while (last != end_ && is_digit(*last)) {
      ++last;
    }
    if (last == digits) {
      return fail("expected a value");
    }
    if (*digits == '0' && last - start != 1) {
      return fail("a canonical integer has no leading zero and no negative zero");
    }
    if (last != end_ && (*last == '.' || *last == 'e' || *last == 'E')) {
      return fail("fractions and exponents are not allowed");
    }
    // 2^53−1 has 16 digits: what has fewer is less, and what has no more fits 64 bits.
    std::int64_t magnitude = 0;
    if (last - digits >= 16 &&
        (last - digits > 16 || std::from_chars(digits, last, magnitude).ec != std::errc{} ||
         magnitude > json_integer_max)) {
      return fail("integers lie within plus or minus 2^53-1");
    }
    p_ = last;
    return true;
  }

  // At a quote; `key` receives what stands between the quotes.
  bool string(Key* key) noexcept {
    const char* const start = ++p_;
    bool escaped = false;
    for (;;) {
      p_ = skip_plain(p_, end_);
      if (p_ == end_) {
        return fail("the string does not end");
      }
      if (*p_ == '"') {
        break;
      }
      if (*p_ == '\\') {
        escaped = true;
        if (!escape()) {
          return false;
        }
        continue;
      }
      if (static_cast<unsigned char>(*p_) < 0x20) {
        return fail("control characters are escaped in a string");
      }
      const std::size_t length = wide_sequence(p_, end_);
      if (length == 0) {
        return fail("not UTF-8");
      }
      p_ += length;
    }
    if (key != nullptr) {
      *key = Key{{start, static_cast<std::size_t>(p_ - start)}, escaped};
    }
    ++p_;
    return true;
  }

  bool escape() noexcept {
    const auto left = end_ - p_;
    if (left >= 2 && short_escape(p_[1]) != 0) {
      p_ += 2;
      return true;
    }
    if (left >= 6 && p_[1] == 'u' && p_[2] == '0' && p_[3] == '0' && long_escape(p_[4], p_[5]) >= 0) {
      p_ += 6;
      return true;
    }
    return fail("not a canonical escape");
  }

  bool array() noexcept {
    if (levels_left_ == 0) {
      return fail("nested too deeply");
    }
    --levels_left_;
    top_ = false;
    ++p_;
    if (p_ != end_ && *p_ == ']') {
      ++p_;
    } else if (!elements()) {
      return false;
    }
    ++levels_left_;
    return true;
  }

  bool elements() noexcept {
    for (;;) {
      if (!value()) {
        return false;
      }
      if (p_ == end_ || (*p_ != ',' && *p_ != ']')) {
        return fail("expected ',' or ']'");
      }
      if (*p_++ == ']') {
        return true;
      }
    }
  }

  bool object() noexcept {
    if (levels_left_ == 0) {
      return fail("nested too deeply");
    }
    --levels_left_;
    const bool collect = top_;
    top_ = false;
    ++p_;
    if (p_ != end_ && *p_ == '}') {
      ++p_;
    } else if (!members(collect)) {
      return false;
    }
    ++levels_left_;
    return true;
  }

  bool members(bool collect) noexcept {
    Key before;
    for (bool first = true;; first = false) {
      const char* const start = p_;
      Key key;
      if (p_ == end_ || *p_ != '"') {
        return fail("expected a member name");
      }
      if (!string(&key)) {
        return false;
      }
      if (const int order = first ? 1 : compare(key, before); order <= 0) {
        p_ = start;
        return fail(order == 0 ? "a member name stands twice" : "member names are not in order");
      }
      before = key;
      if (p_ == end_ || *p_ != ':') {
        return fail("expected ':'");
      }
      const char* const value_start = ++p_;
      // Most values are texts.
      if (p_ != end_ && *p_ == '"' ? !string(nullptr) : !value()) {
        return false;
      }
      if (collect) {
        take(key, {value_start, static_cast<std::size_t>(p_ - value_start)});
      }
      if (p_ == end_ || (*p_ != ',' && *p_ != '}')) {
        return fail("expected ',' or '}'");
      }
      if (*p_++ == '}') {
        return true;
      }
    }
  }

  // Both lists are sorted, so each name is looked for from where the last one was.
  void take(const Key& key, std::string_view json) noexcept {
    while (next_wanted_ < wanted_.size()) {
      const int order = compare(Key{wanted_[next_wanted_].name, false}, key);
      if (order > 0) {
        return;
      }
      if (order == 0) {
        wanted_[next_wanted_].json = json;
      }
      ++next_wanted_;
    }
  }

  const char* begin_;
  const char* p_;
  const char* end_;
  unsigned levels_left_;
  bool top_ = false;
  std::span<WantedMember> wanted_;
  std::size_t next_wanted_ = 0;
  std::optional<JsonFault> fault_;
};

}  // namespace

std::optional<JsonFault> check_canonical(std::string_view text, unsigned depth_max) noexcept {
  return Scanner(text, depth_max).whole(false, {});
}

std::optional<JsonFault> check_canonical_object(std::string_view text, std::span<WantedMember> wanted,
                                                unsigned depth_max) noexcept {
  const auto forget = [wanted] {
    for (WantedMember& member : wanted) {
      member.json = {};
    }
  };
  forget();
  if (is_plain_canonical_object(text, wanted, depth_max)) {
    return std::nullopt;
  }
  forget();
  return Scanner(text, depth_max).whole(true, wanted);
}

int compare_keys(std::string_view a, std::string_view b) noexcept {
  const std::size_t common = a.size() < b.size() ? a.size() : b.size();
  for (std::size_t i = 0; i < common; ++i) {
    if (a[i] != b[i]) {
      return rank(a[i]) - rank(b[i]);
    }
  }
  return a.size() < b.size() ? -1 : a.size() > b.size() ? 1 : 0;
}

bool is_utf8(std::string_view bytes) noexcept {
  const char* p = bytes.data();
  const char* const end = p + bytes.size();
  while (p != end) {
    if (static_cast<unsigned char>(*p) < 0x80) {
      ++p;
      continue;
    }
    const std::size_t length = wide_sequence(p, end);
    if (length == 0) {
      return false;
    }
    p += length;
  }
  return true;
}

bool append_json_string(std::string& out, std::string_view text) {
  if (!is_utf8(text)) {
    return false;
  }
  out.push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && c != '"' && c != '\\') {
      out.push_back(c);
      continue;
    }
    out.push_back('\\');
    switch (c) {
      case '\b':
        out.push_back('b');
        break;
      case '\t':
        out.push_back('t');
        break;
      case '\n':
        out.push_back('n');
        break;
      case '\f':
        out.push_back('f');
        break;
      case '\r':
        out.push_back('r');
        break;
      case '"':
      case '\\':
        out.push_back(c);
        break;
      default:
        out += "u00";
        out.push_back(hex_digits[byte >> 4U]);
        out.push_back(hex_digits[byte & 15U]);
    }
  }
  out.push_back('"');
  return true;
}

std::optional<std::string> json_string(std::string_view json) {
  if (json.size() < 2 || json.front() != '"') {
    return std::nullopt;
  }
  json = json.substr(1, json.size() - 2);
  if (json.find('\\') == std::string_view::npos) {
    return std::string(json);
  }
  std::string out;
  out.reserve(json.size());
  while (!json.empty()) {
    out.push_back(take_byte(json));
  }
  return out;
}

std::optional<std::int64_t> json_integer(std::string_view json) noexcept {
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(json.data(), json.data() + json.size(), value);
  if (json.empty() || code != std::errc{} || end != json.data() + json.size()) {
    return std::nullopt;
  }
  return value;
}

}  // namespace tallygate::audit
