#pragma once

#include "audit/journal/failure.hpp"
#include "audit/journal/kek.hpp"
#include "audit/journal/pkcs11_uri.hpp"
#include "audit/journal/signer.hpp"

#include <memory>
#include <string_view>

namespace tallygate::audit {

/// What a session with a token is for: a token may be read-only for those who only use its keys.
enum class TokenUse : std::uint8_t { use, make };

/// A session with the token that a URI names, and the one key object on it that the URI names. PKCS#11 is
/// spoken to the module itself: OpenSSL 3.0 of Debian 12 has no provider for it, and the engine there knows
/// no Ed25519. Every error names the module, the token, the object, and what the module said, and never the
/// PIN. One thread at a time. The session ends with the object; the token logs out with the last session.
class Token {
 public:
  /// Loads the module, finds the token, opens a session and logs in with the PIN, which is wiped. Errors:
  /// missing (module, token or PIN), invalid (more than one such token, a wrong PIN, no PKCS#11 module),
  /// unreadable, crypto.
  static Result<Token> open(const Pkcs11Uri& uri, TokenUse use);

  ~Token();
  Token(Token&&) noexcept;
  Token& operator=(Token&&) noexcept;
  Token(const Token&) = delete;
  Token& operator=(const Token&) = delete;

  /// Makes an Ed25519 key pair on the token whose private half never leaves it (sensitive, not extractable)
  /// and gives the public half. Errors: exists (an object of that label; nothing is changed), crypto.
  Result<PublicKey> generate_ed25519();
  /// The public half of the Ed25519 key. Errors: missing (none of that label), invalid (more than one, or of
  /// another type), crypto.
  Result<PublicKey> find_ed25519();
  /// Pure Ed25519 by the token (CKM_EDDSA, PKCS #11 v3.0 §2.3.14). Errors: missing, invalid, crypto.
  Result<Signature> sign(std::string_view message);

  /// Makes a secret of 32 bytes on the token, from which derive_kek() derives and which never leaves it.
  /// Errors: exists (an object of that label; nothing is changed), crypto.
  Result<void> generate_secret();
  /// The key-encryption key that follows from the token's secret: HMAC-SHA256 by the token, as the KDF in
  /// counter mode of NIST SP 800-108r1 §4.1 with the label "tallygate kek". The token computes, so the secret
  /// never leaves it, and no file beside the keyring can be lost. Errors: missing, invalid, crypto.
  Result<Kek> derive_kek();

  /// Removes the objects of that label, to take back what generate_… made. Errors: crypto.
  Result<void> destroy();

 private:
  struct Session;
  explicit Token(std::unique_ptr<Session> session);

  std::unique_ptr<Session> session_;
};

/// A signer whose private key stays on the token; it keeps a session. Each signature is verified before it
/// is given. Errors: those of Token::open() and Token::find_ed25519(), and invalid (not a key name).
Result<Signer> open_token_signer(std::string_view name, const Pkcs11Uri& uri);

}  // namespace tallygate::audit
