#include "tests/gateway/identity/support.hpp"

#include "gateway/identity/encoding.hpp"

#include <boost/beast/http/field.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include <cstdlib>
#include <fstream>

namespace tallygate::identity::testing {
namespace {

namespace json = boost::json;

constexpr std::size_t coordinate_bytes = 32;
constexpr unsigned rsa_bits = 2'048;

std::string number(const EVP_PKEY* key, const char* name, int size) {
  BIGNUM* raw = nullptr;
  EVP_PKEY_get_bn_param(key, name, &raw);
  const OpensslPointer<BIGNUM> value(raw);
  std::string bytes(static_cast<std::size_t>(size > 0 ? size : BN_num_bytes(raw)), '\0');
  BN_bn2binpad(raw, reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  return base64url_encode(bytes);
}

}  // namespace

SigningKey SigningKey::make(Algorithm algorithm, std::string id) {
  SigningKey key;
  key.algorithm_ = algorithm;
  key.id_ = std::move(id);
  EVP_PKEY* made = algorithm == Algorithm::rs256   ? EVP_RSA_gen(rsa_bits)
                   : algorithm == Algorithm::es256 ? EVP_EC_gen("prime256v1")
                                                   : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  key.key_ = {made, OpensslFree{}};
  return key;
}

std::string SigningKey::sign(std::string_view input) const {
  const OpensslPointer<EVP_MD_CTX> context(EVP_MD_CTX_new());
  std::string out(1'024, '\0');
  std::size_t size = out.size();
  const EVP_MD* hash = algorithm_ == Algorithm::eddsa ? nullptr : EVP_sha256();
  EXPECT_EQ(EVP_DigestSignInit(context.get(), nullptr, hash, nullptr, key_.get()), 1);
  EXPECT_EQ(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                           as_bytes(input), input.size()),
            1);
  out.resize(size);
  if (algorithm_ != Algorithm::es256) {
    return out;
  }
  const unsigned char* at = as_bytes(out);
  const OpensslPointer<ECDSA_SIG> parts(d2i_ECDSA_SIG(nullptr, &at, static_cast<std::int64_t>(size)));
  std::string raw(2 * coordinate_bytes, '\0');
  auto* bytes = reinterpret_cast<unsigned char*>(raw.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(parts.get()), bytes, coordinate_bytes);
  BN_bn2binpad(ECDSA_SIG_get0_s(parts.get()), bytes + coordinate_bytes, coordinate_bytes);
  return raw;
}

json::object SigningKey::jwk() const {
  json::object jwk{{"kid", id_}, {"use", "sig"}, {"alg", std::string(name_of(algorithm_))}};
  switch (algorithm_) {
    case Algorithm::rs256:
      jwk["kty"] = "RSA";
      jwk["n"] = number(key(), OSSL_PKEY_PARAM_RSA_N, 0);
      jwk["e"] = number(key(), OSSL_PKEY_PARAM_RSA_E, 0);
      break;
    case Algorithm::es256:
      jwk["kty"] = "EC";
      jwk["crv"] = "P-256";
      jwk["x"] = number(key(), OSSL_PKEY_PARAM_EC_PUB_X, coordinate_bytes);
      jwk["y"] = number(key(), OSSL_PKEY_PARAM_EC_PUB_Y, coordinate_bytes);
      break;
    case Algorithm::eddsa: {
      std::string raw(coordinate_bytes, '\0');
      std::size_t size = raw.size();
      EVP_PKEY_get_raw_public_key(key(), reinterpret_cast<unsigned char*>(raw.data()), &size);
      jwk["kty"] = "OKP";
      jwk["crv"] = "Ed25519";
      jwk["x"] = base64url_encode(raw);
      break;
    }
  }
  return jwk;
}

const SigningKey& key_of(Algorithm algorithm) {
  static const SigningKey rsa = SigningKey::make(Algorithm::rs256, "rsa-1");
  static const SigningKey p256 = SigningKey::make(Algorithm::es256, "p256-1");
  static const SigningKey ed25519 = SigningKey::make(Algorithm::eddsa, "ed-1");
  return algorithm == Algorithm::rs256 ? rsa : algorithm == Algorithm::es256 ? p256 : ed25519;
}

std::string jwks_of(std::initializer_list<const SigningKey*> keys) {
  json::array list;
  for (const SigningKey* key : keys) {
    list.push_back(key->jwk());
  }
  return json::serialize(json::object{{"keys", list}});
}

std::string all_keys() {
  return jwks_of({&key_of(Algorithm::rs256), &key_of(Algorithm::es256), &key_of(Algorithm::eddsa)});
}

json::object good_claims() {
  return {{"iss", "https://ci.example.com"},
          {"aud", "tallygate"},
          {"sub", "ana"},
          {"email", "ana@example.com"},
          {"nbf", now_s - 60},
          {"exp", now_s + 600},
          {"groups", json::array{"staff", "editors"}}};
}

std::string token_of(const SigningKey& key, std::string_view header, std::string_view payload) {
  const std::string input = base64url_encode(header) + '.' + base64url_encode(payload);
  return input + '.' + base64url_encode(key.sign(input));
}

std::string token_of(const SigningKey& key, const json::object& claims) {
  const json::object header{
      {"alg", std::string(name_of(key.algorithm()))}, {"kid", key.id()}, {"typ", "JWT"}};
  return token_of(key, json::serialize(header), json::serialize(claims));
}

Head::Head(std::string method, std::string target) {
  head_.method = texts_.emplace_back(std::move(method));
  head_.target = texts_.emplace_back(std::move(target));
}

Head& Head::add(std::string name, std::string value) {
  const std::string_view kept_name = texts_.emplace_back(std::move(name));
  const std::string_view kept_value = texts_.emplace_back(std::move(value));
  head_.fields.add(
      {kept_name, kept_value,
       boost::beast::http::string_to_field(boost::beast::string_view(kept_name.data(), kept_name.size()))});
  return *this;
}

TempDir::TempDir() {
  std::string pattern = (std::filesystem::temp_directory_path() / "tallygate-identity-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    throw std::runtime_error("no temporary folder");
  }
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path TempDir::write(const std::string& name, std::string_view text) const {
  const std::filesystem::path file = path_ / name;
  std::ofstream(file, std::ios::binary) << text;
  return file;
}

std::vector<json::object> attack_rows(const std::string& name) {
  std::ifstream file(std::string(TALLYGATE_SOURCE_DIR "/tests/attack/identity/") + name);
  std::vector<json::object> rows;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) {
      rows.push_back(json::parse(line).as_object());
    }
  }
  EXPECT_FALSE(rows.empty()) << name << " has no rows";
  return rows;
}

}  // namespace tallygate::identity::testing
