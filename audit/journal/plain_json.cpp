#include "audit/journal/plain_json.hpp"

#include <array>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace tallygate::audit {
namespace {

using Offset = std::uint16_t;

constexpr std::size_t block_bytes = 64;
constexpr std::size_t text_bytes_max = std::numeric_limits<Offset>::max();
// Few entries have a fifth of that. What has more goes the thorough way.
constexpr std::size_t quotes_max = 2'048;

// Where the quotes of a text stand that has neither escapes nor anything beyond printable ASCII: there every
// quote begins or ends a string, and strings need no look at their bytes.
class Quotes {
 public:
  // False where the text is not of that kind, is shorter than a block, or has too many or an odd number of
  // them.
  [[nodiscard]] bool find(std::string_view text) noexcept {
    if (text.size() < block_bytes || text.size() > text_bytes_max) {
      return false;
    }
    const std::size_t whole = text.size() / block_bytes * block_bytes;
    for (std::size_t at = 0; at < whole; at += block_bytes) {
      if (!take(text.data() + at, at, 0)) {
        return false;
      }
    }
    // The rest with what stands before it, which was taken already.
    const std::size_t last = text.size() - block_bytes;
    return take(text.data() + last, whole, whole - last) && count_ % 2 == 0;
  }

  [[nodiscard]] const Offset* first() const noexcept { return offsets_.data(); }

 private:
  // Adds the quotes of a block but for its first `taken` bytes; the byte behind those is at `at`.
  bool take(const char* block, std::size_t at, std::size_t taken) noexcept {
    std::uint64_t bits = 0;
    if (count_ > quotes_max - block_bytes || !look_at(block, bits)) {
      return false;
    }
    // By 64 places nothing is shifted.
    bits = taken == block_bytes ? 0 : bits >> taken;
    for (; bits != 0; bits &= bits - 1) {
      offsets_[count_++] = static_cast<Offset>(at + static_cast<std::size_t>(std::countr_zero(bits)));
    }
    return true;
  }

  // Sets a bit for each quote of a block; false where the block has bytes of another kind.
  static bool look_at([[maybe_unused]] const char* block, [[maybe_unused]] std::uint64_t& bits) noexcept {
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(' ');
    __m128i odd = _mm_setzero_si128();
    for (std::size_t part = 0; part < block_bytes; part += sizeof(__m128i)) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + part));
      // Signed: bytes from 0x80 on are below a space as well.
      odd = _mm_or_si128(odd, _mm_or_si128(_mm_cmplt_epi8(bytes, space), _mm_cmpeq_epi8(bytes, backslash)));
      const auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, quote)));
      bits |= std::uint64_t{mask} << part;
    }
    return _mm_movemask_epi8(odd) == 0;
#else
    return false;
#endif
  }

  std::array<Offset, quotes_max> offsets_;  // only the first `count_` are set
  std::size_t count_ = 0;
};

// How far the text was read: the next byte, and the first quote that is not before it. Two registers.
struct Place {
  const char* at = nullptr;  // null: this text is not accepted
  const Offset* quote = nullptr;
};

constexpr Place refused{};

// Whether names stand in their order, which for ASCII is that of the bytes. Most differ in their first
// letter.
inline int order_of(std::string_view a, std::string_view b) noexcept {
  const std::size_t common = a.size() < b.size() ? a.size() : b.size();
  for (std::size_t i = 0; i < common; ++i) {
    if (a[i] != b[i]) {
      return a[i] < b[i] ? -1 : 1;
    }
  }
  return a.size() < b.size() ? -1 : a.size() > b.size() ? 1 : 0;
}

class Acceptor {
 public:
  Acceptor(std::string_view text, std::span<WantedMember> wanted) noexcept
      : begin_(text.data()), end_(text.data() + text.size()), wanted_(wanted) {}

  [[nodiscard]] bool object(const Offset* quotes, unsigned depth_max) noexcept {
    return depth_max > 0 && begin_ != end_ && *begin_ == '{' &&
           members<true>({begin_ + 1, quotes}, depth_max - 1).at == end_;
  }

 private:
  // At a quote.
  [[nodiscard]] Place string(Place place) const noexcept {
    return {begin_ + place.quote[1] + 1, place.quote + 2};
  }

