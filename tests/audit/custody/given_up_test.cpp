// What becomes of an act whose answer nobody waits for, or that cannot tell all it should.

#include "audit/custody/custodian.hpp"
#include "audit/journal/journal.hpp"
#include "tests/audit/support/home.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

namespace tallygate::audit {
namespace {

namespace json = boost::json;
using testing::append;
using ::testing::HasSubstr;
using testing::Home;

class GivenUp : public ::testing::Test {
 protected:
  // Does an act, and then what else is to happen before its answer is made.
  Custodian custodian(const std::function<void()>& after = {}) {
    return {home_.journal(), home_.options().clock, [this, after](const Custodian::Act& act) {
              const std::uint64_t before = journal_->size();
              auto done = act(*journal_);
              if (after && journal_->size() > before) {
                after();
              }
              return done;
            }};
  }

  Home home_;
  std::unique_ptr<Journal> journal_ = Journal::open(home_.options()).value();
};

TEST_F(GivenUp, NothingIsDoneForWhoeverGaveUpBeforeTheWriterCameToIt) {
  ASSERT_TRUE(append(*journal_, 5));
  const std::uint64_t before = journal_->size();
  Custodian acts = custodian();
  for (const json::object& request :
       {json::object{{"act", "rotate"}}, json::object{{"act", "seal"}},
        json::object{{"act", "hold"}, {"hold", "case"}, {"first", 0}, {"last", 1}},
        json::object{{"act", "note"}, {"kind", "journal.read"}, {"members", json::object()}}}) {
    const auto refused = acts.handle(request, {1000, [] { return true; }});
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("gave up"));
    EXPECT_EQ(journal_->size(), before);
  }
  EXPECT_TRUE(acts.handle({{"act", "seal"}}, {1000, [] { return false; }}));
  EXPECT_TRUE(acts.handle({{"act", "rotate"}}, {1000})) << "nobody else is given up for them";
}

TEST_F(GivenUp, AHoldThatIsInForceSaysSoWhateverElseCannotBeTold) {
  const auto aside = home_.folder() / "aside";
  Custodian acts = custodian([&] { std::filesystem::rename(home_.journal(), aside); });
  const json::object request{{"act", "hold"}, {"hold", "case"}, {"first", 0}, {"last", 1}};
  const auto answer = acts.handle(request, {1000});
  std::filesystem::rename(aside, home_.journal());
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->at("seq").to_number<std::uint64_t>(), journal_->size() - 1);
  EXPECT_TRUE(answer->at("gone").is_null());
  EXPECT_THAT(std::string(answer->at("gone_why").as_string()), HasSubstr("cannot read the journal's folder"));
  EXPECT_EQ(read_holds(home_.journal()).value().size(), 1U);
}

}  // namespace
}  // namespace tallygate::audit
