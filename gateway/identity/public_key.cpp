#include "gateway/identity/crypto.hpp"
#include "gateway/identity/encoding.hpp"
#include "gateway/identity/jwks.hpp"
#include "gateway/identity/strict_json.hpp"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>

namespace tallygate::identity {
namespace {

namespace json = boost::json;

constexpr int min_rsa_bits = 2'048;
constexpr int max_rsa_bits = 8'192;
constexpr std::size_t max_exponent_bytes = 8;
constexpr std::size_t coordinate_bytes = 32;
constexpr std::size_t max_key_id_bytes = 1'024;
constexpr std::size_t max_jwks_depth = 8;

using KeyPointer = std::shared_ptr<EVP_PKEY>;

struct ParametersFree {
  void operator()(OSSL_PARAM* p) const noexcept { OSSL_PARAM_free(p); }
  void operator()(OSSL_PARAM_BLD* p) const noexcept { OSSL_PARAM_BLD_free(p); }
};
using Builder = std::unique_ptr<OSSL_PARAM_BLD, ParametersFree>;
using Parameters = std::unique_ptr<OSSL_PARAM, ParametersFree>;

/// What OpenSSL complains about while refusing a key must not be found by whoever looks at its queue next.
struct ErrorsForgotten {
  ErrorsForgotten() = default;
  ErrorsForgotten(const ErrorsForgotten&) = delete;
  ErrorsForgotten& operator=(const ErrorsForgotten&) = delete;
  ~ErrorsForgotten() { ERR_clear_error(); }
};

std::optional<std::string_view> text_member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(json::string_view(name.data(), name.size()));
  if (value == nullptr || !value->is_string()) {
    return std::nullopt;
  }
  return std::string_view(value->get_string());
}

std::optional<std::string> bytes_member(const json::object& object, std::string_view name) {
  const auto text = text_member(object, name);
  return text ? base64url_decode(*text) : std::nullopt;
}

KeyPointer make_key(const char* type, const OSSL_PARAM_BLD& parts) {
  const Parameters parameters(OSSL_PARAM_BLD_to_param(const_cast<OSSL_PARAM_BLD*>(&parts)));
  const OpensslPointer<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* made = nullptr;
  if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    return nullptr;
  }
  KeyPointer key(made, OpensslFree{});
  const OpensslPointer<EVP_PKEY_CTX> check(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  return check && EVP_PKEY_public_check(check.get()) == 1 ? key : nullptr;
}

KeyPointer rsa_key(const json::object& jwk) {
  const auto modulus = bytes_member(jwk, "n");
  const auto exponent = bytes_member(jwk, "e");
  if (!modulus || !exponent || exponent->empty() || exponent->size() > max_exponent_bytes ||
      modulus->size() > max_rsa_bits / 8) {
    return nullptr;
  }
  const OpensslPointer<BIGNUM> n(BN_bin2bn(as_bytes(*modulus), static_cast<int>(modulus->size()), nullptr));
  const OpensslPointer<BIGNUM> e(BN_bin2bn(as_bytes(*exponent), static_cast<int>(exponent->size()), nullptr));
  if (!n || !e || BN_num_bits(n.get()) < min_rsa_bits || BN_is_odd(n.get()) != 1 || BN_is_odd(e.get()) != 1 ||
      BN_is_one(e.get()) == 1) {
    return nullptr;
  }
  const Builder builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return nullptr;
  }
  return make_key("RSA", *builder);
}

KeyPointer p256_key(const json::object& jwk) {
  const auto x = bytes_member(jwk, "x");
  const auto y = bytes_member(jwk, "y");
  if (text_member(jwk, "crv") != "P-256" || !x || !y || x->size() != coordinate_bytes ||
      y->size() != coordinate_bytes) {
    return nullptr;
  }
  const std::string point = '\x04' + *x + *y;
  const Builder builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) !=
          1) {
    return nullptr;
  }
  return make_key("EC", *builder);
}

KeyPointer ed25519_key(const json::object& jwk) {
  const auto x = bytes_member(jwk, "x");
  if (text_member(jwk, "crv") != "Ed25519" || !x || x->size() != coordinate_bytes) {
    return nullptr;
  }
  return {EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, as_bytes(*x), x->size()), OpensslFree{}};
}

/// RFC 7517 §4.2 to §4.4: a key may say what it is for; what it does not say does not limit it.
bool is_for_verifying(const json::object& jwk, Algorithm algorithm) {
  if (jwk.contains("use") && text_member(jwk, "use") != "sig") {
    return false;
  }
  if (jwk.contains("alg") && text_member(jwk, "alg") != name_of(algorithm)) {
    return false;
  }
  if (const json::value* operations = jwk.if_contains("key_ops")) {
    return operations->is_array() &&
           std::ranges::any_of(operations->get_array(), [](const json::value& operation) {
             return operation.is_string() && operation.get_string() == "verify";
           });
  }
  return true;
}

