/// Held against librhonabwy, an implementation of JOSE by others over another cryptographic library (GnuTLS,
/// nettle): what one signs the other must accept, and what one refuses the other must not accept.
#include "gateway/identity/assertion.hpp"
#include "gateway/identity/encoding.hpp"
#include "gateway/identity/jwt.hpp"
#include "tests/gateway/identity/support.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <rhonabwy.h>

#include <random>

namespace tallygate::identity {
namespace {

namespace json = boost::json;
using testing::good_claims;
using testing::key_of;
using testing::now;
using testing::SigningKey;
using testing::token_of;

constexpr Algorithm all_algorithms[] = {Algorithm::rs256, Algorithm::es256, Algorithm::eddsa};

struct OracleFree {
  void operator()(jwk_t* p) const { r_jwk_free(p); }
  void operator()(jwt_t* p) const { r_jwt_free(p); }
};
using OracleKey = std::unique_ptr<jwk_t, OracleFree>;
using OracleToken = std::unique_ptr<jwt_t, OracleFree>;

OracleKey oracle_key(const std::string& jwk) {
  jwk_t* key = nullptr;
  EXPECT_EQ(r_jwk_init(&key), RHN_OK);
  EXPECT_EQ(r_jwk_import_from_json_str(key, jwk.c_str()), RHN_OK) << jwk;
  return OracleKey(key);
}

OracleKey oracle_private_key(const SigningKey& key) {
  BIO* bio = BIO_new(BIO_s_mem());
  EXPECT_EQ(PEM_write_bio_PrivateKey(bio, key.key(), nullptr, nullptr, 0, nullptr, nullptr), 1);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  jwk_t* imported = nullptr;
  EXPECT_EQ(r_jwk_init(&imported), RHN_OK);
  EXPECT_EQ(
      r_jwk_import_from_pem_der(imported, R_X509_TYPE_PRIVKEY, R_FORMAT_PEM,
                                reinterpret_cast<const unsigned char*>(data), static_cast<std::size_t>(size)),
      RHN_OK);
  BIO_free(bio);
  EXPECT_EQ(r_jwk_set_property_str(imported, "kid", key.id().c_str()), RHN_OK);
  return OracleKey(imported);
}

jwa_alg oracle_algorithm(Algorithm algorithm) {
  return algorithm == Algorithm::rs256   ? R_JWA_ALG_RS256
         : algorithm == Algorithm::es256 ? R_JWA_ALG_ES256
                                         : R_JWA_ALG_EDDSA;
}

bool oracle_accepts(const std::string& token, const std::string& jwk) {
  jwt_t* raw = nullptr;
  EXPECT_EQ(r_jwt_init(&raw), RHN_OK);
  const OracleToken parsed(raw);
  const OracleKey key = oracle_key(jwk);
  return r_jwt_parse(raw, token.c_str(), 0) == RHN_OK && r_jwt_verify_signature(raw, key.get(), 0) == RHN_OK;
}

bool we_accept(const std::string& token, const KeySet& keys) {
  const auto parsed = parse_token(token);
  IssuerRules rules;
  rules.issuer = "https://ci.example.com";
  rules.audience = {"tallygate"};
  return parsed && verify_signature(*parsed, rules, keys) && verify_claims(*parsed, rules, now);
}

TEST(JwtOracle, WhatTheOtherImplementationSignsIsAccepted) {
  for (const Algorithm algorithm : all_algorithms) {
    const SigningKey& key = key_of(algorithm);
    const OracleKey signing = oracle_private_key(key);
    jwt_t* raw = nullptr;
    ASSERT_EQ(r_jwt_init(&raw), RHN_OK);
    const OracleToken token(raw);
    ASSERT_EQ(r_jwt_set_full_claims_json_str(raw, json::serialize(good_claims()).c_str()), RHN_OK);
    ASSERT_EQ(r_jwt_set_header_str_value(raw, "kid", key.id().c_str()), RHN_OK);
    ASSERT_EQ(r_jwt_set_sign_alg(raw, oracle_algorithm(algorithm)), RHN_OK);
    char* text = r_jwt_serialize_signed(raw, signing.get(), 0);
    ASSERT_NE(text, nullptr) << name_of(algorithm);
    EXPECT_TRUE(we_accept(text, *parse_jwks(testing::all_keys()))) << text;
    r_free(text);
  }
}

TEST(JwtOracle, WhatTheTestsSignTheOtherImplementationAccepts) {
  for (const Algorithm algorithm : all_algorithms) {
    const SigningKey& key = key_of(algorithm);
    EXPECT_TRUE(oracle_accepts(token_of(key, good_claims()), json::serialize(key.jwk())))
        << name_of(algorithm);
  }
}

TEST(JwtOracle, NothingTheOtherImplementationRefusesIsAccepted) {
  constexpr unsigned seed = 23;
  SCOPED_TRACE("seed 23");
  std::mt19937 random(seed);
  const KeySet keys = *parse_jwks(testing::all_keys());
  for (const Algorithm algorithm : all_algorithms) {
    const SigningKey& key = key_of(algorithm);
    const std::string jwk = json::serialize(key.jwk());
    const std::string good = token_of(key, good_claims());
    int refused = 0;
    for (int round = 0; round < 150; ++round) {
      std::string bad = good;
      const std::size_t at = random() % bad.size();
      bad[at] = static_cast<char>(bad[at] ^ static_cast<char>(1U << (random() % 7)));
      if (bad.find('\0') != std::string::npos) {
        continue;
      }
      const bool theirs = oracle_accepts(bad, jwk);
      refused += theirs ? 0 : 1;
      EXPECT_FALSE(we_accept(bad, keys)) << bad;
    }
    EXPECT_GT(refused, 100) << "the oracle accepts almost anything: not an oracle";
  }
}

TEST(AssertionOracle, TheOtherImplementationVerifiesAnAssertionByThePublishedKeySet) {
  Assertions assertions(AssertionKey::generate(), "tallygate", {AssertionKey::generate()});
  IdentityFacts facts;
  facts.method = Method::local;
  facts.subject = "ana";
  facts.user = "ana";
  facts.email = "ana@example.com";
  facts.groups = {"staff",
                  "\xC3\xA9"
                  "diteurs"};
  const auto text = assertions.get(make_identity(facts), "wiki", now);
  ASSERT_NE(text, nullptr);
  jwks_t* raw_set = nullptr;
  ASSERT_EQ(r_jwks_init(&raw_set), RHN_OK);
  ASSERT_EQ(r_jwks_import_from_json_str(raw_set, assertions.jwks().c_str()), RHN_OK);
  ASSERT_EQ(r_jwks_size(raw_set), 2U);
  jwt_t* raw = nullptr;
  ASSERT_EQ(r_jwt_init(&raw), RHN_OK);
  const OracleToken token(raw);
  ASSERT_EQ(r_jwt_parse(raw, text->c_str(), 0), RHN_OK);
  jwk_t* key = r_jwks_get_by_kid(raw_set, r_jwt_get_header_str_value(raw, "kid"));
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(r_jwt_verify_signature(raw, key, 0), RHN_OK);
  EXPECT_STREQ(r_jwt_get_claim_str_value(raw, "aud"), "wiki");
  EXPECT_STREQ(r_jwt_get_claim_str_value(raw, "iss"), "tallygate");
  EXPECT_STREQ(r_jwt_get_claim_str_value(raw, "sub"), "ana");
  char* thumbprint = r_jwk_thumbprint(key, R_JWK_THUMB_SHA256, 0);
  ASSERT_NE(thumbprint, nullptr);
  EXPECT_STREQ(thumbprint, r_jwt_get_header_str_value(raw, "kid")) << "the key id is the RFC 7638 thumbprint";
  r_free(thumbprint);
  r_jwk_free(key);
  r_jwks_free(raw_set);
}

}  // namespace
}  // namespace tallygate::identity
