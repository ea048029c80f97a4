#include "gateway/identity/jwt.hpp"

#include "gateway/identity/encoding.hpp"
#include "tests/gateway/identity/support.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include <random>

namespace tallygate::identity {
namespace {

namespace json = boost::json;
using testing::all_keys;
using testing::good_claims;
using testing::jwks_of;
using testing::key_of;
using testing::now;
using testing::now_s;
using testing::SigningKey;
using testing::token_of;

IssuerRules good_rules() {
  IssuerRules rules;
  rules.issuer = "https://ci.example.com";
  rules.audience = {"tallygate", "also-tallygate"};
  return rules;
}

/// Everything an authenticator does with a token, in its order.
boost::system::result<IdentityFacts, Reject> check(std::string_view text, const IssuerRules& rules,
                                                   const KeySet& keys, TimePoint when = now) {
  auto token = parse_token(text);
  if (!token) {
    return token.error();
  }
  if (auto signature = verify_signature(*token, rules, keys); !signature) {
    return signature.error();
  }
  return verify_claims(*token, rules, when);
}

std::string code_of(std::string_view text, const IssuerRules& rules, const KeySet& keys,
                    TimePoint when = now) {
  const auto facts = check(text, rules, keys, when);
  return facts ? "accepted" : std::string(name_of(facts.error().code));
}

std::string code_of(std::string_view text) {
  static const KeySet keys = *parse_jwks(all_keys());
  return code_of(text, good_rules(), keys);
}

std::string code_of(const json::object& claims) {
  return code_of(token_of(key_of(Algorithm::eddsa), claims));
}

TEST(JwtVector, Rfc7515A2IsAnRs256Signature) {
  const auto keys = parse_jwks(
      R"({"keys":[{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}]})");
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->keys.size(), 1U);
  const std::string input =
      "eyJhbGciOiJSUzI1NiJ9."
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
  const std::string signature =
      "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
      "O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
      "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"
      "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_"
      "IoypGlUPQGe77Rw";
  EXPECT_TRUE(verify(keys->keys[0], input, *base64url_decode(signature)));
  EXPECT_FALSE(verify(keys->keys[0], input + "x", *base64url_decode(signature)));
}

TEST(JwtVector, Rfc7515A3IsAnEs256Signature) {
  const auto keys = parse_jwks(
      R"({"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})");
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->keys.size(), 1U);
  const std::string input =
      "eyJhbGciOiJFUzI1NiJ9."
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
  const auto signature = *base64url_decode(
      "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
  EXPECT_TRUE(verify(keys->keys[0], input, signature));
  EXPECT_FALSE(verify(keys->keys[0], input, signature.substr(0, 63)));
  EXPECT_FALSE(verify(keys->keys[0], input, std::string(64, '\0')));
}

TEST(JwtVector, Rfc8037A4IsAnEd25519Signature) {
  const auto keys = parse_jwks(
      R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})");
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->keys.size(), 1U);
  const std::string input = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
  EXPECT_TRUE(verify(
      keys->keys[0], input,
      *base64url_decode("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_"
                        "MuM0KAg")));
  EXPECT_FALSE(verify(keys->keys[0], input, std::string(64, 'x')));
}

TEST(Jwt, AGoodTokenOfEachAlgorithmNamesThePerson) {
  const KeySet keys = *parse_jwks(all_keys());
  for (const Algorithm algorithm : {Algorithm::rs256, Algorithm::es256, Algorithm::eddsa}) {
    const auto facts = check(token_of(key_of(algorithm), good_claims()), good_rules(), keys);
    ASSERT_TRUE(facts) << facts.error().message;
    EXPECT_EQ(facts->subject, "ana");
    EXPECT_EQ(facts->user, "ana");
    EXPECT_EQ(facts->email, "ana@example.com");
    EXPECT_EQ(facts->groups, (std::vector<std::string>{"staff", "editors"}));
    EXPECT_EQ(facts->issuer, "https://ci.example.com");
    EXPECT_EQ(facts->method, Method::token);
    EXPECT_EQ(facts->credential, Credential::bearer);
    EXPECT_FALSE(facts->claims.contains("exp"));
    EXPECT_TRUE(facts->claims.contains("groups"));
  }
}

TEST(Jwt, AnyChangedCharacterOfATokenMakesItInvalid) {
  const KeySet keys = *parse_jwks(all_keys());
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=%";
  std::mt19937 random(11);
  SCOPED_TRACE("seed 11");
  for (const Algorithm algorithm : {Algorithm::rs256, Algorithm::es256, Algorithm::eddsa}) {
    const std::string good = token_of(key_of(algorithm), good_claims());
    for (std::size_t at = 0; at < good.size(); ++at) {
      std::string bad = good;
      while (bad[at] == good[at]) {
        bad[at] = alphabet[random() % alphabet.size()];
      }
      EXPECT_NE(code_of(bad, good_rules(), keys), "accepted")
          << "character " << at << " of " << name_of(algorithm);
      std::string shorter = good;
      shorter.erase(at, 1);
      EXPECT_NE(code_of(shorter, good_rules(), keys), "accepted") << "character " << at << " taken away";
    }
  }
}

