#include "gateway/identity/crypto.hpp"

#include "gateway/identity/encoding.hpp"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <stdexcept>

namespace tallygate::identity {

Digest sha256(std::string_view bytes) noexcept {
  Digest digest{};
  SHA256(as_bytes(bytes), bytes.size(), digest.data());
  return digest;
}

Digest hmac_sha256(std::span<const unsigned char> key, std::string_view bytes) {
  Digest digest{};
  unsigned size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), as_bytes(bytes), bytes.size(),
           digest.data(), &size) == nullptr) {
    throw std::runtime_error("HMAC-SHA-256 failed");
  }
  return digest;
}

void random_bytes(std::span<unsigned char> out) {
  if (RAND_bytes(out.data(), static_cast<int>(out.size())) != 1) {
    throw std::runtime_error("the system's random generator gives nothing");
  }
}

std::string random_text(std::size_t count) {
  std::string bytes(count, '\0');
  random_bytes({reinterpret_cast<unsigned char*>(bytes.data()), bytes.size()});
  return base64url_encode(bytes);
}

bool equal_constant_time(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace tallygate::identity
