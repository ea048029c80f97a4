#include "gateway/identity/bearer.hpp"

#include "gateway/identity/tokens.hpp"
#include "tests/gateway/identity/support.hpp"

#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace tallygate::identity {
namespace {

namespace asio = boost::asio;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::good_claims;
using testing::Head;
using testing::key_of;
using testing::now;
using testing::SigningKey;
using testing::token_of;
using testing::wait;

/// A way that every request takes, such as a session, or a client certificate.
class AlwaysThere final : public Authenticator {
 public:
  explicit AlwaysThere(bool session) : session_(session) {}
  [[nodiscard]] bool excludes_bearer() const noexcept override { return session_; }
  [[nodiscard]] std::size_t presents(const http::RequestHead& /*head*/,
                                     const Peer& /*peer*/) const noexcept override {
    return 1;
  }
  [[nodiscard]] std::optional<Outcome> try_authenticate(const http::RequestHead& /*head*/,
                                                        const Peer& /*peer*/, TimePoint /*now*/) override {
    auto identity = std::make_shared<Identity>();
    identity->user = "someone";
    return Outcome{IdentityPtr(std::move(identity))};
  }
  [[nodiscard]] asio::awaitable<Outcome> authenticate(const http::RequestHead& head, const Peer& peer,
                                                      TimePoint when) override {
    co_return *try_authenticate(head, peer, when);
  }

 private:
  bool session_;
};

/// An issuer whose keys are fetched from a document of the test.
struct Site {
  std::string document = testing::all_keys();
  bool down = false;
  int fetches = 0;
  std::shared_ptr<Jwks> keys;
  std::shared_ptr<JwtAuthenticator> jwt;

  explicit Site(std::size_t slots = 1'024) {
    JwksLocation location;
    location.url = "https://ci.example.com/keys";
    keys =
        std::make_shared<Jwks>(location, [this](FetchRequest request) { return fetch(std::move(request)); });
    Issuer issuer;
    issuer.rules.issuer = "https://ci.example.com";
    issuer.rules.audience = {"tallygate"};
    issuer.keys = keys;
    jwt = std::make_shared<JwtAuthenticator>(std::vector<Issuer>{issuer}, slots);
  }
  asio::awaitable<FetchResult> fetch(FetchRequest /*request*/) {
    ++fetches;
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
    if (down) {
      co_return FetchError{"down"};
    }
    co_return Document{document};
  }
  Outcome authenticate(const std::string& token, TimePoint when = now) const {
    Head head;
    head.add("Authorization", "Bearer " + token);
    return wait(jwt->authenticate(head.get(), {}, when));
  }
  std::string code(const std::string& token, TimePoint when = now) const {
    const Outcome outcome = authenticate(token, when);
    return outcome ? "accepted" : std::string(name_of(outcome.error().code));
  }
};

TEST(Bearer, TheSchemeIsFoundInAnyCaseAndOtherSchemesAreNotOurs) {
  const auto find = [](const std::string& value) {
    Head head;
    head.add("Authorization", value);
    const BearerLookup lookup = find_bearer(head.get().fields);
    return std::pair(lookup.count, std::string(lookup.token));
  };
  EXPECT_EQ(find("Bearer abc"), std::pair(std::size_t{1}, std::string("abc")));
  EXPECT_EQ(find("bEARER \t abc"), std::pair(std::size_t{1}, std::string("abc")));
  EXPECT_EQ(find("Bearer"), std::pair(std::size_t{1}, std::string{}));
  EXPECT_EQ(find("Bearerabc").first, 0U);
  EXPECT_EQ(find("Basic abc").first, 0U);
  EXPECT_EQ(find("Bear").first, 0U);
}

TEST(Bearer, AVerifiedTokenIsVerifiedOnceAndFoundAgain) {
  const Site site;
  const std::string token = token_of(key_of(Algorithm::es256), good_claims());
  const Outcome first = site.authenticate(token);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ((*first)->user, "ana");
  const Outcome second = site.authenticate(token);
  EXPECT_EQ(*first, *second) << "the same object";
  EXPECT_EQ(site.jwt->verifications(), 1U);
  EXPECT_EQ(site.jwt->hits(), 1U);
  EXPECT_EQ(site.fetches, 1);
}

TEST(Bearer, ACachedTokenEndsWhenItExpires) {
  const Site site;
  const std::string token = token_of(key_of(Algorithm::eddsa), good_claims());
  EXPECT_EQ(site.code(token), "accepted");
  EXPECT_EQ(site.code(token, now + seconds{600} + clock_leeway - seconds{1}), "accepted");
  EXPECT_EQ(site.code(token, now + seconds{600} + clock_leeway), "token-expired");
}

TEST(Bearer, ATokenThatDiffersInOneCharacterIsNotTheCachedOne) {
  const Site site;
  const std::string token = token_of(key_of(Algorithm::eddsa), good_claims());
  ASSERT_EQ(site.code(token), "accepted");
  for (std::size_t at = 0; at < token.size(); ++at) {
    std::string bad = token;
    bad[at] = bad[at] == 'A' ? 'B' : 'A';
    EXPECT_NE(site.code(bad), "accepted") << "character " << at;
  }
  EXPECT_NE(site.code(token + "A"), "accepted");
}

TEST(Bearer, ACachedTokenDiesWithTheKeyThatSignedIt) {
  Site site;
  const std::string token = token_of(key_of(Algorithm::eddsa), good_claims());
  ASSERT_EQ(site.code(token), "accepted");
  site.document = testing::jwks_of({&key_of(Algorithm::rs256)});
  ASSERT_TRUE(wait(site.keys->refresh(now + minutes{1})));
  EXPECT_EQ(site.code(token, now + minutes{1}), "token-key");
}

TEST(Bearer, AnUnknownKeyIsLookedForOnceAMinuteAndThenRefused) {
  Site site;
  const SigningKey fresh = SigningKey::make(Algorithm::eddsa, "ed-next");
  const std::string token = token_of(fresh, good_claims());
  EXPECT_EQ(site.code(token_of(key_of(Algorithm::eddsa), good_claims())), "accepted");
  EXPECT_EQ(site.fetches, 1);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(site.code(token, now + seconds{30}), "token-key");
  }
  EXPECT_EQ(site.fetches, 1) << "a flood of unknown keys is no flood of fetches";
  site.document = testing::jwks_of({&fresh});
  EXPECT_EQ(site.code(token, now + seconds{60}), "accepted");
  EXPECT_EQ(site.fetches, 2);
}

