#include "audit/journal/gcm.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sodium.h>

#include <algorithm>
#include <climits>
#include <memory>

namespace tallygate::audit {
namespace {

static_assert(crypto_aead_aes256gcm_KEYBYTES == aes_key_size);
static_assert(crypto_aead_aes256gcm_NPUBBYTES == gcm_iv_size);
static_assert(crypto_aead_aes256gcm_ABYTES == gcm_tag_size);

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

// A key's schedule, as libsodium wants it. It is made anew for each text, which takes a fifth of what the
// text does: so none has to be kept, and none has to be found when a key is to be destroyed.
class Schedule {
 public:
  explicit Schedule(const AesKey::Bytes& key) { crypto_aead_aes256gcm_beforenm(&state_, key.data()); }
  ~Schedule() { sodium_memzero(&state_, sizeof state_); }
  Schedule(const Schedule&) = delete;
  Schedule& operator=(const Schedule&) = delete;

  [[nodiscard]] const crypto_aead_aes256gcm_state* get() const { return &state_; }

 private:
  crypto_aead_aes256gcm_state state_;
};

bool sodium_encrypt(const AesKey::Bytes& key, const GcmIv& iv, std::span<const std::uint8_t> text,
                    std::string_view associated, std::span<std::uint8_t> out) {
  const Schedule schedule(key);
  return crypto_aead_aes256gcm_encrypt_afternm(out.data(), nullptr, text.data(), text.size(),
                                               bytes_of(associated).data(), associated.size(), nullptr,
                                               iv.data(), schedule.get()) == 0;
}

bool openssl_encrypt(const AesKey::Bytes& key, const GcmIv& iv, std::span<const std::uint8_t> text,
                     std::string_view associated, std::span<std::uint8_t> out) {
  const Context context(EVP_CIPHER_CTX_new());
  int size = 0;
  return context && EVP_EncryptInit_ex(context.get(), aes_256_gcm(), nullptr, key.data(), iv.data()) == 1 &&
         EVP_EncryptUpdate(context.get(), nullptr, &size, bytes_of(associated).data(),
                           static_cast<int>(associated.size())) == 1 &&
         EVP_EncryptUpdate(context.get(), out.data(), &size, text.data(), static_cast<int>(text.size())) ==
             1 &&
         EVP_EncryptFinal_ex(context.get(), out.data() + size, &size) == 1 &&
         EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, static_cast<int>(gcm_tag_size),
                             out.data() + text.size()) == 1;
}

// Into `out`, which has room for the text and one byte more.
bool sodium_decrypt(const AesKey::Bytes& key, std::span<const std::uint8_t> iv,
                    std::span<const std::uint8_t> ct, std::string_view associated,
                    std::span<std::uint8_t> out) {
  const Schedule schedule(key);
  return crypto_aead_aes256gcm_decrypt_afternm(out.data(), nullptr, nullptr, ct.data(), ct.size(),
                                               bytes_of(associated).data(), associated.size(), iv.data(),
                                               schedule.get()) == 0;
}

bool openssl_decrypt(const AesKey::Bytes& key, std::span<const std::uint8_t> iv,
                     std::span<const std::uint8_t> ct, std::string_view associated,
                     std::span<std::uint8_t> out) {
  const auto text = ct.first(ct.size() - gcm_tag_size);
  std::array<std::uint8_t, gcm_tag_size> tag{};
  std::copy(ct.end() - gcm_tag_size, ct.end(), tag.begin());
  const Context context(EVP_CIPHER_CTX_new());
  int size = 0;
  return context && EVP_DecryptInit_ex(context.get(), aes_256_gcm(), nullptr, key.data(), iv.data()) == 1 &&
         EVP_DecryptUpdate(context.get(), nullptr, &size, bytes_of(associated).data(),
                           static_cast<int>(associated.size())) == 1 &&
         EVP_DecryptUpdate(context.get(), out.data(), &size, text.data(), static_cast<int>(text.size())) ==
             1 &&
         EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, static_cast<int>(tag.size()), tag.data()) ==
             1 &&
         EVP_DecryptFinal_ex(context.get(), out.data() + size, &size) == 1;
}

}  // namespace

GcmEngine gcm_engine() {
  static const GcmEngine engine = sodium_init() >= 0 && crypto_aead_aes256gcm_is_available() == 1
                                      ? GcmEngine::sodium
                                      : GcmEngine::openssl;
  return engine;
}

bool gcm_encrypt(GcmEngine engine, const AesKey::Bytes& key, const GcmIv& iv,
                 std::span<const std::uint8_t> text, std::string_view associated,
                 std::span<std::uint8_t> out) {
  if (!fits(text.size() + gcm_tag_size) || !fits(associated.size()) ||
      out.size() != text.size() + gcm_tag_size) {
    return false;
  }
  return engine == GcmEngine::sodium ? sodium_encrypt(key, iv, text, associated, out)
                                     : openssl_encrypt(key, iv, text, associated, out);
}

std::optional<std::vector<std::uint8_t>> gcm_decrypt(GcmEngine engine, const AesKey::Bytes& key,
                                                     std::span<const std::uint8_t> iv,
                                                     std::span<const std::uint8_t> ct,
                                                     std::string_view associated) {
  if (iv.size() != gcm_iv_size || ct.size() < gcm_tag_size || !fits(ct.size()) || !fits(associated.size())) {
    return std::nullopt;
  }
  const std::size_t size = ct.size() - gcm_tag_size;
  std::vector<std::uint8_t> out(size + 1);  // a place is wanted even for an empty text
  const bool opened = engine == GcmEngine::sodium ? sodium_decrypt(key, iv, ct, associated, out)
                                                  : openssl_decrypt(key, iv, ct, associated, out);
  if (!opened) {
    OPENSSL_cleanse(out.data(), out.size());
    return std::nullopt;
  }
  out.resize(size);
  return out;
}

std::optional<GcmSealed> gcm_seal(const AesKey::Bytes& key, std::span<const std::uint8_t> text,
                                  std::string_view associated) {
  GcmSealed out;
  out.ct.resize(text.size() + gcm_tag_size);
  if (RAND_bytes(out.iv.data(), static_cast<int>(out.iv.size())) != 1 ||
      !gcm_encrypt(gcm_engine(), key, out.iv, text, associated, out.ct)) {
    return std::nullopt;
  }
  return out;
}

std::optional<std::vector<std::uint8_t>> gcm_open(const AesKey::Bytes& key, std::span<const std::uint8_t> iv,
                                                  std::span<const std::uint8_t> ct,
                                                  std::string_view associated) {
  return gcm_decrypt(gcm_engine(), key, iv, ct, associated);
}

}  // namespace tallygate::audit
