#pragma once
/// The few cryptographic acts of this room, over OpenSSL.
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace tallygate::identity {

using Digest = std::array<unsigned char, 32>;

struct OpensslFree {
  void operator()(EVP_PKEY* p) const noexcept { EVP_PKEY_free(p); }
  void operator()(EVP_PKEY_CTX* p) const noexcept { EVP_PKEY_CTX_free(p); }
  void operator()(EVP_MD_CTX* p) const noexcept { EVP_MD_CTX_free(p); }
  void operator()(EVP_KDF* p) const noexcept { EVP_KDF_free(p); }
  void operator()(EVP_KDF_CTX* p) const noexcept { EVP_KDF_CTX_free(p); }
  void operator()(ECDSA_SIG* p) const noexcept { ECDSA_SIG_free(p); }
  void operator()(BIGNUM* p) const noexcept { BN_free(p); }
};
template <class T>
using OpensslPointer = std::unique_ptr<T, OpensslFree>;

[[nodiscard]] Digest sha256(std::string_view bytes) noexcept;
[[nodiscard]] Digest hmac_sha256(std::span<const unsigned char> key, std::string_view bytes);

/// Fills `out` from the system's generator. Throws std::runtime_error if there is no randomness to be had.
void random_bytes(std::span<unsigned char> out);
/// `count` random bytes in base64url.
[[nodiscard]] std::string random_text(std::size_t count);

/// Takes time that depends on the lengths only.
[[nodiscard]] bool equal_constant_time(std::string_view a, std::string_view b) noexcept;

[[nodiscard]] inline std::string_view as_text(std::span<const unsigned char> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
[[nodiscard]] inline const unsigned char* as_bytes(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace tallygate::identity
