#include "gateway/access/floods.hpp"

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
    EXPECT_TRUE(floods.admit(event("192.0.2.1"), at(0ms)));
  }
  EXPECT_FALSE(floods.admit(event("192.0.2.1"), at(1s)));
  EXPECT_FALSE(floods.admit(event("192.0.2.1", "bare-lf"), at(3s)));
  EXPECT_TRUE(floods.admit(event("192.0.2.2"), at(3s)));
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
  EXPECT_TRUE(floods.admit(event("192.0.2.1"), at(10s))) << "a new window";
  EXPECT_TRUE(floods.due(at(60s).tick).empty()) << "nothing was counted in it";
}

TEST(Floods, ANetworkOfIPv6IsOneSource) {
  Floods floods({10s, 1});
  EXPECT_TRUE(floods.admit(event("2001:db8:0:1::1"), at(0ms)));
  EXPECT_FALSE(floods.admit(event("2001:db8:0:1:ffff::2"), at(0ms)));
  EXPECT_TRUE(floods.admit(event("2001:db8:0:2::1"), at(0ms)));
  EXPECT_TRUE(floods.admit(event("::1"), at(0ms)));
  EXPECT_TRUE(floods.admit(event("10.0.0.1"), at(0ms))) << "no IPv4 address lies in ::/64";
  EXPECT_TRUE(floods.admit(event("10.0.0.2"), at(0ms)));
  const auto sums = floods.all();
  ASSERT_EQ(sums.size(), 1U);
  EXPECT_EQ(policy::to_string(*sums[0].source), "2001:db8:0:1::/64");
}

TEST(Floods, SourcesBeyondTheTablesRoomShareOneSum) {
  Floods floods({10s, 2}, 4);
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(floods.admit(event("192.0.2." + std::to_string(i)), at(0ms)));
  }
  EXPECT_TRUE(floods.admit(event("198.51.100.1"), at(0ms)));
  EXPECT_TRUE(floods.admit(event("198.51.100.2"), at(0ms)));
  EXPECT_FALSE(floods.admit(event("198.51.100.3"), at(0ms)));
  EXPECT_TRUE(floods.admit(event("192.0.2.1"), at(0ms))) << "those in the table keep their own limit";
  const auto sums = floods.due(at(10s).tick);
  ASSERT_EQ(sums.size(), 1U);
  EXPECT_FALSE(sums[0].source);
  EXPECT_EQ(sums[0].count, 1U);
  EXPECT_TRUE(floods.admit(event("198.51.100.1"), at(11s)));
}

TEST(Floods, ASumInTheMiddleOfAWindowGivesNoNewLimit) {
  Floods floods({10s, 1});
  EXPECT_TRUE(floods.admit(event("192.0.2.1"), at(0ms)));
  EXPECT_FALSE(floods.admit(event("192.0.2.1"), at(1s)));
  EXPECT_EQ(total(floods.all()), 1U);
  EXPECT_FALSE(floods.admit(event("192.0.2.1"), at(2s)));
  EXPECT_EQ(total(floods.all()), 1U);
  EXPECT_EQ(total(floods.all()), 0U);
}

TEST(Floods, WhileASumWaitsToBeRecordedNothingElseIsOnlyCounted) {
  Floods floods({10s, 1});
  EXPECT_TRUE(floods.admit(event("192.0.2.1"), at(0ms)));
  EXPECT_FALSE(floods.admit(event("192.0.2.1"), at(0ms)));
  floods.give_back(floods.due(at(10s).tick));
  EXPECT_TRUE(floods.admit(event("192.0.2.2"), at(10s)));
  EXPECT_TRUE(floods.admit(event("192.0.2.2"), at(10s)));
  EXPECT_EQ(total(floods.due(at(11s).tick)), 1U) << "given out again";
  EXPECT_TRUE(floods.admit(event("192.0.2.2"), at(11s)));
  EXPECT_FALSE(floods.admit(event("192.0.2.2"), at(11s)));
}

TEST(Floods, AfterTheCloseEverythingIsRecorded) {
  Floods floods({10s, 1});
  EXPECT_TRUE(floods.admit(event("192.0.2.1"), at(0ms)));
  EXPECT_FALSE(floods.admit(event("192.0.2.1"), at(0ms)));
  EXPECT_EQ(total(floods.close()), 1U);
  EXPECT_TRUE(floods.admit(event("192.0.2.1"), at(0ms)));
  EXPECT_TRUE(floods.close().empty());
}

TEST(Floods, WithoutALimitNothingIsCounted) {
  Floods floods({10s, 0});
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_TRUE(floods.admit(event("192.0.2.1"), at(0ms)));
  }
  EXPECT_TRUE(floods.close().empty());
}

TEST(Floods, ReasonsAndAccountsAreBoundedAndStillAddUp) {
  Floods floods({10s, 1});
  EXPECT_TRUE(floods.admit(event("192.0.2.1"), at(0ms)));
  for (int i = 0; i < 500; ++i) {
    const std::string reason = "reason-" + std::to_string(i);
    const std::string user = '"' + std::to_string(i % 50) + '"';
    EXPECT_FALSE(floods.admit(event("192.0.2.1", reason, user), at(0ms)));
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
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    const FloodLimits limits{std::chrono::milliseconds(1'000 + random() % 5'000), 1 + random() % 7};
    Floods floods(limits, 1 + random() % 6);
    std::uint64_t happened = 0;
    std::uint64_t recorded = 0;
    std::uint64_t counted = 0;
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
        recorded += floods.admit(event(client), at(now)) ? 1 : 0;
      }
    }
    counted += total(floods.close());
    ASSERT_EQ(recorded + counted, happened) << "round " << round;
  }
}

TEST(Floods, NoSourceRecordsMoreThanItsLimitInAWindow) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  Floods floods({2s, 5});
  std::array<std::size_t, 4> in_window{};
  for (int second = 0; second < 200; second += 2) {
    in_window.fill(0);
    for (int i = 0; i < 100; ++i) {
      const std::size_t who = random() % in_window.size();
      const auto time = std::chrono::seconds(second) + std::chrono::milliseconds(i * 10);
      in_window[who] += floods.admit(event("192.0.2." + std::to_string(who)), at(time)) ? 1 : 0;
    }
    for (const std::size_t recorded : in_window) {
      EXPECT_LE(recorded, 5U);
    }
    (void)floods.due(at(std::chrono::seconds(second + 3)).tick);
  }
}

TEST(Floods, ThreadsLoseNothing) {
  Floods floods({10s, 100});
  std::array<std::uint64_t, 4> recorded{};
  std::vector<std::thread> threads;
  constexpr std::uint64_t each = 20'000;
  for (std::uint64_t& mine : recorded) {
    threads.emplace_back([&floods, &mine] {
      for (std::uint64_t i = 0; i < each; ++i) {
        mine += floods.admit(event("192.0.2.1"), at(0ms)) ? 1 : 0;
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
  EXPECT_EQ(recorded[0] + recorded[1] + recorded[2] + recorded[3], 100U);
  EXPECT_EQ(counted, recorded.size() * each - 100);
}

}  // namespace
}  // namespace tallygate::access
