#include "audit/journal/uuid.hpp"

#include "audit/journal/hash.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace tallygate::audit {
namespace {

constexpr std::size_t uuid_bytes = 16;
using Uuid = std::array<std::uint8_t, uuid_bytes>;

Result<Uuid> random_bytes() {
  Uuid uuid{};
  if (RAND_bytes(uuid.data(), static_cast<int>(uuid.size())) != 1) {
    return fail(FailureKind::crypto, "no random bytes for a UUID");
  }
  return uuid;
}

std::string text(Uuid uuid, unsigned version) {
  uuid[6] = static_cast<std::uint8_t>((uuid[6] & 0x0FU) | (version << 4U));
  uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3FU) | 0x80U);
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) {
      out.push_back('-');
    }
    out.push_back(digits[uuid[i] >> 4U]);
    out.push_back(digits[uuid[i] & 15U]);
  }
  return out;
}

}  // namespace

Result<std::string> random_uuid() {
  const auto uuid = random_bytes();
  if (!uuid) {
    return uuid.error();
  }
  return text(*uuid, 4);
}

Result<std::string> time_uuid(Time time) {
  auto uuid = random_bytes();
  if (!uuid) {
    return uuid.error();
  }
  constexpr std::size_t time_bytes = 6;
  auto milliseconds = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count());
  for (std::size_t i = time_bytes; i-- > 0;) {
    (*uuid)[i] = static_cast<std::uint8_t>(milliseconds & 0xFFU);
    milliseconds >>= 8U;
  }
  return text(*uuid, 7);
}

bool is_uuid(std::string_view text) noexcept {
  constexpr std::string_view form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  constexpr std::string_view digits = "0123456789abcdef";
  bool fits = text.size() == form.size();
  for (std::size_t i = 0; fits && i < form.size(); ++i) {
    fits = form[i] == '-' ? text[i] == '-' : digits.find(text[i]) != std::string_view::npos;
  }
  return fits;
}

std::optional<std::array<std::uint8_t, uuid_bytes>> uuid_of(std::string_view text) noexcept {
  if (text.size() != uuid_text_size || text[8] != '-' || text[13] != '-' || text[18] != '-' ||
      text[23] != '-') {
    return std::nullopt;
  }
  // As the first half of a hash: one way to read hex, and a fast one.
  std::array<char, 2 * sizeof(Digest)> digits;
  digits.fill('0');
  std::memcpy(&digits[0], &text[0], 8);
  std::memcpy(&digits[8], &text[9], 4);
  std::memcpy(&digits[12], &text[14], 4);
  std::memcpy(&digits[16], &text[19], 4);
  std::memcpy(&digits[20], &text[24], 12);
  const auto read = digest_from_hex({digits.data(), digits.size()});
  if (!read) {
    return std::nullopt;
  }
  std::array<std::uint8_t, uuid_bytes> bytes;
  std::copy_n(read->begin(), bytes.size(), bytes.begin());
  return bytes;
}

std::optional<std::array<std::uint8_t, uuid_bytes>> uuid7_bytes(std::string_view text) noexcept {
  const auto bytes = uuid_of(text);
  return bytes && (*bytes)[6] >> 4U == 7 && (*bytes)[8] >> 6U == 2 ? bytes : std::nullopt;
}

}  // namespace tallygate::audit
