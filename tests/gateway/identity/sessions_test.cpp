#include "gateway/identity/sessions.hpp"

#include "tests/gateway/identity/support.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

namespace tallygate::identity {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::Head;
using testing::now;
using testing::wait;

const policy::Address home = *policy::parse_address("203.0.113.9");

IdentityPtr person(const std::string& user = "alice") {
  IdentityFacts facts;
  facts.method = Method::local;
  facts.subject = user;
  facts.user = user;
  facts.issuer = "tallygate";
  facts.auth_time = now;
  return make_identity(facts);
}

std::string member(const SessionEvent& event, std::string_view name) {
  for (const auto& one : event.members) {
    if (one.name == name) {
      return one.json;
    }
  }
  return {};
}

TEST(Sessions, ASecretFindsItsSessionAndNothingElseDoes) {
  Sessions sessions({});
  const NewSession fresh = sessions.start(person(), {}, home, now);
  ASSERT_EQ(fresh.secret.size(), 43U);
  EXPECT_EQ(sessions.use(fresh.secret, now), fresh.identity);
  EXPECT_EQ(fresh.identity->session.size(), 32U);
  EXPECT_EQ(fresh.identity->credential, Credential::session_cookie);
  EXPECT_EQ(sessions.use(fresh.identity->session, now), nullptr) << "the public id opens nothing";
  for (std::size_t at = 0; at < fresh.secret.size(); ++at) {
    std::string other = fresh.secret;
    other[at] = other[at] == 'A' ? 'B' : 'A';
    EXPECT_EQ(sessions.use(other, now), nullptr);
  }
  EXPECT_EQ(sessions.use("", now), nullptr);
  EXPECT_EQ(sessions.use(fresh.secret + "A", now), nullptr);
}

TEST(Sessions, TheStartIsAnEventWithoutTheSecret) {
  Sessions sessions({});
  const NewSession fresh = sessions.start(person(), {}, home, now);
  ASSERT_EQ(fresh.events.size(), 1U);
  EXPECT_EQ(fresh.events[0].kind, "session.start");
  EXPECT_EQ(member(fresh.events[0], "session"), '"' + fresh.identity->session + '"');
  EXPECT_EQ(member(fresh.events[0], "client"), R"({"address":"203.0.113.9"})");
  EXPECT_EQ(member(fresh.events[0], "actor"),
            R"({"age_s":0,"issuer":"tallygate","method":"local","subject":"alice","user":"alice"})");
  EXPECT_TRUE(std::ranges::is_sorted(fresh.events[0].members, {}, &SessionEvent::Member::name));
  for (const auto& one : fresh.events[0].members) {
    EXPECT_EQ(one.json.find(fresh.secret), std::string::npos);
  }
}

TEST(Sessions, ALoginGivesANewIdAndTheOldOneDies) {
  Sessions sessions({});
  const NewSession first = sessions.start(person(), {}, home, now);
  const NewSession second = sessions.start(person(), first.secret, home, now);
  EXPECT_NE(first.secret, second.secret);
  EXPECT_EQ(sessions.use(first.secret, now), nullptr);
  EXPECT_NE(sessions.use(second.secret, now), nullptr);
  ASSERT_EQ(second.events.size(), 2U);
  EXPECT_EQ(second.events[0].kind, "session.end");
  EXPECT_EQ(member(second.events[0], "reason"), "\"replaced\"");
  EXPECT_EQ(sessions.size(), 1U);
}

TEST(Sessions, AFixedIdFromOutsideIsNeverTakenOver) {
  Sessions sessions({});
  const std::string planted(43, 'A');
  const NewSession fresh = sessions.start(person(), planted, home, now);
  EXPECT_NE(fresh.secret, planted);
  EXPECT_EQ(sessions.use(planted, now), nullptr);
}

TEST(Sessions, IdleAndLifetimeEndItToTheMillisecond) {
  Sessions sessions({minutes{30}, hours{12}, 10, 10});
  const NewSession idle = sessions.start(person("idle"), {}, home, now);
  EXPECT_NE(sessions.use(idle.secret, now + minutes{29}), nullptr);
  EXPECT_NE(sessions.use(idle.secret, now + minutes{58}), nullptr) << "use keeps it alive";
  EXPECT_EQ(sessions.use(idle.secret, now + minutes{88}), nullptr);
  const NewSession old = sessions.start(person("old"), {}, home, now);
  for (int i = 1; i * 29 < 12 * 60; ++i) {
    EXPECT_NE(sessions.use(old.secret, now + minutes{29 * i}), nullptr);
  }
  EXPECT_NE(sessions.use(old.secret, now + hours{12} - std::chrono::milliseconds{1}), nullptr);
  EXPECT_EQ(sessions.use(old.secret, now + hours{12}), nullptr);
  const auto events = sessions.sweep(now + hours{12});
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(sessions.size(), 0U);
  std::multiset<std::string> reasons{member(events[0], "reason"), member(events[1], "reason")};
  EXPECT_EQ(reasons, (std::multiset<std::string>{"\"idle\"", "\"lifetime\""}));
  EXPECT_TRUE(sessions.sweep(now + hours{13}).empty());
}

TEST(Sessions, AStreamThatIsInUseKeepsItsSessionAlive) {
  Sessions sessions({minutes{30}, hours{12}, 10, 10});
  const NewSession fresh = sessions.start(person(), {}, home, now);
  sessions.touch(fresh.identity->session, now + minutes{20});
  EXPECT_TRUE(sessions.alive(fresh.identity->session, now + minutes{49}));
  EXPECT_FALSE(sessions.alive(fresh.identity->session, now + minutes{50}));
  sessions.touch(fresh.identity->session, now + minutes{51});
  EXPECT_EQ(sessions.use(fresh.secret, now + minutes{51}), nullptr) << "what is over is not brought back";
  EXPECT_FALSE(sessions.alive("", now));
  EXPECT_FALSE(sessions.alive(std::string(32, '0'), now));
}

TEST(Sessions, LogoutAndRevocationEndItOnTheServerAndTellWatchers) {
  Sessions sessions({});
  std::vector<EndReason> seen;
  const auto observer = [&](EndReason reason) { seen.push_back(reason); };
  const NewSession one = sessions.start(person(), {}, home, now);
  const NewSession two = sessions.start(person(), {}, home, now);
  const auto watch_one = sessions.watch(one.identity->session, observer);
  const auto watch_two = sessions.watch(two.identity->session, observer);
  auto dropped = sessions.watch(two.identity->session, observer);
  dropped.reset();
  ASSERT_NE(watch_one, nullptr);
  const auto logout = sessions.logout(one.secret, now);
  ASSERT_TRUE(logout);
  EXPECT_EQ(logout->kind, "session.end");
  EXPECT_EQ(member(*logout, "reason"), "\"logout\"");
  const auto revoke = sessions.revoke(two.identity->session, "carol", now);
  ASSERT_TRUE(revoke);
  EXPECT_EQ(revoke->kind, "session.revoke");
  EXPECT_EQ(member(*revoke, "by"), "\"carol\"");
  EXPECT_EQ(seen, (std::vector<EndReason>{EndReason::logout, EndReason::revoked}));
  EXPECT_EQ(sessions.use(one.secret, now), nullptr);
  EXPECT_EQ(sessions.use(two.secret, now), nullptr);
  EXPECT_FALSE(sessions.logout(one.secret, now));
  EXPECT_FALSE(sessions.revoke(two.identity->session, "carol", now));
  EXPECT_EQ(sessions.watch(one.identity->session, observer), nullptr);
}

TEST(Sessions, ALapsedSessionIsToldToItsWatchers) {
  Sessions sessions({minutes{30}, hours{12}, 10, 10});
  int ended = 0;
  const NewSession fresh = sessions.start(person(), {}, home, now);
  const auto watch = sessions.watch(fresh.identity->session, [&](EndReason) { ++ended; });
  EXPECT_TRUE(sessions.sweep(now + minutes{29}).empty());
  EXPECT_EQ(ended, 0);
  EXPECT_EQ(sessions.sweep(now + minutes{30}).size(), 1U);
  EXPECT_EQ(ended, 1);
}

TEST(Sessions, WhatIsNoLongerWantedIsWithdrawn) {
  Sessions sessions({});
  const NewSession alice = sessions.start(person("alice"), {}, home, now);
  const NewSession bob = sessions.start(person("bob"), {}, home, now);
  const auto events = sessions.withdraw_if([](const Identity& who) { return who.user == "bob"; }, now);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, "session.revoke");
  EXPECT_NE(sessions.use(alice.secret, now), nullptr);
  EXPECT_EQ(sessions.use(bob.secret, now), nullptr);
}

