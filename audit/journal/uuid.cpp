#include "audit/journal/uuid.hpp"

#include <openssl/rand.h>

#include <array>
#include <cstdint>
#include <string_view>

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

}  // namespace tallygate::audit
