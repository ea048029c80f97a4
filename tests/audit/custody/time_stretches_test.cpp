// Stretches of time: near ones are one, and nothing that was added is ever outside.
#include "audit/custody/time_stretches.hpp"

#include "tests/support/seed.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

namespace tallygate::audit {
namespace {

using namespace std::chrono_literals;

const Time start{std::chrono::seconds(1'790'000'000)};

TEST(TimeStretches, HoldWhatWasAddedAndNothingFarFromIt) {
  TimeStretches stretches;
  EXPECT_EQ(stretches.end_of(start), std::nullopt);
  stretches.add(start, start + 10s);
  EXPECT_EQ(stretches.end_of(start - 1ns), std::nullopt);
  EXPECT_EQ(stretches.end_of(start), start + 10s);
  EXPECT_EQ(stretches.end_of(start + 10s), start + 10s);
  EXPECT_EQ(stretches.end_of(start + 10s + 1ns), std::nullopt);
  stretches.add(start + 87'600h, start + 87'601h);
  EXPECT_EQ(stretches.end_of(start + 1h), std::nullopt) << "a clock that is years ahead joins nothing";
}

TEST(TimeStretches, NearOnesAreOne) {
  TimeStretches stretches;
  stretches.add(start, start);
  stretches.add(start + 1h, start + 1h);
  stretches.add(start - 1h, start - 1h);
  ASSERT_EQ(stretches.all().size(), 1U);
  EXPECT_EQ(stretches.end_of(start - 1h), start + 1h);
  stretches.add(start + 3h, start + 4h);
  ASSERT_EQ(stretches.all().size(), 2U);
  stretches.add(start + 90min, start + 150min);
  ASSERT_EQ(stretches.all().size(), 1U);
  EXPECT_EQ(stretches.end_of(start), start + 4h);
}

TEST(TimeStretches, AreFewAndHoldWhateverWasAdded) {
  std::mt19937_64 random(tallygate::testing::test_seed());
  TimeStretches stretches;
  std::vector<std::pair<Time, Time>> added;
  std::uniform_int_distribution<std::int64_t> hours(0, 10'000);
  for (int i = 0; i < 500; ++i) {
    const Time from = start + std::chrono::hours(hours(random));
    const Time to = from + std::chrono::minutes(hours(random) % 200);
    stretches.add(from, to);
    added.emplace_back(from, to);
    ASSERT_LE(stretches.all().size(), time_stretches_max);
  }
  for (const auto& [from, to] : added) {
    ASSERT_TRUE(stretches.end_of(from));
    ASSERT_GE(*stretches.end_of(from), to);
  }
}

TEST(TimeStretches, AreReadAsTheyAreWritten) {
  TimeStretches stretches;
  stretches.add(start, start + 1ns);
  stretches.add(start + 10h, start + 11h);
  const auto read = read_stretches(to_json(stretches));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->all(), stretches.all());
  for (const char* bad :
       {"7", "[]", "[7]", "[[]]", R"([["2026-01-01T00:00:00.000000000Z"]])",
        R"([["2026-01-02T00:00:00.000000000Z","2026-01-01T00:00:00.000000000Z"]])", R"([["a","b"]])"}) {
    EXPECT_FALSE(read_stretches(boost::json::parse(bad))) << bad;
  }
}

}  // namespace
}  // namespace tallygate::audit
