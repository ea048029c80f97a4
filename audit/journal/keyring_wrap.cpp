#include "audit/journal/keyring_wrap.hpp"

#include "audit/journal/gcm.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <string>

namespace tallygate::audit {
namespace {

std::string associated(std::string_view name) {
  return "tallygate keyring v1\n" + std::string(name);
}

}  // namespace

std::filesystem::path beside(std::filesystem::path path, const char* suffix) {
  path += suffix;
  return path;
}

std::optional<std::vector<std::uint8_t>> wrap(std::span<const std::uint8_t> secret, const Kek& kek,
                                              std::string_view name) {
  const auto sealed = gcm_seal(kek.bytes(), secret, associated(name));
  if (!sealed) {
    return std::nullopt;
  }
  std::vector<std::uint8_t> out(sealed->iv.begin(), sealed->iv.end());
  out.insert(out.end(), sealed->ct.begin(), sealed->ct.end());
  return out;
}

std::optional<std::array<std::uint8_t, 32>> unwrap(std::span<const std::uint8_t> wrapped, const Kek& kek,
                                                   std::string_view name) {
  if (wrapped.size() < gcm_iv_size) {
    return std::nullopt;
  }
  auto bytes =
      gcm_open(kek.bytes(), wrapped.first(gcm_iv_size), wrapped.subspan(gcm_iv_size), associated(name));
  std::array<std::uint8_t, 32> secret{};
  if (!bytes || bytes->size() != secret.size()) {
    return std::nullopt;
  }
  std::copy(bytes->begin(), bytes->end(), secret.begin());
  OPENSSL_cleanse(bytes->data(), bytes->size());
  return secret;
}

std::optional<AesKey> unwrap_key(std::span<const std::uint8_t> wrapped, const Kek& kek,
                                 std::string_view name) {
  auto secret = unwrap(wrapped, kek, name);
  if (!secret) {
    return std::nullopt;
  }
  std::optional<AesKey> key(std::in_place, *secret);
  OPENSSL_cleanse(secret->data(), secret->size());
  return key;
}

}  // namespace tallygate::audit
