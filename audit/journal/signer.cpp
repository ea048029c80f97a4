#include "audit/journal/signer.hpp"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <sodium.h>

#include <algorithm>
#include <span>
#include <utility>

namespace tallygate::audit {
namespace {

// scrypt for a key file that a person keeps: 16 MiB a guess, the most OpenSSL's own PKCS#8 reader accepts
// without being told a larger memory limit.
constexpr std::uint64_t scrypt_n = 16384;
constexpr std::uint64_t scrypt_r = 8;
constexpr std::uint64_t scrypt_p = 1;
constexpr int scrypt_salt_size = 16;

// DER of a SubjectPublicKeyInfo up to the key itself (RFC 8410 §4).
constexpr std::array<std::uint8_t, 12> spki_prefix = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                                      0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

// DER of the octet string that a private key is (RFC 8410 §7), up to the key itself.
constexpr std::array<std::uint8_t, 2> octet_string = {0x04, 0x20};

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
struct FreeInfo {
  void operator()(PKCS8_PRIV_KEY_INFO* info) const { PKCS8_PRIV_KEY_INFO_free(info); }
};
struct FreeSealed {
  void operator()(X509_SIG* sealed) const { X509_SIG_free(sealed); }
};
struct FreeKeyContext {
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;

// Straight into `seed`: EVP_PKEY_get_raw_private_key() goes by way of a copy that it frees as it is.
bool read_seed(const EVP_PKEY* key, std::span<std::uint8_t, ed25519_size> seed) {
  std::size_t size = 0;
  return EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PRIV_KEY, seed.data(), seed.size(), &size) ==
             1 &&
         size == seed.size();
}

Failure crypto(std::string what) {
  const auto code = ERR_peek_last_error();
  std::array<char, 256> text{};
  if (code != 0) {
    ERR_error_string_n(code, text.data(), text.size());
    what += ": ";
    what += text.data();
  }
  ERR_clear_error();
  return fail(FailureKind::crypto, std::move(what));
}

int give_passphrase(char* buffer, int size, int /*writing*/, void* passphrase) {
  const auto& text = *static_cast<const std::string_view*>(passphrase);
  if (text.size() > static_cast<std::size_t>(size)) {
    return -1;
  }
  std::copy(text.begin(), text.end(), buffer);
  return static_cast<int>(text.size());
}

std::string contents(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

Result<VerifyKey> named_key(std::string_view name, const PublicKey& raw) {
  const auto verifier = Ed25519Verifier::from_raw(raw);
  if (!verifier) {
    return fail(FailureKind::crypto, verifier.error().message);
  }
  auto named = make_verify_key(name, *verifier);
  if (!named) {
    return fail(FailureKind::invalid, "\"" + std::string(name) + "\": " + named.error().message);
  }
  return *std::move(named);
}

using Info = std::unique_ptr<PKCS8_PRIV_KEY_INFO, FreeInfo>;

// The key in PKCS#8 (RFC 8410 §7), wiped when it is freed; null where OpenSSL refuses. EVP_PKEY2PKCS8() goes
// by way of copies that it frees as they are.
Info private_key_info(const EVP_PKEY* key) {
  Info info(PKCS8_PRIV_KEY_INFO_new());
  const std::size_t size = octet_string.size() + ed25519_size;
  auto* octets = static_cast<std::uint8_t*>(OPENSSL_malloc(size));
  if (octets == nullptr) {
    return nullptr;
  }
  std::copy(octet_string.begin(), octet_string.end(), octets);
  if (!info ||
      !read_seed(key, std::span<std::uint8_t, ed25519_size>(octets + octet_string.size(), ed25519_size)) ||
      PKCS8_pkey_set0(info.get(), OBJ_nid2obj(NID_ED25519), 0, V_ASN1_UNDEF, nullptr, octets,
                      static_cast<int>(size)) != 1) {
    OPENSSL_clear_free(octets, size);
    return nullptr;
  }
  return info;
}

Failure not_here(const std::string& name) {
  return fail(FailureKind::invalid, name + ": the key cannot leave its token");
}

}  // namespace

Result<Signer> Signer::from_key(std::string_view name, Key key) {
  PublicKey raw{};
  std::size_t size = raw.size();
  if (EVP_PKEY_get_raw_public_key(key.get(), raw.data(), &size) != 1 || size != raw.size()) {
    return crypto("the key has no Ed25519 public half");
  }
  auto named = named_key(name, raw);
  if (!named) {
    return named.error();
  }
  if (sodium_init() < 0) {
    return fail(FailureKind::crypto, "libsodium cannot be used on this system");
  }
  Secret secret(static_cast<std::uint8_t*>(sodium_malloc(crypto_sign_ed25519_SECRETKEYBYTES)));
  if (!secret) {
    return fail(FailureKind::crypto, "no locked memory for a key");
  }
  // What libsodium calls a secret key is the seed and the public half behind it.
  if (!read_seed(key.get(), std::span<std::uint8_t, ed25519_size>(secret.get(), ed25519_size))) {
    return crypto("the key has no Ed25519 private half");
  }
  std::copy(raw.begin(), raw.end(), secret.get() + ed25519_size);
  sodium_mprotect_readonly(secret.get());
  return Signer(std::move(key), std::move(secret), std::move(*named));
}

Result<Signer> Signer::generate(std::string_view name) {
  Seed seed{};
  if (RAND_priv_bytes(seed.data(), static_cast<int>(seed.size())) != 1) {
    return crypto("no random bytes for a key");
  }
  auto signer = from_seed(name, seed);
  OPENSSL_cleanse(seed.data(), seed.size());
  return signer;
}

Result<Signer> Signer::from_seed(std::string_view name, const Seed& seed) {
  Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
  if (!key) {
    return crypto("cannot make an Ed25519 key");
  }
  return from_key(name, std::move(key));
}

Result<Signer> Signer::from_pem(std::string_view name, std::string_view pem, std::string_view passphrase) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Key key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, give_passphrase, &passphrase) : nullptr);
  if (!key) {
    ERR_clear_error();
    return fail(FailureKind::invalid, "not a private key in PEM form, or its passphrase is another one");
  }
  if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_ED25519) {
    return fail(FailureKind::invalid, "the private key is not an Ed25519 key");
  }
  return from_key(name, std::move(key));
}

