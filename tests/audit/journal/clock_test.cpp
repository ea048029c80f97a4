// The clock of a gateway is set: what is recorded says what it showed, the chain is whole, and the verifier
// names what cannot be.

#include "audit/proof/verify.hpp"
#include "tests/audit/support/collector.hpp"
#include "tests/audit/support/home.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace tallygate::audit {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::append;
using testing::Collector;
using ::testing::ElementsAre;
using testing::Home;
using testing::inspect;
using ::testing::IsEmpty;

std::vector<std::string> findings(const Home& home) {
  const VerifyOptions options{
      home.journal(), {home.root().verify_key().key, {}}, home.head(), {}, {}, {}, 1, {}};
  const auto report = verify_journal(options);
  EXPECT_TRUE(report) << report.error().message;
  std::vector<std::string> out;
  for (const Finding& finding : report->findings) {
    out.push_back(finding.what + "@" + std::to_string(finding.seq) +
                  (finding.count > 1 ? "*" + std::to_string(finding.count) : ""));
  }
  return out;
}

// Entries 0 and 1 are the provisioning and the opening; each step of the clock is followed by one batch.
class SetClock : public ::testing::Test {
 protected:
  void record_after(const std::vector<std::chrono::nanoseconds>& steps, std::size_t batch = 1) {
    const auto journal = Journal::open(home_.options()).value();
    for (const auto step : steps) {
      home_.time.advance(step);
      ASSERT_TRUE(append(*journal, batch));
    }
    ASSERT_TRUE(journal->close());
    EXPECT_THAT(inspect(home_).faults, IsEmpty());
  }
  std::string time_of(std::size_t seq) {
    const std::string body = inspect(home_).entries.at(seq).body;
    const auto at = body.find(R"("time":")");
    return body.substr(at + 8, 30);
  }
  Home home_;
};

TEST_F(SetClock, BackByHoursIsRecordedAsItIsAndEveryEntryIsNamedUntilTimeHasCaughtUp) {
  record_after({seconds(1), -hours(3), seconds(1), hours(4)});
  EXPECT_EQ(time_of(2), "2026-01-02T03:04:06.123456789Z");
  EXPECT_EQ(time_of(3), "2026-01-02T00:04:06.123456789Z");
  // The leap forward to the right time is as long as a silence.
  EXPECT_THAT(findings(home_), ElementsAre("time-backward@3", "time-backward@4", "heartbeat-gap@5"));
}

TEST_F(SetClock, ALongTimeBehindIsToldInFewLines) {
  record_after({seconds(1), -hours(3)}, 100);
  const auto told = findings(home_);
  EXPECT_THAT(told, ::testing::SizeIs(::testing::Le(10U)));
  EXPECT_THAT(told, ::testing::Contains(::testing::MatchesRegex("time-backward@[0-9]+\\*[0-9]+")));
}

TEST_F(SetClock, ForwardByHoursLooksLikeASilenceAndBackAgainIsNamed) {
  record_after({seconds(1), hours(5), -hours(5), seconds(1)});
  EXPECT_THAT(findings(home_), ElementsAre("heartbeat-gap@3", "time-backward@4", "time-backward@5"));
}

TEST_F(SetClock, ALeapSecondEitherWayIsNoMatter) {
  record_after({milliseconds(300), -seconds(1), milliseconds(300), seconds(1), milliseconds(300)});
  EXPECT_THAT(findings(home_), IsEmpty());
}

TEST_F(SetClock, FiveSecondsBehindAreAllowedAndOneNanosecondMoreIsNot) {
  record_after({seconds(1), -seconds(5)});
  EXPECT_THAT(findings(home_), IsEmpty());
  Home other;
  const auto journal = Journal::open(other.options()).value();
  other.time.advance(-seconds(5) - std::chrono::nanoseconds(1));
  ASSERT_TRUE(append(*journal, 1));
  ASSERT_TRUE(journal->close());
  EXPECT_THAT(findings(other), ElementsAre("time-backward@2"));
}

TEST_F(SetClock, WhicheverWayTheHeartbeatIsNotSilenced) {
  Collector collector;
  WriterOptions options;
  options.poll = hours(1);
  std::uint64_t entries = 0;
  {
    Writer writer(Journal::open(home_.options()).value(), options, collector);
    for (const auto step : {seconds(hours(5)), -seconds(hours(5)), -seconds(hours(30)), seconds(540)}) {
      home_.time.advance(step);
      writer.poke();
      ++entries;
      const auto deadline = std::chrono::steady_clock::now() + Collector::patience;
      while (writer.health().entries < entries && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::yield();
      }
      ASSERT_EQ(writer.health().entries, entries);
    }
  }
  const auto seen = inspect(home_);
  EXPECT_THAT(seen.faults, IsEmpty());
  for (std::size_t seq = 2; seq < 6; ++seq) {
    EXPECT_EQ(seen.entries.at(seq).kind, "journal.heartbeat");
  }
}

}  // namespace
}  // namespace tallygate::audit