std::optional<PublicKey> read_key(const json::object& jwk) {
  PublicKey key;
  const auto type = text_member(jwk, "kty");
  if (type == "RSA") {
    key.algorithm = Algorithm::rs256;
    key.key = rsa_key(jwk);
  } else if (type == "EC") {
    key.algorithm = Algorithm::es256;
    key.key = p256_key(jwk);
  } else if (type == "OKP") {
    key.algorithm = Algorithm::eddsa;
    key.key = ed25519_key(jwk);
  }
  if (!key.key || !is_for_verifying(jwk, key.algorithm)) {
    return std::nullopt;
  }
  if (const json::value* id = jwk.if_contains("kid")) {
    if (!id->is_string() || id->get_string().size() > max_key_id_bytes) {
      return std::nullopt;
    }
    key.id = std::string_view(id->get_string());
  }
  return key;
}

/// ECDSA signatures in JWS are r and s side by side (RFC 7518 §3.4); OpenSSL wants DER.
std::string der_of(std::string_view signature) {
  const OpensslPointer<ECDSA_SIG> parts(ECDSA_SIG_new());
  OpensslPointer<BIGNUM> r(BN_bin2bn(as_bytes(signature), coordinate_bytes, nullptr));
  OpensslPointer<BIGNUM> s(BN_bin2bn(as_bytes(signature) + coordinate_bytes, coordinate_bytes, nullptr));
  if (!parts || !r || !s || ECDSA_SIG_set0(parts.get(), r.get(), s.get()) != 1) {
    return {};
  }
  [[maybe_unused]] const std::array now_of_parts = {r.release(), s.release()};
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(parts.get(), &der);
  if (size <= 0) {
    return {};
  }
  std::string text(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return text;
}

}  // namespace

std::string_view name_of(Algorithm algorithm) noexcept {
  switch (algorithm) {
    case Algorithm::rs256:
      return "RS256";
    case Algorithm::es256:
      return "ES256";
    case Algorithm::eddsa:
      return "EdDSA";
  }
  return {};
}

std::optional<Algorithm> algorithm_of(std::string_view name) noexcept {
  for (const Algorithm algorithm : {Algorithm::rs256, Algorithm::es256, Algorithm::eddsa}) {
    if (name == name_of(algorithm)) {
      return algorithm;
    }
  }
  return std::nullopt;
}

bool verify(const PublicKey& key, std::string_view message, std::string_view signature) noexcept try {
  const ErrorsForgotten forget;
  std::string der;
  if (key.algorithm == Algorithm::es256) {
    if (signature.size() != 2 * coordinate_bytes) {
      return false;
    }
    der = der_of(signature);
    signature = der;
  }
  const OpensslPointer<EVP_MD_CTX> context(EVP_MD_CTX_new());
  const EVP_MD* hash = key.algorithm == Algorithm::eddsa ? nullptr : EVP_sha256();
  return !signature.empty() && context &&
         EVP_DigestVerifyInit(context.get(), nullptr, hash, nullptr, key.key.get()) == 1 &&
         EVP_DigestVerify(context.get(), as_bytes(signature), signature.size(), as_bytes(message),
                          message.size()) == 1;
} catch (const std::bad_alloc&) {
  return false;
}

boost::system::result<KeySet, FetchError> parse_jwks(std::string_view text) {
  if (text.size() > max_jwks_bytes) {
    return FetchError{"the key set is longer than " + std::to_string(max_jwks_bytes) + " bytes"};
  }
  std::string why;
  const auto document = parse_strict_object(text, max_jwks_depth, why);
  if (!document) {
    return FetchError{"the key set cannot be read: " + why};
  }
  const json::value* list = document->if_contains("keys");
  if (list == nullptr || !list->is_array()) {
    return FetchError{"the key set has no list 'keys' (RFC 7517 section 5)"};
  }
  if (list->get_array().size() > max_jwks_keys) {
    return FetchError{"the key set has more than " + std::to_string(max_jwks_keys) + " keys"};
  }
  const ErrorsForgotten forget;
  KeySet set;
  for (const json::value& item : list->get_array()) {
    auto key = item.is_object() ? read_key(item.get_object()) : std::nullopt;
    if (key) {
      set.keys.push_back(std::move(*key));
    } else {
      ++set.ignored;
    }
  }
  return set;
}

}  // namespace tallygate::identity