TEST(Jwt, HeadersThatAttackersSendAreRefused) {
  for (const json::object& row : testing::attack_rows("token_headers.jsonl")) {
    // `@x` in a header stands for the real one: the key's own id and algorithm, so that only the attack is
    // wrong.
    const auto algorithm = algorithm_of(row.at("key").as_string().c_str()).value();
    const SigningKey& key = key_of(algorithm);
    std::string header(row.at("header").as_string());
    const std::size_t kid = header.find("@kid");
    if (kid != std::string::npos) {
      header.replace(kid, 4, key.id());
    }
    EXPECT_EQ(code_of(token_of(key, header, json::serialize(good_claims()))), row.at("expect").as_string())
        << json::serialize(row);
  }
}

TEST(Jwt, ClaimsThatAttackersSendAreRefused) {
  for (const json::object& row : testing::attack_rows("token_claims.jsonl")) {
    // The row's members replace those of a good token, as raw text, so that numbers arrive as written; null
    // removes one.
    std::string payload = "{";
    const json::object& change = row.at("claims").as_object();
    const auto add = [&](std::string_view name, std::string_view value) {
      payload += (payload.size() > 1 ? ",\"" : "\"") + std::string(name) + "\":" + std::string(value);
    };
    for (const auto& [name, value] : good_claims()) {
      if (!change.contains(name)) {
        add(name, json::serialize(value));
      }
    }
    for (const auto& [name, value] : change) {
      if (value.is_string()) {
        add(name, value.get_string());
      }
    }
    payload += '}';
    EXPECT_EQ(code_of(token_of(key_of(Algorithm::es256), R"({"alg":"ES256","kid":"p256-1"})", payload)),
              row.at("expect").as_string())
        << json::serialize(row);
  }
}

TEST(Jwt, ShapesThatAreNoCompactJwsAreRefused) {
  const std::string good = token_of(key_of(Algorithm::eddsa), good_claims());
  const std::size_t last = good.rfind('.');
  for (const std::string& bad :
       {std::string{}, std::string("."), std::string(".."), std::string("..."), good.substr(0, last),
        good.substr(0, last + 1), good + ".", "." + good, good + "==", " " + good, good + " ",
        good.substr(0, last) + "=" + good.substr(last), std::string(R"({"payload":"e30"})"),
        std::string(max_token_bytes + 1, 'a')}) {
    EXPECT_EQ(code_of(bad), "token-malformed") << bad;
  }
}

TEST(Jwt, AnHmacWithThePublicKeyAsItsSecretIsNoSignature) {
  // The classic confusion: the verifier takes the RSA modulus for a shared secret.
  const SigningKey& key = key_of(Algorithm::rs256);
  const std::string secret = json::serialize(key.jwk());
  for (const std::string_view alg : {"HS256", "HS384", "HS512"}) {
    const std::string header = R"({"alg":")" + std::string(alg) + R"(","kid":"rsa-1"})";
    const std::string input =
        base64url_encode(header) + '.' + base64url_encode(json::serialize(good_claims()));
    const Digest mac = hmac_sha256({as_bytes(secret), secret.size()}, input);
    EXPECT_EQ(code_of(input + '.' + base64url_encode(as_text(mac))), "token-algorithm");
  }
}

TEST(Jwt, TheAlgorithmIsTheKeysAndTheIssuersNotTheTokens) {
  const KeySet keys = *parse_jwks(all_keys());
  const std::string ed = token_of(key_of(Algorithm::eddsa), good_claims());
  IssuerRules rules = good_rules();
  rules.algorithms = {Algorithm::rs256};
  EXPECT_EQ(code_of(ed, rules, keys), "token-algorithm");
  const std::string mixed =
      token_of(key_of(Algorithm::eddsa), R"({"alg":"EdDSA","kid":"rsa-1"})", json::serialize(good_claims()));
  EXPECT_EQ(code_of(mixed, good_rules(), keys), "token-algorithm");
}

TEST(Jwt, ATokenThatNamesNoKeyFitsOnlyIfThereIsOneOfItsAlgorithm) {
  const SigningKey second = SigningKey::make(Algorithm::eddsa, "ed-2");
  const std::string token =
      token_of(key_of(Algorithm::eddsa), R"({"alg":"EdDSA"})", json::serialize(good_claims()));
  EXPECT_EQ(code_of(token, good_rules(), *parse_jwks(all_keys())), "accepted");
  EXPECT_EQ(code_of(token, good_rules(), *parse_jwks(jwks_of({&key_of(Algorithm::eddsa), &second}))),
            "token-key");
  EXPECT_EQ(code_of(token_of(second, good_claims()), good_rules(), *parse_jwks(all_keys())), "token-key");
}

