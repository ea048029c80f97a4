#include "audit/journal/aes.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <climits>
#include <memory>

namespace tallygate::audit {
namespace {

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

struct FreeCipher {
  void operator()(EVP_CIPHER* cipher) const { EVP_CIPHER_free(cipher); }
};

// Looking the algorithm up costs as much as a short text does, so it is done once. Null where there is none,
// which OpenSSL then refuses.
const EVP_CIPHER* aes_256_gcm() {
  static const std::unique_ptr<EVP_CIPHER, FreeCipher> cipher(
      EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr));
  return cipher.get();
}

bool fits(std::size_t size) {
  return size <= static_cast<std::size_t>(INT_MAX);
}

}  // namespace

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

std::optional<GcmSealed> gcm_seal(const AesKey::Bytes& key, std::span<const std::uint8_t> text,
                                  std::string_view associated) {
  if (!fits(text.size() + gcm_tag_size) || !fits(associated.size())) {
    return std::nullopt;
  }
  GcmSealed out;
  out.ct.resize(text.size() + gcm_tag_size);
  const Context context(EVP_CIPHER_CTX_new());
  int size = 0;
  if (!context || RAND_bytes(out.iv.data(), static_cast<int>(out.iv.size())) != 1 ||
      EVP_EncryptInit_ex(context.get(), aes_256_gcm(), nullptr, key.data(), out.iv.data()) != 1 ||
      EVP_EncryptUpdate(context.get(), nullptr, &size, bytes_of(associated).data(),
                        static_cast<int>(associated.size())) != 1 ||
      EVP_EncryptUpdate(context.get(), out.ct.data(), &size, text.data(), static_cast<int>(text.size())) !=
          1 ||
      EVP_EncryptFinal_ex(context.get(), out.ct.data() + size, &size) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, static_cast<int>(gcm_tag_size),
                          out.ct.data() + text.size()) != 1) {
    return std::nullopt;
  }
  return out;
}

std::optional<std::vector<std::uint8_t>> gcm_open(const AesKey::Bytes& key, std::span<const std::uint8_t> iv,
                                                  std::span<const std::uint8_t> ct,
                                                  std::string_view associated) {
  if (iv.size() != gcm_iv_size || ct.size() < gcm_tag_size || !fits(ct.size()) || !fits(associated.size())) {
    return std::nullopt;
  }
  const auto text = ct.first(ct.size() - gcm_tag_size);
  std::array<std::uint8_t, gcm_tag_size> tag{};
  std::copy(ct.end() - gcm_tag_size, ct.end(), tag.begin());
  std::vector<std::uint8_t> out(text.size() + 1);  // OpenSSL wants a place even for an empty text
  const Context context(EVP_CIPHER_CTX_new());
  int size = 0;
  if (!context || EVP_DecryptInit_ex(context.get(), aes_256_gcm(), nullptr, key.data(), iv.data()) != 1 ||
      EVP_DecryptUpdate(context.get(), nullptr, &size, bytes_of(associated).data(),
                        static_cast<int>(associated.size())) != 1 ||
      EVP_DecryptUpdate(context.get(), out.data(), &size, text.data(), static_cast<int>(text.size())) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, static_cast<int>(tag.size()), tag.data()) !=
          1 ||
      EVP_DecryptFinal_ex(context.get(), out.data() + size, &size) != 1) {
    OPENSSL_cleanse(out.data(), out.size());
    return std::nullopt;
  }
  out.resize(text.size());
  return out;
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
