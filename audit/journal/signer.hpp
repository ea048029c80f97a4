#pragma once

#include "audit/journal/failure.hpp"
#include "audit/journal/note.hpp"

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace tallygate::audit {

constexpr std::size_t ed25519_size = 32;  ///< bytes of a seed and of a public key (RFC 8032 §5.1.5)

/// An Ed25519 private key as RFC 8032 §5.1.5 has it.
using Seed = std::array<std::uint8_t, ed25519_size>;

/// An Ed25519 private key with a C2SP key name. Owns its key; one thread at a time. Moves, never copies.
/// OpenSSL reads and writes the key's forms; libsodium signs, in half the time, from pages that are guarded,
/// locked where the system lets it, and wiped at the end.
class Signer {
 public:
  /// A new random key. Errors: invalid (not a C2SP key name), crypto.
  static Result<Signer> generate(std::string_view name);
  /// The key of a 32-byte seed (RFC 8032 §5.1.5). Errors: invalid, crypto.
  static Result<Signer> from_seed(std::string_view name, const Seed& seed);
  /// The key in a PKCS#8 PEM text, encrypted or not. Errors: invalid (not PEM, wrong passphrase, not
  /// Ed25519).
  static Result<Signer> from_pem(std::string_view name, std::string_view pem, std::string_view passphrase);

  /// Signs somewhere else, such as on a token: the signature of `message`, or why there is none.
  using SignElsewhere = std::function<Result<Signature>(std::string_view message)>;
  /// A key whose private half is not here: `sign_elsewhere` signs, and each signature is verified with `key`
  /// before it is given. Errors: invalid (not a C2SP key name), crypto (not a public key).
  static Result<Signer> external(std::string_view name, const PublicKey& key, SignElsewhere sign_elsewhere);

  /// The signature of `message`, pure Ed25519. Errors: crypto; of an external key those of its function.
  [[nodiscard]] Result<Signature> sign(std::string_view message) const;

  [[nodiscard]] const std::string& name() const { return verify_key_.name; }
  [[nodiscard]] const PublicKey& public_key() const { return verify_key_.key.raw(); }
  /// `name+hash+base64`, C2SP signed-note.
  [[nodiscard]] std::string vkey() const { return verify_key_.vkey(); }
  /// The public half with its name, for verify_note().
  [[nodiscard]] const VerifyKey& verify_key() const { return verify_key_; }
  /// First four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key), big-endian, C2SP signed-note.
  [[nodiscard]] std::uint32_t key_id() const { return verify_key_.id; }

  /// The private key as 32 bytes into `seed`, for wrapping. Wipe it after use. Not a return value: of one the
  /// compiler may leave a copy behind on the stack. Errors: crypto, invalid (it is external).
  [[nodiscard]] Result<void> copy_seed(Seed& seed) const;
  /// PKCS#8, encrypted with AES-256-CBC and scrypt under `passphrase`. Errors: invalid (empty passphrase, or
  /// it is external), crypto.
  [[nodiscard]] Result<std::string> private_pem(std::string_view passphrase) const;
  /// SubjectPublicKeyInfo. Errors: crypto.
  [[nodiscard]] Result<std::string> public_pem() const;

 private:
  struct FreeKey {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };
  struct FreeSecret {
    void operator()(std::uint8_t* secret) const;
  };
  using Key = std::unique_ptr<EVP_PKEY, FreeKey>;
  using Secret = std::unique_ptr<std::uint8_t, FreeSecret>;

  Signer(Key key, Secret secret, VerifyKey verify_key)
      : key_(std::move(key)), secret_(std::move(secret)), verify_key_(std::move(verify_key)) {}
  static Result<Signer> from_key(std::string_view name, Key key);
  [[nodiscard]] Result<Signature> sign_elsewhere(std::string_view message) const;

  Key key_;
  Secret secret_;  // nothing where the key is external
  VerifyKey verify_key_;
  SignElsewhere elsewhere_;
};

/// "SHA256:" and the base64 (without padding) of SHA-256 over the SubjectPublicKeyInfo: what a person
/// compares.
std::string fingerprint(const PublicKey& key);

}  // namespace tallygate::audit
