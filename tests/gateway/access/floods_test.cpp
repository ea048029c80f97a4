#include "gateway/access/floods.hpp"

#include "tests/support/seed.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace tallygate::access {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::steady_clock::time_point start{1000h};

FloodTime at(std::chrono::milliseconds since) {
  return {start + since, std::chrono::system_clock::time_point{1'790'000'000s} + since};
}

FloodEvent event(std::string_view client, std::string_view reason = "login", std::string_view user = {}) {
  return {*policy::parse_address(client), "access.deny", reason, user};
}

/// Admits as a gateway whose record takes everything does; whether the refusal is recorded as others are.
bool recorded(Floods& floods, const FloodEvent& refusal, FloodTime now,
              std::vector<Suppressed>* begun = nullptr) {
  const Admitted admitted = floods.admit(refusal, now);
  if (admitted.what == Admission::begin) {
    floods.began(refusal.client, admitted.window);
    if (begun != nullptr) {
      begun->push_back(flood_begins(refusal, floods.limits(), now.time));
    }
  }
  return admitted.what == Admission::record;
}

std::uint64_t total(const std::vector<Suppressed>& sums) {
  std::uint64_t count = 0;
  for (const Suppressed& sum : sums) {
    count += sum.count;
  }
  return count;
}

TEST(Floods, OneSourceIsCountedBeyondItsLimitAndAnotherIsNot) {
  Floods floods({10s, 3});
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(recorded(floods, event("192.0.2.1"), at(0ms)));
  }
  EXPECT_FALSE(recorded(floods, event("192.0.2.1"), at(500ms)));
  EXPECT_FALSE(recorded(floods, event("192.0.2.1"), at(1s)));
  EXPECT_FALSE(recorded(floods, event("192.0.2.1", "bare-lf"), at(3s)));
  EXPECT_TRUE(recorded(floods, event("192.0.2.2"), at(3s)));
  EXPECT_TRUE(floods.due(at(9'999ms).tick).empty());
  const auto sums = floods.due(at(10s).tick);
  ASSERT_EQ(sums.size(), 1U);
  EXPECT_EQ(to_string(sums[0].source->address), "192.0.2.1");
  EXPECT_EQ(sums[0].count, 2U);
  EXPECT_EQ(sums[0].first, at(1s).time);
  EXPECT_EQ(sums[0].last, at(3s).time);
  EXPECT_EQ(sums[0].reasons.at({"access.deny", "login"}), 1U);
  EXPECT_EQ(sums[0].reasons.at({"access.deny", "bare-lf"}), 1U);
  EXPECT_EQ(sums[0].limits.entries, 3U);
  EXPECT_TRUE(recorded(floods, event("192.0.2.1"), at(10s))) << "a new window";
  EXPECT_TRUE(floods.due(at(60s).tick).empty()) << "nothing was counted in it";
}

TEST(Floods, ANetworkOfIPv6IsOneSource) {
  Floods floods({10s, 1});
  EXPECT_TRUE(recorded(floods, event("2001:db8:0:1::1"), at(0ms)));
  EXPECT_FALSE(recorded(floods, event("2001:db8:0:1:ffff::2"), at(0ms)));
  EXPECT_FALSE(recorded(floods, event("2001:db8:0:1:ffff::3"), at(0ms)));
  EXPECT_TRUE(recorded(floods, event("2001:db8:0:2::1"), at(0ms)));
  EXPECT_TRUE(recorded(floods, event("::1"), at(0ms)));
  EXPECT_TRUE(recorded(floods, event("10.0.0.1"), at(0ms))) << "no IPv4 address lies in ::/64";
  EXPECT_TRUE(recorded(floods, event("10.0.0.2"), at(0ms)));
  const auto sums = floods.all();
  ASSERT_EQ(sums.size(), 1U);
  EXPECT_EQ(policy::to_string(*sums[0].source), "2001:db8:0:1::/64");
}

TEST(Floods, SourcesBeyondTheTablesRoomShareOneSum) {
  Floods floods({10s, 2}, 4);
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(recorded(floods, event("192.0.2." + std::to_string(i)), at(0ms)));
  }
  EXPECT_TRUE(recorded(floods, event("198.51.100.1"), at(0ms)));
  EXPECT_TRUE(recorded(floods, event("198.51.100.2"), at(0ms)));
  EXPECT_FALSE(recorded(floods, event("198.51.100.3"), at(0ms)));
  EXPECT_FALSE(recorded(floods, event("198.51.100.4"), at(0ms))) << "one beginning is enough for all of them";
  EXPECT_TRUE(recorded(floods, event("192.0.2.1"), at(0ms))) << "those in the table keep their own limit";
  const auto sums = floods.due(at(10s).tick);
  ASSERT_EQ(sums.size(), 1U);
  EXPECT_FALSE(sums[0].source);
  EXPECT_EQ(sums[0].count, 1U);
  EXPECT_TRUE(recorded(floods, event("198.51.100.1"), at(11s)));
}

TEST(Floods, ASumInTheMiddleOfAWindowGivesNoNewLimit) {
  Floods floods({10s, 1});
  EXPECT_TRUE(recorded(floods, event("192.0.2.1"), at(0ms)));
  EXPECT_FALSE(recorded(floods, event("192.0.2.1"), at(1s)));
  EXPECT_FALSE(recorded(floods, event("192.0.2.1"), at(1s)));
  EXPECT_EQ(total(floods.all()), 1U);
  EXPECT_FALSE(recorded(floods, event("192.0.2.1"), at(2s)));
  EXPECT_EQ(total(floods.all()), 1U);
  EXPECT_EQ(total(floods.all()), 0U);
}

TEST(Floods, WhileASumWaitsToBeRecordedNothingElseIsOnlyCounted) {
  Floods floods({10s, 1});
  EXPECT_TRUE(recorded(floods, event("192.0.2.1"), at(0ms)));
  EXPECT_FALSE(recorded(floods, event("192.0.2.1"), at(0ms)));
  EXPECT_FALSE(recorded(floods, event("192.0.2.1"), at(0ms)));
  floods.give_back(floods.due(at(10s).tick));
  EXPECT_TRUE(recorded(floods, event("192.0.2.2"), at(10s)));
  EXPECT_TRUE(recorded(floods, event("192.0.2.2"), at(10s)));
  EXPECT_EQ(total(floods.due(at(11s).tick)), 1U) << "given out again";
  EXPECT_TRUE(recorded(floods, event("192.0.2.2"), at(11s)));
  EXPECT_FALSE(recorded(floods, event("192.0.2.2"), at(11s)));
}

TEST(Floods, AfterTheCloseEverythingIsRecorded) {
  Floods floods({10s, 1});
  EXPECT_TRUE(recorded(floods, event("192.0.2.1"), at(0ms)));
  EXPECT_FALSE(recorded(floods, event("192.0.2.1"), at(0ms)));
  EXPECT_FALSE(recorded(floods, event("192.0.2.1"), at(0ms)));
  EXPECT_EQ(total(floods.close()), 1U);
  EXPECT_TRUE(recorded(floods, event("192.0.2.1"), at(0ms)));
  EXPECT_TRUE(floods.close().empty());
}

TEST(Floods, WithoutALimitNothingIsCounted) {
  Floods floods({10s, 0});
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_TRUE(recorded(floods, event("192.0.2.1"), at(0ms)));
  }
  EXPECT_TRUE(floods.close().empty());
}

TEST(Floods, ReasonsAndAccountsAreBoundedAndStillAddUp) {
  Floods floods({10s, 1});
  EXPECT_TRUE(recorded(floods, event("192.0.2.1"), at(0ms)));
  EXPECT_FALSE(recorded(floods, event("192.0.2.1"), at(0ms)));
  for (int i = 0; i < 500; ++i) {
    const std::string reason = "reason-" + std::to_string(i);
    const std::string user = '"' + std::to_string(i % 50) + '"';
    EXPECT_FALSE(recorded(floods, event("192.0.2.1", reason, user), at(0ms)));
  }
  const auto sums = floods.close();
  ASSERT_EQ(sums.size(), 1U);
  std::uint64_t by_reason = 0;
  for (const auto& [key, count] : sums[0].reasons) {
    by_reason += count;
  }
  std::uint64_t by_user = sums[0].further_users;
  for (const auto& [user, count] : sums[0].users) {
    by_user += count;
  }
  EXPECT_LE(sums[0].reasons.size(), flood_reasons_max + 1);
  EXPECT_EQ(sums[0].users.size(), flood_users_max);
  EXPECT_EQ(by_reason, 500U);
  EXPECT_EQ(by_user, 500U);
  EXPECT_EQ(sums[0].reasons.at({"access.deny", "other"}), 500U - flood_reasons_max);
}

/// Recorded and counted are all there was, whatever happens in between, and no source gets more than its
/// limit in one window.
TEST(Floods, RecordedAndCountedAddUpForEverySequence) {
  const std::uint64_t seed = tallygate::testing::test_seed();
  SCOPED_TRACE(tallygate::testing::how_to_repeat(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    const FloodLimits limits{std::chrono::milliseconds(1'000 + random() % 5'000), 1 + random() % 7};
    Floods floods(limits, 1 + random() % 6);
    std::uint64_t happened = 0;
    std::uint64_t in_full = 0;
    std::uint64_t counted = 0;
    std::vector<Suppressed> begun;
    std::vector<Suppressed> waiting;
    std::chrono::milliseconds now{0};
    for (int step = 0; step < 500; ++step) {
      now += std::chrono::milliseconds(random() % 100);
      const auto what = random() % 20;
      if (what == 0) {
        const auto sums = floods.due(at(now).tick);
        counted += total(sums);
      } else if (what == 1) {
        waiting = floods.all();
        floods.give_back(std::move(waiting));
      } else {
        const std::string client = "192.0.2." + std::to_string(random() % 9);
        ++happened;
        in_full += recorded(floods, event(client), at(now), &begun) ? 1 : 0;
      }
    }
    counted += total(floods.close());
    ASSERT_EQ(in_full + total(begun) + counted, happened) << "round " << round;
  }
}

TEST(Floods, NoSourceRecordsMoreThanItsLimitInAWindow) {
  const std::uint64_t seed = tallygate::testing::test_seed();
  SCOPED_TRACE(tallygate::testing::how_to_repeat(seed));
  std::mt19937_64 random(seed);
  Floods floods({2s, 5});
  std::array<std::size_t, 4> in_window{};
  for (int second = 0; second < 200; second += 2) {
    in_window.fill(0);
    for (int i = 0; i < 100; ++i) {
      const std::size_t who = random() % in_window.size();
      const auto time = std::chrono::seconds(second) + std::chrono::milliseconds(i * 10);
      in_window[who] += recorded(floods, event("192.0.2." + std::to_string(who)), at(time)) ? 1 : 0;
    }
    for (const std::size_t in_full : in_window) {
      EXPECT_LE(in_full, 5U);
    }
    (void)floods.due(at(std::chrono::seconds(second + 3)).tick);
  }
}

/// Or a process that is killed would leave no trace of what it was about to count.
TEST(Floods, NothingIsOnlyCountedBeforeTheRecordSaysThatItBegins) {
  Floods floods({10s, 1});
  EXPECT_EQ(floods.admit(event("192.0.2.1"), at(0ms)).what, Admission::record);
  const Admitted first = floods.admit(event("192.0.2.1", "login", "\"bob\""), at(1s));
  EXPECT_EQ(first.what, Admission::begin);
  EXPECT_EQ(floods.admit(event("192.0.2.1"), at(1s)).what, Admission::begin) << "not durable yet";
  EXPECT_TRUE(floods.all().empty());
  const Suppressed sum = flood_begins(event("192.0.2.1", "login", "\"bob\""), {10s, 1}, at(1s).time);
  EXPECT_TRUE(sum.begins);
  EXPECT_EQ(sum.count, 1U);
  EXPECT_EQ(sum.reasons.at({"access.deny", "login"}), 1U);
  EXPECT_EQ(sum.users.at("\"bob\""), 1U);
  floods.began(*policy::parse_address("192.0.2.1"), first.window);
  EXPECT_EQ(floods.admit(event("192.0.2.1"), at(2s)).what, Admission::count);
  EXPECT_EQ(total(floods.due(at(10s).tick)), 1U);
  EXPECT_EQ(floods.admit(event("192.0.2.1"), at(11s)).what, Admission::record);
  floods.began(*policy::parse_address("192.0.2.1"), first.window);
  EXPECT_EQ(floods.admit(event("192.0.2.1"), at(12s)).what, Admission::begin) << "each window begins anew";
}

TEST(Floods, ALongWindowGivesItsCountOutWhileItGoesOn) {
  Floods floods({10min, 1});
  EXPECT_TRUE(recorded(floods, event("192.0.2.1"), at(0ms)));
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(recorded(floods, event("192.0.2.1"), at(1s)));
  }
  EXPECT_TRUE(floods.due(at(9s).tick).empty());
  EXPECT_EQ(total(floods.due(at(flood_sum_every).tick)), 4U);
  EXPECT_FALSE(recorded(floods, event("192.0.2.1"), at(11s)));
  EXPECT_TRUE(floods.due(at(flood_sum_every + 9s).tick).empty());
  EXPECT_EQ(total(floods.due(at(2 * flood_sum_every).tick)), 1U);
  EXPECT_FALSE(recorded(floods, event("192.0.2.1"), at(30s))) << "the window is the same";
}

TEST(Floods, ThreadsLoseNothing) {
  Floods floods({10s, 100});
  std::array<std::uint64_t, 4> in_full{};
  std::array<std::vector<Suppressed>, 4> begun;
  std::vector<std::thread> threads;
  constexpr std::uint64_t each = 20'000;
  for (std::size_t who = 0; who < in_full.size(); ++who) {
    threads.emplace_back([&floods, &mine = in_full[who], &begins = begun[who]] {
      for (std::uint64_t i = 0; i < each; ++i) {
        mine += recorded(floods, event("192.0.2.1"), at(0ms), &begins) ? 1 : 0;
      }
    });
  }
  std::uint64_t counted = 0;
  for (int i = 0; i < 50; ++i) {
    counted += total(floods.all());
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  counted += total(floods.close());
  for (const auto& begins : begun) {
    counted += total(begins);
  }
  EXPECT_EQ(in_full[0] + in_full[1] + in_full[2] + in_full[3], 100U);
  EXPECT_EQ(counted, in_full.size() * each - 100);
}

}  // namespace
}  // namespace tallygate::access