Result<Signer> Signer::external(std::string_view name, const PublicKey& key, SignElsewhere sign_elsewhere) {
  auto named = named_key(name, key);
  if (!named) {
    return named.error();
  }
  Key half(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
  if (!half) {
    return crypto("cannot read an Ed25519 public key");
  }
  Signer signer(std::move(half), nullptr, *std::move(named));
  signer.elsewhere_ = std::move(sign_elsewhere);
  return signer;
}

Result<Signature> Signer::sign_elsewhere(std::string_view message) const {
  auto signature = elsewhere_(message);
  // A token's two objects of one label need not belong together.
  if (signature && !verify_key_.key.verify(message, *signature)) {
    return fail(FailureKind::crypto,
                name() + ": the token signed, but not with the private half of this public key");
  }
  return signature;
}

Result<Signature> Signer::sign(std::string_view message) const {
  if (!secret_) {
    return sign_elsewhere(message);
  }
  Signature signature{};
  if (crypto_sign_ed25519_detached(signature.data(), nullptr,
                                   reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                                   secret_.get()) != 0) {
    return fail(FailureKind::crypto, "cannot sign with " + name());
  }
  return signature;
}

void Signer::FreeSecret::operator()(std::uint8_t* secret) const {
  sodium_free(secret);
}

Result<void> Signer::copy_seed(Seed& seed) const {
  if (!secret_) {
    return not_here(name());
  }
  if (!read_seed(key_.get(), seed)) {
    return crypto("cannot read the private half of " + name());
  }
  return {};
}

Result<std::string> Signer::private_pem(std::string_view passphrase) const {
  if (!secret_) {
    return not_here(name());
  }
  if (passphrase.empty()) {
    return fail(FailureKind::invalid, "a private key is not written without a passphrase");
  }
  std::array<unsigned char, scrypt_salt_size> salt{};
  if (RAND_bytes(salt.data(), scrypt_salt_size) != 1) {
    return crypto("no random bytes for a salt");
  }
  const auto info = private_key_info(key_.get());
  X509_ALGOR* algorithm = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), salt.data(), scrypt_salt_size, nullptr,
                                                scrypt_n, scrypt_r, scrypt_p);
  if (!info || algorithm == nullptr) {
    X509_ALGOR_free(algorithm);
    return crypto("cannot prepare to encrypt " + name());
  }
  const std::unique_ptr<X509_SIG, FreeSealed> sealed(
      PKCS8_set0_pbe(passphrase.data(), static_cast<int>(passphrase.size()), info.get(), algorithm));
  if (!sealed) {
    X509_ALGOR_free(algorithm);
    return crypto("cannot encrypt " + name());
  }
  const Bio bio(BIO_new(BIO_s_secmem()));
  if (!bio || PEM_write_bio_PKCS8(bio.get(), sealed.get()) != 1) {
    return crypto("cannot write " + name());
  }
  return contents(bio.get());
}

Result<std::string> Signer::public_pem() const {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_PUBKEY(bio.get(), key_.get()) != 1) {
    return crypto("cannot write the public half of " + name());
  }
  return contents(bio.get());
}

std::string fingerprint(const PublicKey& key) {
  std::string der(spki_prefix.begin(), spki_prefix.end());
  der.append(key.begin(), key.end());
  std::string text = base64_encode(Sha256().digest(der));
  text.erase(text.find_last_not_of('=') + 1);
  return "SHA256:" + text;
}

}  // namespace tallygate::audit
