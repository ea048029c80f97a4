// A grant that expires on the way from its check to the record: the act is recorded in time, or not at all.

#include "audit/custody/custodian.hpp"
#include "audit/custody/grant.hpp"
#include "audit/journal/journal.hpp"
#include "audit/proof/anchors.hpp"
#include "audit/proof/verify.hpp"
#include "tests/audit/support/home.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tallygate::audit {
namespace {

namespace json = boost::json;
using testing::append;
using ::testing::HasSubstr;
using testing::Home;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

class GrantTime : public ::testing::Test {
 protected:
  void open(const JournalOptions& options) {
    journal_.reset();
    auto opened = Journal::open(options);
    ASSERT_TRUE(opened) << opened.error().message;
    journal_ = std::move(*opened);
  }
  Grant granted(const std::string& kind, const json::object& parameters, std::chrono::seconds good_for) {
    const auto charter = read_own_charter(home_.journal()).value();
    return make_grant(home_.root(), {charter.journal, kind, parameters, time_() + good_for}).value();
  }
  // Asks to release a hold, with a grant that is good for so long; `before` happens before the act.
  Result<json::object> release(const std::string& hold, std::chrono::seconds good_for, const Clock& clock,
                               const std::function<void()>& before) {
    const Grant grant = granted("journal.release", {{"hold", hold}}, good_for);
    Custodian custodian(home_.journal(), clock, [&](const Custodian::Act& act) {
      before();
      return act(*journal_);
    });
    return custodian.handle(
        {{"act", "release"}, {"hold", hold}, {"grant", grant.terms}, {"signature", grant.signature}}, {1000});
  }
  void hold(const std::string& name) {
    Custodian custodian(home_.journal(), time_, [&](const Custodian::Act& act) { return act(*journal_); });
    ASSERT_TRUE(custodian.handle({{"act", "hold"}, {"hold", name}, {"first", 0}, {"last", 1}}, {1000}));
  }
  std::vector<Finding> findings() {
    VerifyOptions options{home_.journal(), load_root_key(home_.root().vkey()).value(), {}, {}, {}, {}, 1, {}};
    options.head = home_.head();
    return verify_journal(options).value().findings;
  }

  Home home_;
  Clock time_ = home_.time.clock();
  std::unique_ptr<Journal> journal_;
};

TEST_F(GrantTime, OneThatExpiresWhileItsActWaitsIsRefusedAndNotRecorded) {
  open(home_.options());
  hold("case-17");
  const auto size = journal_->size();
  const auto late = release("case-17", 60s, time_, [&] { home_.time.advance(61s); });
  ASSERT_FALSE(late);
  EXPECT_THAT(late.error().message, HasSubstr("expired"));
  EXPECT_EQ(journal_->size(), size);
  EXPECT_TRUE(journal_->good());
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(GrantTime, WhateverTheClockDoesTheVerifierAcceptsWhatWasRecorded) {
  // A second passes each time that anybody looks.
  JournalOptions options = home_.options();
  const Clock stepping = [this] {
    home_.time.advance(1s);
    return time_();
  };
  options.clock = stepping;
  open(options);
  int recorded = 0;
  constexpr int tries = 12;
  for (int seconds = 0; seconds < tries; ++seconds) {
    const std::string name = "case-" + std::to_string(seconds);
    hold(name);
    recorded += release(name, std::chrono::seconds(seconds), stepping, [] {}) ? 1 : 0;
  }
  EXPECT_GT(recorded, 0);
  EXPECT_LT(recorded, tries);
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(GrantTime, ARecoveryIsOfTheInstantAtWhichItsGrantWasJudged) {
  open(home_.options());
  ASSERT_TRUE(append(*journal_, 5));
  ASSERT_TRUE(journal_->close());
  const auto read = read_head_anchors(home_.head()).value().value();
  const Checkpoint kept = std::max_element(read.begin(), read.end(), [](const Anchor& a, const Anchor& b) {
                            return a.checkpoint->size < b.checkpoint->size;
                          })->checkpoint.value();
  std::filesystem::remove(home_.head());
  const Grant grant =
      granted("journal.recover",
              {{"kept", json::object{{"root", base64_encode(kept.root)}, {"size", kept.size}}}}, 60s);
  JournalOptions options = home_.options();
  options.recovery.emplace();
  options.recovery->kept = kept;
  options.recovery->recover = GrantMembers{grant.json, grant.signature};
  options.recovery->by = R"({"uid":0})";
  options.recovery->at = time_();
  home_.time.advance(61s);  // the record is long, and its examination takes its time
  open(options);
  EXPECT_THAT(findings(), IsEmpty());
}

}  // namespace
}  // namespace tallygate::audit
