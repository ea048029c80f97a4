#include "gateway/identity/jwks.hpp"

#include "tests/gateway/identity/support.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

namespace tallygate::identity {
namespace {

namespace asio = boost::asio;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::key_of;
using testing::now;
using testing::wait;

TEST(JwksDocument, KeysThatCannotBeUsedAreIgnoredAndCounted) {
  const auto set = parse_jwks(R"({"extra":1,"keys":[
      {"kty":"oct","k":"c2VjcmV0"},
      {"kty":"RSA","n":"AQAB","e":"AQAB"},
      {"kty":"EC","crv":"P-384","x":"AA","y":"AA"},
      {"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
      {"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
      {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","use":"enc"},
      {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","alg":"RS256"},
      {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","key_ops":["sign"]},
      {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":7},
      "text", 7, null,
      {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"good","key_ops":["verify"]}]})");
  ASSERT_TRUE(set) << set.error().message;
  ASSERT_EQ(set->keys.size(), 1U);
  EXPECT_EQ(set->keys[0].id, "good");
  EXPECT_EQ(set->ignored, 12U);
}

TEST(JwksDocument, WhatIsNoKeySetIsAnError) {
  for (const std::string& text :
       {std::string{}, std::string("[]"), std::string("{}"), std::string(R"({"keys":{}})"),
        std::string(R"({"keys":[],"keys":[]})"), std::string("<html>"),
        R"({"keys":[)" + std::string(max_jwks_bytes, ' ') + "]}"}) {
    EXPECT_FALSE(parse_jwks(text));
  }
  std::string many = R"({"keys":[1)";
  for (std::size_t i = 0; i < max_jwks_keys; ++i) {
    many += ",1";
  }
  EXPECT_FALSE(parse_jwks(many + "]}"));
}

/// An issuer that answers what it is told to, and counts.
struct FakeIssuer {
  std::string document = testing::all_keys();
  bool down = false;
  int fetches = 0;

  FetchFunction function() {
    return [this](FetchRequest request) { return fetch(std::move(request)); };
  }
  asio::awaitable<FetchResult> fetch(FetchRequest request) {
    ++fetches;
    // Let everybody else run, so that who joins does.
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
    if (down) {
      co_return FetchError{request.url + ": down"};
    }
    co_return Document{document};
  }
};

JwksLocation remote() {
  JwksLocation location;
  location.url = "https://ci.example.com/keys";
  return location;
}

asio::awaitable<void> refresh_into(Jwks& jwks, TimePoint when, int& succeeded) {
  succeeded += co_await jwks.refresh(when) ? 1 : 0;
}

TEST(Jwks, ConcurrentRefreshesBecomeOneFetch) {
  FakeIssuer issuer;
  Jwks jwks(remote(), issuer.function());
  asio::io_context io;
  int succeeded = 0;
  for (int i = 0; i < 20; ++i) {
    asio::co_spawn(io, refresh_into(jwks, now, succeeded), asio::detached);
  }
  io.run();
  EXPECT_EQ(issuer.fetches, 1);
  EXPECT_EQ(succeeded, 20);
  EXPECT_NE(jwks.current(now), nullptr);
}

TEST(Jwks, WhoJoinsAFetchOnAnotherThreadIsWoken) {
  FakeIssuer issuer;
  Jwks jwks(remote(), issuer.function());
  asio::io_context first;
  asio::io_context second;
  int one = 0;
  int two = 0;
  asio::co_spawn(first, refresh_into(jwks, now, one), asio::detached);
  first.run_one();  // the fetch has begun
  asio::co_spawn(second, refresh_into(jwks, now, two), asio::detached);
  second.run_one();  // and been joined
  first.run();
  second.run();
  EXPECT_EQ(issuer.fetches, 1);
  EXPECT_EQ(one, 1);
  EXPECT_EQ(two, 1);
}

TEST(Jwks, AnUnknownKeyRefetchesAtMostOnceAMinute) {
  FakeIssuer issuer;
  Jwks jwks(remote(), issuer.function());
  EXPECT_TRUE(jwks.may_refetch(now));
  EXPECT_TRUE(wait(jwks.refresh(now)));
  EXPECT_FALSE(jwks.may_refetch(now + seconds{59}));
  EXPECT_TRUE(wait(jwks.refresh(now + seconds{59})));
  EXPECT_EQ(issuer.fetches, 1) << "not fetched again, whoever asks";
  EXPECT_TRUE(jwks.may_refetch(now + seconds{60}));
  EXPECT_TRUE(wait(jwks.refresh(now + seconds{60})));
  EXPECT_EQ(issuer.fetches, 2);
}

TEST(Jwks, WithoutAnySetTheNextAttemptComesSooner) {
  FakeIssuer issuer;
  issuer.down = true;
  Jwks jwks(remote(), issuer.function());
  EXPECT_FALSE(wait(jwks.refresh(now)));
  EXPECT_EQ(jwks.current(now), nullptr);
  EXPECT_EQ(jwks.last_error(), "https://ci.example.com/keys: down");
  EXPECT_FALSE(jwks.may_refetch(now + seconds{4}));
  EXPECT_TRUE(jwks.may_refetch(now + seconds{5}));
}

TEST(Jwks, TheGenerationChangesWithTheKeysAndOnlyThen) {
  FakeIssuer issuer;
  Jwks jwks(remote(), issuer.function());
  EXPECT_TRUE(wait(jwks.refresh(now)));
  const auto first = jwks.generation();
  EXPECT_TRUE(wait(jwks.refresh(now + minutes{15})));
  EXPECT_EQ(jwks.generation(), first);
  issuer.document = testing::jwks_of({&key_of(Algorithm::es256)});
  EXPECT_TRUE(wait(jwks.refresh(now + minutes{30})));
  EXPECT_NE(jwks.generation(), first);
  EXPECT_EQ(jwks.current(now)->keys.size(), 1U);
}

TEST(Jwks, AnUnusableAnswerKeepsTheOldKeysForADayAndNoLonger) {
  FakeIssuer issuer;
  Jwks jwks(remote(), issuer.function());
  EXPECT_TRUE(wait(jwks.refresh(now)));
  const auto generation = jwks.generation();
  issuer.document = "<html>maintenance</html>";
  EXPECT_TRUE(jwks.is_due(now + minutes{15}));
  EXPECT_FALSE(wait(jwks.refresh(now + minutes{15})));
  EXPECT_NE(jwks.current(now + minutes{15}), nullptr);
  EXPECT_EQ(jwks.generation(), generation);
  EXPECT_NE(jwks.current(now + hours{24}), nullptr);
  EXPECT_EQ(jwks.current(now + hours{24} + seconds{1}), nullptr);
  EXPECT_FALSE(wait(jwks.refresh(now + hours{24} + seconds{1})));
  EXPECT_NE(jwks.generation(), generation) << "what was verified with those keys is not believed any more";
}

TEST(Jwks, AFileIsReadAtOnceAndAgainWhenItChanges) {
  const testing::TempDir folder;
  JwksLocation location;
  location.file = folder.write("keys.json", testing::jwks_of({&key_of(Algorithm::rs256)}));
  Jwks jwks(location);
  ASSERT_TRUE(jwks.load_file(now));
  EXPECT_EQ(jwks.current(now)->keys.size(), 1U);
  const auto generation = jwks.generation();
  static_cast<void>(folder.write("keys.json", testing::all_keys()));
  EXPECT_TRUE(wait(jwks.refresh(now + minutes{1})));
  EXPECT_EQ(jwks.current(now)->keys.size(), 3U);
  EXPECT_NE(jwks.generation(), generation);
  EXPECT_NE(jwks.current(now + hours{1'000}), nullptr) << "a file has no issuer that could be down";
}

TEST(Jwks, AnUnusableFileIsAnErrorThatNamesIt) {
  const testing::TempDir folder;
  JwksLocation location;
  location.file = folder.path() / "missing.json";
  const auto missing = Jwks(location).load_file(now);
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("missing.json"), std::string::npos);
  location.file = folder.write("bad.json", "{");
  const auto bad = Jwks(location).load_file(now);
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().message.find("bad.json"), std::string::npos);
}

}  // namespace
}  // namespace tallygate::identity
