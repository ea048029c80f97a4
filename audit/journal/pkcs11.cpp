#include "audit/journal/pkcs11.hpp"

#include "audit/journal/pkcs11_session.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr std::size_t id_size = 16;
// id-Ed25519 1.3.101.112 (RFC 8410 §3), and the curve's name as the first edition of PKCS #11 v3.0 has it:
// modules know one or both.
constexpr std::string_view ed25519_oid("\x06\x03\x2b\x65\x70", 5);
constexpr std::string_view ed25519_name("\x13\x0c\x65\x64wards25519", 14);
constexpr std::string_view octet_string("\x04\x20", 2);  // DER, of 32 bytes

// Counter, label, zero byte, empty context and length in bits of SP 800-108r1 §4.1; one round gives 32 bytes.
constexpr std::string_view kek_input("\x00\x00\x00\x01tallygate kek\x00\x00\x00\x01\x00", 22);

// A new id that ties the halves of a pair together for other tools.
Result<std::string> random_id(const Pkcs11Session& session) {
  std::array<std::uint8_t, id_size> id{};
  if (RAND_bytes(id.data(), static_cast<int>(id.size())) != 1) {
    return session.failed(FailureKind::crypto, "no random bytes for an id");
  }
  return std::string(id.begin(), id.end());
}

// Nothing of this label may be there, of whatever class: it could not be told apart.
Result<void> check_free(Pkcs11Session& session) {
  Pkcs11Template wanted;
  wanted.bytes(CKA_LABEL, session.label());
  const auto found = session.find(wanted);
  if (!found) {
    return found.error();
  }
  return found->empty() ? Result<void>()
                        : session.failed(FailureKind::exists,
                                         "an object of this label is there already; nothing was changed");
}

CK_RV generate_pair(Pkcs11Session& session, std::string_view curve, const std::string& id) {
  CK_MECHANISM how{CKM_EC_EDWARDS_KEY_PAIR_GEN, nullptr, 0};
  Pkcs11Template open;
  open.bytes(CKA_EC_PARAMS, curve)
      .bytes(CKA_LABEL, session.label())
      .bytes(CKA_ID, id)
      .flag(CKA_TOKEN, true)
      .flag(CKA_VERIFY, true);
  Pkcs11Template secret;
  secret.bytes(CKA_LABEL, session.label())
      .bytes(CKA_ID, id)
      .flag(CKA_TOKEN, true)
      .flag(CKA_PRIVATE, true)
      .flag(CKA_SENSITIVE, true)
      .flag(CKA_EXTRACTABLE, false)
      .flag(CKA_SIGN, true);
  CK_OBJECT_HANDLE public_half = CK_INVALID_HANDLE;
  CK_OBJECT_HANDLE private_half = CK_INVALID_HANDLE;
  return session.functions().C_GenerateKeyPair(session.handle(), &how, open.data(), open.size(),
                                               secret.data(), secret.size(), &public_half, &private_half);
}

}  // namespace

struct Token::Session {
  std::unique_ptr<Pkcs11Session> with;
};

Token::Token(std::unique_ptr<Session> session) : session_(std::move(session)) {}
Token::~Token() = default;
Token::Token(Token&&) noexcept = default;
Token& Token::operator=(Token&&) noexcept = default;

Result<Token> Token::open(const Pkcs11Uri& uri, TokenUse use) {
  auto session = Pkcs11Session::open(uri, use == TokenUse::make);
  if (!session) {
    return session.error();
  }
  return Token(std::make_unique<Session>(Session{*std::move(session)}));
}

Result<PublicKey> Token::generate_ed25519() {
  Pkcs11Session& with = *session_->with;
  if (auto free = check_free(with); !free) {
    return free.error();
  }
  const auto id = random_id(with);
  if (!id) {
    return id.error();
  }
  CK_RV made = generate_pair(with, ed25519_oid, *id);
  if (made != CKR_OK && made != CKR_MECHANISM_INVALID) {
    made = generate_pair(with, ed25519_name, *id);
  }
  if (made != CKR_OK) {
    return with.failed("cannot make an Ed25519 key", made);
  }
  return find_ed25519();
}