  Place value(Place place, unsigned levels_left) noexcept {
    if (place.at == end_) {
      return refused;
    }
    switch (*place.at) {
      case '"':
        return string(place);
      case '{':
        return levels_left == 0 ? refused : members<false>({place.at + 1, place.quote}, levels_left - 1);
      case '[':
        return levels_left == 0 ? refused : elements({place.at + 1, place.quote}, levels_left - 1);
      case 't':
        return literal(place, "true");
      case 'f':
        return literal(place, "false");
      case 'n':
        return literal(place, "null");
      default:
        return number(place);
    }
  }

  [[nodiscard]] Place literal(Place place, std::string_view word) const noexcept {
    const bool there = static_cast<std::size_t>(end_ - place.at) >= word.size() &&
                       std::memcmp(place.at, word.data(), word.size()) == 0;
    return there ? Place{place.at + word.size(), place.quote} : refused;
  }

  [[nodiscard]] Place number(Place place) const noexcept {
    const char* const digits = place.at + (*place.at == '-' ? 1 : 0);
    const char* last = digits;
    while (last != end_ && *last >= '0' && *last <= '9') {
      ++last;
    }
    // Neither nothing, nor a leading zero, nor a negative one, nor beyond the largest integer, whose digits
    // compare as texts do: the body of an entry that has no number yet holds one as long.
    constexpr std::string_view largest = "9007199254740991";
    static_assert(json_integer_max == 9'007'199'254'740'991);
    constexpr auto digits_max = static_cast<std::ptrdiff_t>(largest.size());
    const std::ptrdiff_t count = last - digits;
    const bool fits = count < digits_max ||
                      (count == digits_max && std::memcmp(digits, largest.data(), largest.size()) <= 0);
    const bool sound = count != 0 && fits && (*digits != '0' || last - place.at == 1);
    return sound ? Place{last, place.quote} : refused;
  }

  Place elements(Place place, unsigned levels_left) noexcept {
    if (place.at != end_ && *place.at == ']') {
      return {place.at + 1, place.quote};
    }
    for (;;) {
      place = value(place, levels_left);
      if (place.at == nullptr || place.at == end_) {
        return refused;
      }
      const char mark = *place.at++;
      if (mark != ',') {
        return mark == ']' ? place : refused;
      }
    }
  }

  template <bool collect>
  Place members(Place place, unsigned levels_left) noexcept {
    if (place.at != end_ && *place.at == '}') {
      return {place.at + 1, place.quote};
    }
    std::string_view before;
    for (bool first = true;; first = false) {
      if (place.at == end_ || *place.at != '"') {
        return refused;
      }
      const char* const name_end = begin_ + place.quote[1];
      const std::string_view name(place.at + 1, static_cast<std::size_t>(name_end - place.at - 1));
      if ((!first && order_of(before, name) >= 0) || name_end + 1 == end_ || name_end[1] != ':') {
        return refused;
      }
      before = name;
      const char* const json = name_end + 2;
      place = {json, place.quote + 2};
      // Most values are texts.
      place = json != end_ && *json == '"' ? string(place) : value(place, levels_left);
      if (place.at == nullptr || place.at == end_) {
        return refused;
      }
      if constexpr (collect) {
        take(name, {json, static_cast<std::size_t>(place.at - json)});
      }
      const char mark = *place.at++;
      if (mark != ',') {
        return mark == '}' ? place : refused;
      }
    }
  }

  // Both lists are sorted, so each name is looked for from where the last one was.
  void take(std::string_view name, std::string_view json) noexcept {
    for (; next_wanted_ < wanted_.size(); ++next_wanted_) {
      const int order = order_of(wanted_[next_wanted_].name, name);
      if (order > 0) {
        return;
      }
      if (order == 0) {
        wanted_[next_wanted_].json = json;
      }
    }
  }

  const char* begin_;
  const char* end_;
  std::span<WantedMember> wanted_;
  std::size_t next_wanted_ = 0;
};

}  // namespace

bool is_plain_canonical_object(std::string_view text, std::span<WantedMember> wanted,
                               unsigned depth_max) noexcept {
  Quotes quotes;
  return quotes.find(text) && Acceptor(text, wanted).object(quotes.first(), depth_max);
}

}  // namespace tallygate::audit
