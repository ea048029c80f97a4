#include "audit/journal/aes.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

namespace tallygate::audit {
AesKey::~AesKey() {
  OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

AesKey::AesKey(AesKey&& other) noexcept : bytes_(other.bytes_) {
  OPENSSL_cleanse(other.bytes_.data(), other.bytes_.size());
}

AesKey& AesKey::operator=(AesKey&& other) noexcept {
  if (this != &other) {
    bytes_ = other.bytes_;
    OPENSSL_cleanse(other.bytes_.data(), other.bytes_.size());
  }
  return *this;
}

std::optional<AesKey> AesKey::random() {
  Bytes bytes{};
  if (RAND_priv_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return std::nullopt;
  }
  std::optional<AesKey> key(std::in_place, bytes);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return key;
}

std::optional<std::array<std::uint8_t, 32>> hmac_sha256(const AesKey& key, std::string_view text) {
  std::array<std::uint8_t, 32> out{};
  unsigned size = 0;
  if (HMAC(EVP_sha256(), key.bytes().data(), static_cast<int>(key.bytes().size()), bytes_of(text).data(),
           text.size(), out.data(), &size) == nullptr ||
      size != out.size()) {
    return std::nullopt;
  }
  return out;
}

}  // namespace tallygate::audit
