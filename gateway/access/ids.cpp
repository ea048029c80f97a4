#include "gateway/access/ids.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <ctime>
#include <stdexcept>

namespace tallygate::access {
namespace {

constexpr char hex_digits[] = "0123456789abcdef";

}  // namespace

void IdSource::refill() {
  if (RAND_bytes(random_.data(), static_cast<int>(random_.size())) != 1) {
    throw std::runtime_error("the system has no randomness for identifiers");
  }
  used_ = 0;
}

std::uint8_t IdSource::next() {
  if (used_ == random_.size()) {
    refill();
  }
  return random_[used_++];
}

UuidText IdSource::uuid7(SystemTime now) {
  std::array<std::uint8_t, 16> bytes{};
  const auto ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count());
  for (std::size_t at = 0; at < 6; ++at) {
    bytes[at] = static_cast<std::uint8_t>(ms >> (40 - 8 * at));
  }
  for (std::size_t at = 6; at < 16; ++at) {
    bytes[at] = next();
  }
  bytes[6] = static_cast<std::uint8_t>(0x70 | (bytes[6] & 0x0F));
  bytes[8] = static_cast<std::uint8_t>(0x80 | (bytes[8] & 0x3F));
  UuidText text{};
  std::size_t out = 0;
  for (std::size_t at = 0; at < 16; ++at) {
    if (at == 4 || at == 6 || at == 8 || at == 10) {
      text[out++] = '-';
    }
    text[out++] = hex_digits[bytes[at] >> 4];
    text[out++] = hex_digits[bytes[at] & 15];
  }
  return text;
}

void IdSource::hex(char* out, std::size_t digits) {
  for (std::size_t at = 0; at < digits; ++at) {
    out[at] = hex_digits[next() & 15];
  }
}

std::string_view SecondText::of(SystemTime now) {
  const std::int64_t second = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  if (second != second_) {
    std::tm broken{};
    const std::time_t time = second;
    gmtime_r(&time, &broken);
    std::array<char, 32> text{};
    std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &broken);
    std::copy_n(text.begin(), text_.size(), text_.begin());
    second_ = second;
  }
  return {text_.data(), text_.size()};
}

}  // namespace tallygate::access
