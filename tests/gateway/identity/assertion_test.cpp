#include "gateway/identity/assertion.hpp"

#include "gateway/identity/encoding.hpp"
#include "gateway/identity/jwt.hpp"
#include "tests/gateway/identity/support.hpp"

#include <gtest/gtest.h>
#include <openssl/pem.h>

namespace tallygate::identity {
namespace {

using std::chrono::seconds;
using testing::now;
using testing::now_s;

IdentityPtr ana(std::optional<TimePoint> expires = std::nullopt) {
  IdentityFacts facts;
  facts.method = Method::local;
  facts.subject = "ana";
  facts.user = "ana";
  facts.groups = {"staff"};
  facts.expires = expires;
  return make_identity(facts);
}

boost::json::object claims_of(const std::string& text, const std::string& jwks) {
  const auto token = parse_token(text);
  EXPECT_TRUE(token);
  EXPECT_TRUE(verify_signature(*token, {}, *parse_jwks(jwks)));
  return token->payload;
}

TEST(Assertions, SayWhoAsksForWhichRouteAndForHowLong) {
  Assertions assertions(AssertionKey::generate(), "https://gw.example.com");
  const auto claims = claims_of(*assertions.get(ana(), "wiki", now), assertions.jwks());
  EXPECT_EQ(claims.at("iss").as_string(), "https://gw.example.com");
  EXPECT_EQ(claims.at("aud").as_string(), "wiki");
  EXPECT_EQ(claims.at("sub").as_string(), "ana");
  EXPECT_EQ(claims.at("iat").as_int64(), now_s);
  EXPECT_EQ(claims.at("nbf").as_int64(), now_s);
  EXPECT_EQ(claims.at("exp").as_int64(), now_s + 300);
  EXPECT_EQ(claims.at("method").as_string(), "local");
  EXPECT_EQ(claims.at("jti").as_string().size(), 22U);
  EXPECT_FALSE(claims.contains("email"));
}

TEST(Assertions, AreUsedAgainForAMinuteByOnePersonOnOneRoute) {
  Assertions assertions(AssertionKey::generate(), "gw");
  const IdentityPtr one = ana();
  const IdentityPtr other = ana();
  const auto first = assertions.get(one, "wiki", now);
  EXPECT_EQ(assertions.get(one, "wiki", now + seconds{59}), first);
  EXPECT_NE(*assertions.get(one, "wiki", now + seconds{60}), *first);
  EXPECT_NE(*assertions.get(one, "shop", now), *first);
  EXPECT_NE(*assertions.get(other, "wiki", now), *first);
  EXPECT_NE(*assertions.get(one, "wiki", now - seconds{1}), *first) << "never one from the future";
  EXPECT_EQ(assertions.get(anonymous_identity(), "wiki", now), nullptr);
}

TEST(Assertions, NeverOutliveTheIdentity) {
  Assertions assertions(AssertionKey::generate(), "gw");
  const IdentityPtr who = ana(now + seconds{20});
  const auto claims = claims_of(*assertions.get(who, "wiki", now), assertions.jwks());
  EXPECT_EQ(claims.at("exp").as_int64(), now_s + 20);
}

TEST(Assertions, AreBounded) {
  Assertions assertions(AssertionKey::generate(), "gw", {}, 1);
  const IdentityPtr who = ana();
  for (int i = 0; i < 600; ++i) {
    ASSERT_NE(assertions.get(who, "route" + std::to_string(i), now), nullptr);
  }
  EXPECT_LE(who.use_count(), 1 + 64 * 8);
}

TEST(AssertionKeys, OnlyAP256KeyInPemIsAccepted) {
  const auto pem_of = [](EVP_PKEY* key) {
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
    char* data = nullptr;
    const auto size = BIO_get_mem_data(bio, &data);
    std::string text(data, static_cast<std::size_t>(size));
    BIO_free(bio);
    return text;
  };
  const auto good = AssertionKey::from_pem(pem_of(testing::key_of(Algorithm::es256).key()));
  ASSERT_TRUE(good);
  EXPECT_TRUE(parse_jwks("{\"keys\":[" + good->jwk() + "]}"));
  EXPECT_FALSE(AssertionKey::from_pem(pem_of(testing::key_of(Algorithm::rs256).key())));
  EXPECT_FALSE(AssertionKey::from_pem(pem_of(testing::key_of(Algorithm::eddsa).key())));
  const OpensslPointer<EVP_PKEY> p384(EVP_EC_gen("P-384"));
  EXPECT_FALSE(AssertionKey::from_pem(pem_of(p384.get())));
  EXPECT_FALSE(AssertionKey::from_pem("not a key"));
  EXPECT_FALSE(AssertionKey::from_pem(""));
}

}  // namespace
}  // namespace tallygate::identity
