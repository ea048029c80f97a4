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
  auto sealed = gcm_seal(kek.bytes(), secret, associated(name));
  if (!sealed) {
    return std::nullopt;
  }
  std::vector<std::uint8_t> out(sealed->iv.begin(), sealed->iv.end());
  out.reserve(out.size() + sealed->ct.size());
  out.insert(out.end(), sealed->ct.begin(), sealed->ct.end());
  OPENSSL_cleanse(sealed->ct.data(), sealed->ct.size());
  return out;
}

bool unwrap(std::span<const std::uint8_t> wrapped, const Kek& kek, std::string_view name,
            std::array<std::uint8_t, 32>& secret) {
  if (wrapped.size() < gcm_iv_size) {
    return false;
  }
  auto bytes =
      gcm_open(kek.bytes(), wrapped.first(gcm_iv_size), wrapped.subspan(gcm_iv_size), associated(name));
  if (!bytes) {
    return false;
  }
  const bool whole = bytes->size() == secret.size();
  if (whole) {
    std::copy(bytes->begin(), bytes->end(), secret.begin());
  }
  OPENSSL_cleanse(bytes->data(), bytes->size());
  return whole;
}

std::optional<AesKey> unwrap_key(std::span<const std::uint8_t> wrapped, const Kek& kek,
                                 std::string_view name) {
  AesKey::Bytes secret{};
  std::optional<AesKey> key;
  if (unwrap(wrapped, kek, name, secret)) {
    key.emplace(secret);
  }
  OPENSSL_cleanse(secret.data(), secret.size());
  return key;
}

}  // namespace tallygate::audit