TEST(Jwt, TwoKeysOfOneIdAreBothTried) {
  const SigningKey other = SigningKey::make(Algorithm::eddsa, "ed-1");
  const KeySet keys = *parse_jwks(jwks_of({&other, &key_of(Algorithm::eddsa)}));
  EXPECT_EQ(code_of(token_of(key_of(Algorithm::eddsa), good_claims()), good_rules(), keys), "accepted");
}

TEST(Jwt, TimesHoldToTheSecondWithTheLeeway) {
  const KeySet keys = *parse_jwks(all_keys());
  const std::string token = token_of(key_of(Algorithm::eddsa), good_claims());
  const auto at = [&](std::int64_t seconds) {
    return code_of(token, good_rules(), keys, TimePoint{std::chrono::seconds{seconds}});
  };
  const std::int64_t leeway_s = clock_leeway.count();
  ASSERT_LE(leeway_s, 60);
  EXPECT_EQ(at(now_s + 600 + leeway_s - 1), "accepted");
  EXPECT_EQ(at(now_s + 600 + leeway_s), "token-expired");
  EXPECT_EQ(at(now_s - 60 - leeway_s), "accepted");
  EXPECT_EQ(at(now_s - 60 - leeway_s - 1), "token-not-yet-valid");
  EXPECT_EQ(at(0), "token-not-yet-valid");
}

TEST(Jwt, GroupsAndUserComeFromTheConfiguredClaims) {
  const KeySet keys = *parse_jwks(all_keys());
  json::object claims = good_claims();
  claims["realm_access"] = json::object{{"roles", json::array{"a", "b"}}};
  claims["preferred_username"] = "ana.b";
  IssuerRules rules = good_rules();
  rules.groups_claim = "realm_access.roles";
  rules.user_claim = "preferred_username";
  const auto facts = check(token_of(key_of(Algorithm::eddsa), claims), rules, keys);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->groups, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(facts->user, "ana.b");
  EXPECT_EQ(facts->subject, "ana");
  claims.erase("preferred_username");
  EXPECT_EQ(code_of(token_of(key_of(Algorithm::eddsa), claims), rules, keys), "token-claims");
}

TEST(Jwt, AnAddressThatIsNoneOrIsDoubtedIsNotKept) {
  for (const json::value& email :
       {json::value("a@b@c"), json::value("@b"), json::value("a@"), json::value("a b@c"), json::value(7)}) {
    json::object claims = good_claims();
    claims["email"] = email;
    const auto facts =
        check(token_of(key_of(Algorithm::eddsa), claims), good_rules(), *parse_jwks(all_keys()));
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->email, "") << json::serialize(email);
  }
  json::object claims = good_claims();
  claims["email_verified"] = false;
  const auto facts = check(token_of(key_of(Algorithm::eddsa), claims), good_rules(), *parse_jwks(all_keys()));
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->email, "");
}

TEST(Jwt, ASecondFactorIsKnownOnlyWhereTheTokenShowsIt) {
  const auto mfa = [](json::array methods) {
    json::object claims = good_claims();
    claims["auth_time"] = now_s - 90;
    claims["amr"] = std::move(methods);
    const auto facts =
        check(token_of(key_of(Algorithm::eddsa), claims), good_rules(), *parse_jwks(all_keys()));
    EXPECT_TRUE(facts && facts->auth_time == now - std::chrono::seconds{90});
    return facts && facts->mfa_time.has_value();
  };
  EXPECT_TRUE(mfa({"mfa"}));
  EXPECT_TRUE(mfa({"pwd", "otp"}));
  EXPECT_FALSE(mfa({"pwd"}));
  EXPECT_FALSE(mfa({"otp"}));
  EXPECT_FALSE(mfa({"pwd", "pin"}));
  EXPECT_FALSE(mfa({}));
}

TEST(Jwt, NestedAndLargeClaimsAreBounded) {
  json::object claims = good_claims();
  claims["big"] = std::string(max_token_bytes, 'x');
  EXPECT_EQ(code_of(claims), "token-malformed");
  claims = good_claims();
  claims["groups"] = json::array(max_token_groups + 1, json::value("g"));
  EXPECT_EQ(code_of(claims), "token-claims");
  std::string deep = "1";
  for (int i = 0; i < 20; ++i) {
    deep = '[' + deep + ']';
  }
  claims = good_claims();
  const std::string payload = json::serialize(claims).insert(1, "\"deep\":" + deep + ',');
  EXPECT_EQ(code_of(token_of(key_of(Algorithm::eddsa), R"({"alg":"EdDSA","kid":"ed-1"})", payload)),
            "token-malformed");
}

}  // namespace
}  // namespace tallygate::identity