TEST(Bearer, WithoutKeysNothingIsAccepted) {
  Site site;
  site.down = true;
  EXPECT_EQ(site.code(token_of(key_of(Algorithm::eddsa), good_claims())), "keys-unavailable");
  EXPECT_EQ(status_of(RejectCode::keys_unavailable), 503U);
}

TEST(Bearer, ATokenOfAnIssuerNobodyConfiguredCausesNoFetch) {
  const Site site;
  auto claims = good_claims();
  claims["iss"] = "https://evil.example";
  EXPECT_EQ(site.code(token_of(key_of(Algorithm::eddsa), claims)), "token-issuer");
  EXPECT_EQ(site.fetches, 0);
}

TEST(Bearer, DueKeySetsAreFetchedInTheBackground) {
  const Site site;
  const auto run = [&](TimePoint when) {
    asio::io_context io;
    asio::co_spawn(io, site.jwt->refresh_due(when), asio::detached);
    io.run();
  };
  run(now);
  run(now + minutes{14});
  EXPECT_EQ(site.fetches, 1);
  run(now + minutes{15});
  EXPECT_EQ(site.fetches, 2);
}

TEST(TokenCache, IsBoundedAndForgetsWhatWasUsedLongestAgo) {
  TokenCache cache(1);  // rounded up to one set a shard
  const IdentityPtr identity = anonymous_identity();
  for (int i = 0; i < 20'000; ++i) {
    cache.put("token " + std::to_string(i) + " of many, with a tail that is long enough " +
                  std::to_string(i * 7'919),
              identity, 0, 1, now);
  }
  EXPECT_LE(cache.size(), 64U * TokenCache::ways);
  EXPECT_GT(cache.size(), 64U * TokenCache::ways / 2);
  const std::string last =
      "token 19999 of many, with a tail that is long enough " + std::to_string(19'999 * 7'919);
  EXPECT_EQ(cache.find(last, now).identity, identity);
}

TEST(TokenCache, TokensWithOneTailAreToldApart) {
  TokenCache cache;
  const std::string tail(64, 't');
  IdentityFacts facts;
  facts.method = Method::token;
  facts.user = "one";
  const IdentityPtr one = make_identity(facts);
  facts.user = "two";
  const IdentityPtr two = make_identity(facts);
  cache.put("1" + tail, one, 0, 1, now);
  cache.put("2" + tail, two, 0, 1, now);
  EXPECT_EQ(cache.find("1" + tail, now).identity, one);
  EXPECT_EQ(cache.find("2" + tail, now).identity, two);
  EXPECT_EQ(cache.find("3" + tail, now).identity, nullptr);
  EXPECT_EQ(cache.find("", now).identity, nullptr);
  cache.erase("1" + tail);
  EXPECT_EQ(cache.find("1" + tail, now).identity, nullptr);
  EXPECT_EQ(cache.size(), 1U);
}

TEST(TokenCache, ManyThreadsMayUseItAtOnce) {
  TokenCache cache(64);
  const IdentityPtr identity = anonymous_identity();
  std::atomic<int> wrong{0};
  const auto work = [&](int thread) {
    for (int i = 0; i < 3'000; ++i) {
      const std::string token = "a token that is shared by all threads, number " + std::to_string(i % 100);
      cache.put(token, identity, static_cast<std::uint32_t>(thread), 1, now);
      const auto found = cache.find(token, now);
      wrong += found.identity && found.identity != identity ? 1 : 0;
      if (i % 7 == 0) {
        cache.erase(token);
      }
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back(work, i);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(cache.size(), 64U * TokenCache::ways);
}

TEST(Authenticators, NoCredentialIsAnonymousAndTwoAreRefused) {
  const Site site;
  const std::string service = generate_service_token();
  auto tokens = ServiceTokens::parse(
      "version: 1\ntokens:\n  - {name: ci, sha256: \"" + hash_service_token(service) + "\"}\n", "t.yaml");
  ASSERT_TRUE(tokens);
  const Authenticators ways({site.jwt, std::make_shared<TokenAuthenticator>(*tokens)});
  const auto code = [&](const Head& head) {
    const Outcome outcome = wait(ways.authenticate(head.get(), {}, now));
    return outcome ? (*outcome)->user : std::string(name_of(outcome.error().code));
  };
  const std::string jwt = "Bearer " + token_of(key_of(Algorithm::eddsa), good_claims());
  EXPECT_EQ(code(Head{}), "");
  EXPECT_TRUE((*wait(ways.authenticate(Head{}.get(), {}, now)))->anonymous());
  EXPECT_EQ(code(Head{}.add("Authorization", jwt)), "ana");
  EXPECT_EQ(code(Head{}.add("Authorization", "Bearer " + service)), "ci");
  EXPECT_EQ(code(Head{}.add("Authorization", "Basic eDp5")), "") << "meant for the upstream";
  EXPECT_EQ(code(Head{}.add("Authorization", jwt).add("Authorization", jwt)), "multiple-credentials");
  EXPECT_EQ(code(Head{}.add("Authorization", jwt).add("authorization", "Bearer " + service)),
            "multiple-credentials");
  EXPECT_EQ(code(Head{}.add("Authorization", "Bearer " + service).add("Authorization", jwt)),
            "multiple-credentials");
  EXPECT_EQ(code(Head{}.add("Authorization", "Bearer")), "token-malformed");
  const auto beside = [&](const Head& head, bool session = true) {
    const Authenticators one({std::make_shared<AlwaysThere>(session)});
    const Outcome outcome = wait(one.authenticate(head.get(), {}, now));
    return outcome ? (*outcome)->user : std::string(name_of(outcome.error().code));
  };
  EXPECT_EQ(beside(Head{}.add("Authorization", "Bearer x.y.z")), "multiple-credentials")
      << "nobody here knows it, and it is one more all the same";
  EXPECT_EQ(beside(Head{}.add("Authorization", "Basic eDp5")), "someone");
  EXPECT_EQ(beside(Head{}.add("Authorization", "Bearer x.y.z"), false), "someone") << "the application's own";
  EXPECT_EQ(code(Head{}.add("Authorization", jwt + ", " + jwt)), "token-malformed");
  EXPECT_EQ(status_of(RejectCode::multiple_credentials), 400U);
}

}  // namespace
}  // namespace tallygate::identity
