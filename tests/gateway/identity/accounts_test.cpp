#include "gateway/identity/limiter.hpp"
#include "gateway/identity/password_login.hpp"
#include "gateway/identity/tokens.hpp"
#include "gateway/identity/users.hpp"
#include "tests/gateway/identity/support.hpp"

#include <boost/asio/detached.hpp>
#include <gtest/gtest.h>

#include <set>

namespace tallygate::identity {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::now;
using testing::wait;

constexpr ScryptCost cheap{1'024, 8, 1};

TEST(ServiceTokens, AreLongRandomAndRecognisable) {
  const std::string token = generate_service_token();
  EXPECT_TRUE(is_service_token(token)) << token;
  EXPECT_NE(token, generate_service_token());
  for (const std::string& other :
       {std::string{}, std::string("tg_"), token + "a", token.substr(1), "TG_" + token.substr(3),
        token.substr(0, 45) + "=", token.substr(0, 45) + " "}) {
    EXPECT_FALSE(is_service_token(other)) << other;
  }
  EXPECT_EQ(hash_service_token("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(ServiceTokens, AreFoundByTheirHashUntilTheyExpire) {
  const std::string ci = generate_service_token();
  const std::string bot = generate_service_token();
  const auto tokens = ServiceTokens::parse(
      "version: 1\ntokens:\n"
      "  - {name: ci, sha256: \"" +
          hash_service_token(ci) +
          "\", groups: [deploy], email: ci@example.com, expires: \"2026-03-04T10:00:01Z\"}\n"
          "  - {name: bot, sha256: \"" +
          hash_service_token(bot) + "\"}\n",
      "tokens.yaml");
  ASSERT_TRUE(tokens) << policy::yaml::to_string(tokens.error());
  const Outcome found = (*tokens)->find(ci, now);
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)->user, "ci");
  EXPECT_EQ((*found)->groups, std::vector<std::string>{"deploy"});
  EXPECT_EQ((*found)->method, Method::token);
  EXPECT_EQ((*tokens)->find(ci, now + seconds{1}).error().code, RejectCode::token_expired);
  EXPECT_TRUE((*tokens)->find(bot, now + seconds{1}));
  EXPECT_EQ((*tokens)->find(generate_service_token(), now).error().code, RejectCode::token_unknown);
  EXPECT_EQ((*tokens)->find("tg_short", now).error().code, RejectCode::token_malformed);
  EXPECT_EQ((*tokens)->find(hash_service_token(ci), now).error().code, RejectCode::token_malformed)
      << "the hash is no token";
}

TEST(ServiceTokens, EveryMistakeInTheFileIsNamedWithItsPlace) {
  const std::string good(64, 'a');
  const auto tokens = ServiceTokens::parse(
      "version: 2\n"
      "tokens:\n"
      "  - {name: ci, sha256: \"abc\"}\n"
      "  - {name: \"a b\", sha256: \"" +
          good +
          "\"}\n"
          "  - {name: bot, sha256: \"" +
          good +
          "\", email: nobody, expires: soon}\n"
          "  - {name: bot, sha257: x}\n"
          "more: 1\n",
      "tokens.yaml");
  ASSERT_FALSE(tokens);
  const std::string text = policy::yaml::to_string(tokens.error());
  for (const std::string_view part :
       {"tokens.yaml:1:10: ", "tokens.yaml:3:", "64 hex digits", "tokens.yaml:4:", "tokens.yaml:5:",
        "exactly one '@'", "tokens.yaml:6:", "sha256", "already a token named 'bot'", "tokens.yaml:7:"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  }
}

TEST(Passwords, ScryptGivesTheKnownAnswerOfRfc7914) {
  // Section 12: password "pleaseletmein", salt "SodiumChloride", N = 16384, r = 8, p = 1.
  const auto stored = parse_password_hash(
      "scrypt$16384$8$1$U29kaXVtQ2hsb3JpZGU=$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLV"
      "QylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw==");
  ASSERT_TRUE(stored);
  EXPECT_TRUE(verify_password("pleaseletmein", *stored));
  EXPECT_FALSE(verify_password("pleaseletmeout", *stored));
}

TEST(Passwords, AHashIsOfItsPasswordAlone) {
  const std::string text = hash_password("correct horse", cheap);
  EXPECT_TRUE(text.starts_with("scrypt$1024$8$1$")) << text;
  EXPECT_NE(text, hash_password("correct horse", cheap)) << "each has a salt of its own";
  const auto stored = parse_password_hash(text);
  ASSERT_TRUE(stored);
  EXPECT_TRUE(verify_password("correct horse", *stored));
  for (const std::string_view other : {"", "correct hors", "correct horse ", "Correct horse"}) {
    EXPECT_FALSE(verify_password(other, *stored)) << other;
  }
  EXPECT_THROW(static_cast<void>(hash_password("x", {1'000, 8, 1})), std::runtime_error);
}

TEST(Passwords, HashesOfAnotherFormOrOfAbsurdCostAreRefused) {
  const std::string tail = "$c2FsdHNhbHQ=$aGFzaGhhc2hoYXNoaGFzaA==";
  EXPECT_TRUE(parse_password_hash("scrypt$1024$8$1" + tail));
  for (const std::string& bad :
       {std::string{}, std::string("hunter2"), "bcrypt$1024$8$1" + tail, "scrypt$1000$8$1" + tail,
        "scrypt$512$8$1" + tail, "scrypt$1024$0$1" + tail, "scrypt$1024$8$0" + tail,
        "scrypt$1024$8$17" + tail, "scrypt$1073741824$8$1" + tail, "scrypt$18446744073709551616$8$1" + tail,
        "scrypt$-1024$8$1" + tail, "scrypt$01024$8$1" + tail, "scrypt$1024$8$1" + tail + "$",
        std::string("scrypt$1024$8$1$c2FsdA==$aGFzaGhhc2hoYXNoaGFzaA=="),
        std::string("scrypt$1024$8$1$c2FsdHNhbHQ=$aGFzaA=="),
        std::string("scrypt$1024$8$1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA=="), "$scrypt$1024$8$1" + tail}) {
    EXPECT_FALSE(parse_password_hash(bad)) << bad;
  }
}

TEST(Passwords, GeneratedOnesDifferAndCanBeReadAloud) {
  const std::string password = generate_password();
  EXPECT_EQ(password.size(), 24U) << password;
  EXPECT_EQ(password.find_first_not_of("abcdefghijkmnpqrstuvwxyz23456789-"), std::string::npos);
  EXPECT_NE(password, generate_password());
}

std::shared_ptr<const LocalUsers> users_of(const std::string& password = "secret") {
  static const std::string hash = hash_password("secret", cheap);
  const std::string& stored = password == "secret" ? hash : hash_password(password, cheap);
  auto users = LocalUsers::parse(
      "version: 1\nusers:\n  - {name: Alice, email: alice@example.com, groups: [engineers], password: \"" +
          stored + "\"}\n  - {name: bob, password: \"" + stored + "\"}\n",
      "users.yaml");
  EXPECT_TRUE(users);
  return *users;
}

TEST(LocalUsers, NamesAreFoldedOnce) {
  const auto users = users_of();
  ASSERT_NE(users->find("ALICE"), nullptr);
  EXPECT_EQ(users->find("alice")->name, "alice");
  EXPECT_EQ(users->find("carol"), nullptr);
  EXPECT_EQ(users->find(""), nullptr);
  EXPECT_EQ(users->nobody().cost, cheap) << "who is nobody costs what somebody costs";
}

TEST(LocalUsers, AClearPasswordOrASecondSpellingOfANameIsAnError) {
  const std::string hash = hash_password("x", cheap);
  const auto users = LocalUsers::parse("version: 1\nusers:\n  - {name: alice, password: \"" + hash +
                                           "\"}\n  - {name: ALICE, password: \"" + hash +
                                           "\"}\n  - {name: bob, password: hunter2}\n",
                                       "users.yaml");
  ASSERT_FALSE(users);
  const std::string text = policy::yaml::to_string(users.error());
  EXPECT_NE(text.find("users.yaml:4:5: there is already a user named 'alice'"), std::string::npos) << text;
  EXPECT_NE(text.find("users.yaml:5:"), std::string::npos) << text;
  EXPECT_NE(text.find("never the password itself"), std::string::npos) << text;
  EXPECT_FALSE(LocalUsers::load("/nonexistent/users.yaml"));
}

TEST(Limiter, AllowsABurstAndThenOneForEachInterval) {
  Limiter limiter({3, seconds{10}});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(limiter.take("a", now), milliseconds{0});
  }
  EXPECT_EQ(limiter.take("a", now), seconds{10});
  EXPECT_EQ(limiter.take("a", now + milliseconds{9'999}), milliseconds{1});
  EXPECT_EQ(limiter.take("a", now + seconds{10}), milliseconds{0});
  EXPECT_EQ(limiter.take("a", now + seconds{10}), seconds{10});
  EXPECT_EQ(limiter.take("b", now), milliseconds{0}) << "each name for itself";
  EXPECT_NE(limiter.take("a", now - seconds{1'000}), milliseconds{0})
      << "a clock that goes back gives nothing away";
  limiter.forget("a");
  EXPECT_EQ(limiter.take("a", now), milliseconds{0});
}

TEST(Limiter, AClockThatGoesBackCostsNoMoreThanABurst) {
  Limiter limiter({3, seconds{10}});
  const TimePoint late{std::chrono::hours{1'000}};
  EXPECT_EQ(limiter.take("a", late).count(), 0);
  const TimePoint earlier = late - std::chrono::hours{1};
  EXPECT_LE(limiter.take("a", earlier), seconds{10});
  EXPECT_EQ(limiter.take("a", earlier + seconds{10}).count(), 0) << "not in an hour";
}

TEST(Limiter, IsBoundedAndForgetsTheNameUnusedLongest) {
  Limiter limiter({1, seconds{10}}, 100);
  for (int i = 0; i < 1'000; ++i) {
    static_cast<void>(limiter.take(std::to_string(i), now));
    static_cast<void>(limiter.take("in use", now));
  }
  EXPECT_EQ(limiter.size(), 100U);
  EXPECT_NE(limiter.take("in use", now), milliseconds{0});
}

TEST(Limiter, AWholeIpv6NetworkCountsAsOneAddress) {
  const auto name = [](const char* text) { return limiter_name(*policy::parse_address(text)); };
  EXPECT_EQ(name("2001:db8::1"), name("2001:db8::ffff:1"));
  EXPECT_NE(name("2001:db8::1"), name("2001:db8:0:1::1"));
  EXPECT_NE(name("192.0.2.1"), name("192.0.2.2"));
  EXPECT_EQ(name("::ffff:192.0.2.1"), name("192.0.2.1"));
}

const policy::Address home = *policy::parse_address("203.0.113.9");

TEST(PasswordLogin, TheRightPasswordGivesAnIdentityAndNothingElseDoes) {
  PasswordLogin login;
  const auto users = users_of();
  const auto answer = wait(login.login(users, "ALICE", "secret", home, now));
  ASSERT_EQ(answer.result, LoginResult::accepted);
  EXPECT_EQ(answer.identity->user, "alice");
  EXPECT_EQ(answer.identity->method, Method::local);
  EXPECT_EQ(answer.identity->auth_time, now);
  EXPECT_EQ(answer.identity->groups, std::vector<std::string>{"engineers"});
  EXPECT_EQ(wait(login.login(users, "alice", "Secret", home, now)).result, LoginResult::wrong);
  EXPECT_EQ(wait(login.login(users, "alice", "", home, now)).result, LoginResult::wrong);
  EXPECT_EQ(wait(login.login(users, "nobody", "secret", home, now)).result, LoginResult::wrong);
  EXPECT_EQ(wait(login.login(users, "alice", std::string(max_password_bytes + 1, 'x'), home, now)).result,
            LoginResult::wrong);
  EXPECT_EQ(login.counts().accepted, 1U);
  EXPECT_EQ(login.counts().wrong, 4U);
}

TEST(PasswordLogin, AnAccountIsLimitedWhateverTheAddress) {
  PasswordLogin login({{3, seconds{30}}, {1'000, seconds{1}}});
  const auto users = users_of();
  for (int i = 0; i < 3; ++i) {
    policy::Address address = home;
    address.bytes[15] = static_cast<std::uint8_t>(i);
    EXPECT_EQ(wait(login.login(users, i == 1 ? "Alice" : "alice", "wrong", address, now)).result,
              LoginResult::wrong);
  }
  const auto limited = wait(login.login(users, "alice", "secret", home, now));
  EXPECT_EQ(limited.result, LoginResult::limited) << "not even the right password";
  EXPECT_EQ(limited.retry_after, seconds{30});
  EXPECT_EQ(wait(login.login(users, "bob", "secret", home, now)).result, LoginResult::accepted);
  EXPECT_EQ(wait(login.login(users, "alice", "secret", home, now + seconds{30})).result,
            LoginResult::accepted);
  EXPECT_EQ(login.counts().limited, 1U);
}

TEST(PasswordLogin, AnAddressIsLimitedWhateverTheAccountAndUsesUpNobodys) {
  PasswordLogin login({{3, seconds{30}}, {2, seconds{10}}});
  const auto users = users_of();
  EXPECT_EQ(wait(login.login(users, "x", "wrong", home, now)).result, LoginResult::wrong);
  EXPECT_EQ(wait(login.login(users, "y", "wrong", home, now)).result, LoginResult::wrong);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(wait(login.login(users, "alice", "wrong", home, now)).result, LoginResult::limited);
  }
  const policy::Address elsewhere = *policy::parse_address("198.51.100.1");
  EXPECT_EQ(wait(login.login(users, "alice", "secret", elsewhere, now)).result, LoginResult::accepted);
}

boost::asio::awaitable<void> login_into(PasswordLogin& login, std::shared_ptr<const LocalUsers> users,
                                        int number, std::multiset<LoginResult>& results) {
  const auto answer =
      co_await login.login(std::move(users), "user" + std::to_string(number), "wrong", home, now);
  results.insert(answer.result);
}

TEST(PasswordLogin, MoreAttemptsThanMayWaitAreTurnedAwayAtOnce) {
  PasswordLogin login({{1'000, seconds{1}}, {1'000, seconds{1}}});
  const auto users = users_of();
  boost::asio::io_context io;
  std::multiset<LoginResult> results;
  const int extra = 10;
  for (int i = 0; i < static_cast<int>(PasswordLogin::max_waiting) + extra; ++i) {
    boost::asio::co_spawn(io, login_into(login, users, i, results), boost::asio::detached);
  }
  io.run();
  EXPECT_EQ(results.count(LoginResult::overloaded), static_cast<std::size_t>(extra));
  EXPECT_EQ(results.count(LoginResult::wrong), PasswordLogin::max_waiting);
}

}  // namespace
}  // namespace tallygate::identity