Result<PublicKey> Token::find_ed25519() {
  Pkcs11Session& with = *session_->with;
  const auto secret = with.find_one(CKO_PRIVATE_KEY, "private key");
  if (!secret) {
    return secret.error();
  }
  const auto found = with.find_one(CKO_PUBLIC_KEY, "public key");
  if (!found) {
    return found.error();
  }
  auto point = with.attribute(*found, CKA_EC_POINT, "the public half");
  if (!point) {
    return fail(FailureKind::invalid, point.error().message + "; the key must be an Ed25519 key");
  }
  std::string_view raw = *point;
  if (raw.size() == octet_string.size() + ed25519_size && raw.starts_with(octet_string)) {
    raw.remove_prefix(octet_string.size());  // PKCS #11 v3.0 wraps it; modules before do not
  }
  const auto curve = with.attribute(*found, CKA_EC_PARAMS, "the curve");
  if (!curve || (*curve != ed25519_oid && *curve != ed25519_name) || raw.size() != ed25519_size) {
    return with.failed(FailureKind::invalid, "the key is not an Ed25519 key");
  }
  PublicKey key{};
  std::copy(raw.begin(), raw.end(), key.begin());
  return key;
}

Result<Signature> Token::sign(std::string_view message) {
  Pkcs11Session& with = *session_->with;
  const auto key = with.find_one(CKO_PRIVATE_KEY, "private key");
  if (!key) {
    return key.error();
  }
  Signature signature{};
  const auto made = with.sign(*key, CKM_EDDSA, message, signature.size());
  if (!made) {
    return made.error();
  }
  std::copy(made->begin(), made->end(), signature.begin());
  return signature;
}

Result<void> Token::generate_secret() {
  Pkcs11Session& with = *session_->with;
  if (auto free = check_free(with); !free) {
    return free.error();
  }
  CK_MECHANISM how{CKM_GENERIC_SECRET_KEY_GEN, nullptr, 0};
  Pkcs11Template secret;
  secret.number(CKA_CLASS, CKO_SECRET_KEY)
      .number(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
      .number(CKA_VALUE_LEN, kek_size)
      .bytes(CKA_LABEL, with.label())
      .flag(CKA_TOKEN, true)
      .flag(CKA_PRIVATE, true)
      .flag(CKA_SENSITIVE, true)
      .flag(CKA_EXTRACTABLE, false)
      .flag(CKA_SIGN, true);
  CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
  if (const CK_RV done =
          with.functions().C_GenerateKey(with.handle(), &how, secret.data(), secret.size(), &made);
      done != CKR_OK) {
    return with.failed("cannot make a secret", done);
  }
  return {};
}

Result<Kek> Token::derive_kek() {
  Pkcs11Session& with = *session_->with;
  const auto secret = with.find_one(CKO_SECRET_KEY, "secret");
  if (!secret) {
    return secret.error();
  }
  auto derived = with.sign(*secret, CKM_SHA256_HMAC, kek_input, kek_size);
  if (!derived) {
    return derived.error();
  }
  std::array<std::uint8_t, kek_size> key{};
  std::copy(derived->begin(), derived->end(), key.begin());
  Kek kek(key);
  OPENSSL_cleanse(key.data(), key.size());
  OPENSSL_cleanse(derived->data(), derived->size());
  return kek;
}

Result<void> Token::destroy() {
  Pkcs11Session& with = *session_->with;
  Pkcs11Template wanted;
  wanted.bytes(CKA_LABEL, with.label());
  const auto found = with.find(wanted);
  if (!found) {
    return found.error();
  }
  for (const CK_OBJECT_HANDLE object : *found) {
    if (const CK_RV gone = with.functions().C_DestroyObject(with.handle(), object); gone != CKR_OK) {
      return with.failed("cannot remove the object", gone);
    }
  }
  return {};
}

Result<Signer> open_token_signer(std::string_view name, const Pkcs11Uri& uri) {
  auto opened = Token::open(uri, TokenUse::use);
  if (!opened) {
    return opened.error();
  }
  const auto token = std::make_shared<Token>(*std::move(opened));
  const auto key = token->find_ed25519();
  if (!key) {
    return key.error();
  }
  return Signer::external(name, *key, [token](std::string_view message) { return token->sign(message); });
}

}  // namespace tallygate::audit