TEST(Sessions, TheOldestOfAPersonGivesWayAndTheTotalIsBounded) {
  Sessions sessions({minutes{30}, hours{12}, 4, 2});
  const NewSession first = sessions.start(person("a"), {}, home, now);
  const NewSession second = sessions.start(person("a"), {}, home, now);
  const NewSession third = sessions.start(person("a"), {}, home, now);
  EXPECT_EQ(sessions.use(first.secret, now), nullptr);
  EXPECT_NE(sessions.use(second.secret, now), nullptr);
  ASSERT_EQ(third.events.size(), 2U);
  EXPECT_EQ(member(third.events[0], "reason"), "\"limit\"");
  EXPECT_FALSE(sessions.start(person("b"), {}, home, now).secret.empty());
  EXPECT_FALSE(sessions.start(person("c"), {}, home, now).secret.empty());
  const NewSession refused = sessions.start(person("d"), {}, home, now);
  EXPECT_TRUE(refused.secret.empty());
  EXPECT_EQ(refused.identity, nullptr);
  EXPECT_EQ(sessions.size(), 4U);
  EXPECT_EQ(sessions.list().size(), 4U);
}

TEST(Sessions, TheCookieNamesThePersonOrAsksForLogin) {
  const auto sessions = std::make_shared<Sessions>(SessionLimits{});
  const NewSession fresh = sessions->start(person(), {}, home, now);
  const Authenticators ways({std::make_shared<SessionAuthenticator>(sessions, "__Host-tallygate")});
  const auto ask = [&](const Head& head) { return wait(ways.authenticate(head.get(), {}, now)); };
  EXPECT_EQ((*ask(Head{}.add("Cookie", "a=b; __Host-tallygate=" + fresh.secret)))->user, "alice");
  const Outcome stale = ask(Head{}.add("Cookie", "__Host-tallygate=" + std::string(43, 'A')));
  ASSERT_TRUE(stale);
  EXPECT_TRUE((*stale)->anonymous());
  EXPECT_TRUE((*stale)->stale_session);
  const Outcome tossed =
      ask(Head{}.add("Cookie", "__Host-tallygate=" + fresh.secret + "; __Host-tallygate=x"));
  ASSERT_FALSE(tossed);
  EXPECT_EQ(tossed.error().code, RejectCode::multiple_credentials);
}

TEST(Sessions, ManyThreadsMayComeAndGoAtOnce) {
  Sessions sessions({minutes{30}, hours{12}, 10'000, 10'000});
  std::atomic<int> ended{0};
  const auto work = [&](int thread) {
    for (int i = 0; i < 200; ++i) {
      const NewSession fresh = sessions.start(person("user" + std::to_string(i % 5)), {}, home, now);
      const auto watch = sessions.watch(fresh.identity->session, [&](EndReason) { ended.fetch_add(1); });
      EXPECT_NE(sessions.use(fresh.secret, now), nullptr);
      if (i % 3 == 0) {
        EXPECT_TRUE(sessions.revoke(fresh.identity->session, "x", now));
      } else if (i % 3 == 1) {
        EXPECT_TRUE(sessions.logout(fresh.secret, now));
      } else if (thread == 0) {
        static_cast<void>(sessions.sweep(now + minutes{1}));
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
  EXPECT_EQ(ended, 4 * 134);
  EXPECT_EQ(sessions.size(), 4U * 66U);
  EXPECT_EQ(sessions.sweep(now + hours{1}).size(), 4U * 66U);
}

}  // namespace
}  // namespace tallygate::identity
