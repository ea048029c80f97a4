// Signing keys that no longer count: what follows them, and what can be proven then.

#include "audit/custody/custodian.hpp"
#include "audit/journal/journal.hpp"
#include "audit/proof/entry_proof.hpp"
#include "audit/proof/verify.hpp"
#include "audit/search/prove.hpp"
#include "tests/audit/support/home.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace tallygate::audit {
namespace {

namespace json = boost::json;
using testing::append;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Home;
using ::testing::IsEmpty;

class Revocation : public ::testing::Test {
 protected:
  Revocation() { open(); }

  void open() {
    journal_.reset();
    journal_ = Journal::open(home_.options()).value();
  }
  Result<json::object> ask(const json::object& request) {
    Custodian custodian(home_.journal(), home_.time.clock(),
                        [this](const Custodian::Act& act) { return act(*journal_); });
    return custodian.handle(request, {0});
  }
  json::object granted(const std::string& kind, const json::object& parameters) {
    const std::string id = read_own_charter(home_.journal()).value().journal;
    const auto grant =
        make_grant(home_.root(), {id, kind, parameters, home_.time.clock()() + std::chrono::hours(1)})
            .value();
    return {{"grant", grant.terms}, {"signature", grant.signature}};
  }
  json::object revocation(const std::string& key, std::uint64_t size) {
    json::object request = granted("key.revoke", {{"key", key}, {"size", size}});
    request["act"] = "revoke";
    request["key"] = key;
    request["size"] = size;
    return request;
  }
  std::string prepared() {
    const auto answer = ask({{"act", "prepare"}}).value();
    after_ = answer.at("after").as_object();
    return json::value_to<std::string>(answer.at("key"));
  }
  // A grant for that key, after the record as it was when one was prepared last.
  json::object take_over(const std::string& key) {
    return granted("key.rotate", {{"after", after_}, {"key", key}});
  }
  std::vector<std::string> findings() {
    VerifyOptions options{home_.journal(), load_root_key(home_.root().vkey()).value(), {}, {}, {}, {}, 0, {}};
    options.head = home_.head();
    std::vector<std::string> all;
    const auto report = verify_journal(options).value();
    for (const Finding& finding : report.findings) {
      all.push_back(finding.what + "@" + std::to_string(finding.seq));
    }
    return all;
  }
  std::string signer_of(std::uint64_t seq) {
    const auto proof = prove_entry(home_.journal(), seq);
    if (!proof || !*proof) {
      return proof ? "no entry" : proof.error().message;
    }
    const auto proven = check_entry_proof(**proof, load_root_key(home_.root().vkey()).value());
    return proven ? proven->signed_by : proven.error().message;
  }

  Home home_;
  std::unique_ptr<Journal> journal_;
  json::object after_;
};

TEST_F(Revocation, OfTheKeyInForceNeedsANewOneThatAGrantNamesAndThenAllCanBeProven) {
  ASSERT_TRUE(append(*journal_, 10));
  const std::string stolen = journal_->vkey();
  const std::uint64_t before = journal_->size();
  const auto refused = ask(revocation(stolen, 5));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("tallygate keys rotate --prepare"));
  EXPECT_EQ(journal_->size(), before) << "nothing was recorded";

  const std::string next = prepared();
  json::object request = revocation(stolen, 5);
  request["next"] = take_over(next);
  const auto done = ask(request);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(journal_->vkey(), next);
  ASSERT_TRUE(append(*journal_, 3));
  EXPECT_THAT(findings(), IsEmpty());
  EXPECT_EQ(signer_of(before - 1), next);
  EXPECT_EQ(signer_of(journal_->size() - 1), next);
  EXPECT_EQ(signer_of(0), stolen) << "what it signed before still counts";
}

TEST_F(Revocation, OfAPastKeyBeforeItHandedOverNeedsOneToo) {
  ASSERT_TRUE(append(*journal_, 10));
  const std::string stolen = journal_->vkey();
  ASSERT_TRUE(ask({{"act", "rotate"}}));
  ASSERT_TRUE(append(*journal_, 3));
  EXPECT_THAT(ask(revocation(stolen, 5)).error().message, HasSubstr("--next"));
  json::object request = revocation(stolen, 5);
  request["next"] = take_over(prepared());
  const auto done = ask(request);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_THAT(findings(), IsEmpty());
  EXPECT_EQ(signer_of(12), journal_->vkey());
}

TEST_F(Revocation, WhereTheKeyInForceRestsOnNothingRevokedNoOtherIsNeeded) {
  ASSERT_TRUE(append(*journal_, 10));
  const std::string first = journal_->vkey();
  ASSERT_TRUE(ask({{"act", "rotate"}}));
  const std::uint64_t handed_over = journal_->size();
  const std::string second = journal_->vkey();
  json::object request = revocation(first, handed_over + 1);
  request["next"] = take_over(prepared());
  EXPECT_THAT(ask(request).error().message, HasSubstr("leave --next out"));
  const auto done = ask(revocation(first, handed_over + 1));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(journal_->vkey(), second);
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Revocation, ThatIsAskedForAgainIsToldToBeDoneAndByWhichEntry) {
  ASSERT_TRUE(append(*journal_, 10));
  const std::string stolen = journal_->vkey();
  json::object request = revocation(stolen, 5);
  request["next"] = take_over(prepared());
  const auto done = ask(request);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_FALSE(done->contains("already"));
  const std::uint64_t size = journal_->size();
  // The same once more, a later size, which counts no longer either, and by a grant of its own.
  for (const json::object& again : {request, revocation(stolen, 7), revocation(stolen, 5)}) {
    const auto told = ask(again);
    ASSERT_TRUE(told) << told.error().message;
    EXPECT_EQ(told->at("seq"), done->at("seq"));
    EXPECT_TRUE(told->at("already").as_bool());
  }
  EXPECT_EQ(journal_->size(), size) << "nothing was recorded";
  EXPECT_EQ(ask(revocation(stolen, 4)).value().contains("already"), false) << "that reaches further";
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Revocation, IsGoneOnWithWhereACrashCameAfterTheNewKeyTookOver) {
  ASSERT_TRUE(append(*journal_, 10));
  const std::string stolen = journal_->vkey();
  const std::string next = prepared();
  json::object request = revocation(stolen, 5);
  request["next"] = take_over(next);
  json::object first_half = request.at("next").as_object();
  first_half["act"] = "rotate";
  const auto took_over = ask(first_half);
  ASSERT_TRUE(took_over) << took_over.error().message;
  open();
  ASSERT_TRUE(ask({{"act", "rotate"}})) << "and the keys go on";
  const std::string now = journal_->vkey();
  const auto done = ask(request);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->at("took_over"), took_over->at("seq"));
  EXPECT_EQ(journal_->vkey(), now) << "no other key takes over";
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Revocation, OfAKeyThatNeverWasOneIsRefused) {
  const auto refused = ask(revocation(Signer::generate(Home::origin).value().vkey(), 2));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, FailureKind::refused);
}

TEST_F(Revocation, APreparedKeyWaitsThroughRotationsAndStartsUntilItsGrantCame) {
  const std::string next = prepared();
  ASSERT_TRUE(ask({{"act", "rotate"}}));
  open();
  ASSERT_TRUE(append(*journal_, 2));
  json::object request = take_over(next);
  request["act"] = "rotate";
  ASSERT_TRUE(ask(request));
  EXPECT_EQ(journal_->vkey(), next);
  const auto again = ask(request);
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().message, HasSubstr("used before"));
  open();
  EXPECT_EQ(journal_->vkey(), next);
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Revocation, AKeyThatIsPreparedAnewTakesThePlaceOfTheOneThatWaited) {
  const std::string first = prepared();
  const std::string second = prepared();
  json::object request = take_over(first);
  request["act"] = "rotate";
  const auto refused = ask(request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, FailureKind::refused);
  EXPECT_TRUE(journal_->good());
  request = take_over(second);
  request["act"] = "rotate";
  EXPECT_TRUE(ask(request));
}

TEST_F(Revocation, AGrantThatDoesNotSayAfterWhichRecordOrNamesAnotherIsRefused) {
  ASSERT_TRUE(append(*journal_, 10));
  const std::string next = prepared();
  json::object elsewhere = after_;
  elsewhere["root"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  json::object between = after_;
  between["size"] = after_.at("size").to_number<std::uint64_t>() - 1;
  const std::uint64_t before = journal_->size();
  for (const json::object& parameters :
       {json::object{{"key", next}}, json::object{{"after", elsewhere}, {"key", next}},
        json::object{{"after", between}, {"key", next}}}) {
    json::object request = granted("key.rotate", parameters);
    request["act"] = "rotate";
    const auto refused = ask(request);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("after"));
  }
  EXPECT_EQ(journal_->size(), before) << "nothing was recorded";
  ASSERT_TRUE(append(*journal_, 10));
  json::object request = take_over(next);
  request["act"] = "rotate";
  ASSERT_TRUE(ask(request)) << "the record has gone on since, from there";
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Revocation, ACrashWhileTheNamedKeyTakesOverCostsNoGrant) {
  const std::string first = journal_->vkey();
  const std::string next = prepared();
  ASSERT_TRUE(journal_->close());
  journal_.reset();
  {
    auto keys = SigningKeys::open(home_.keyring(), home_.options().kek).value();
    ASSERT_TRUE(keys.take_next(next, 2));
  }
  open();
  EXPECT_EQ(journal_->vkey(), first);
  json::object request = take_over(next);
  request["act"] = "rotate";
  ASSERT_TRUE(ask(request));
  EXPECT_EQ(journal_->vkey(), next);
  EXPECT_THAT(findings(), IsEmpty());
}

}  // namespace
}  // namespace tallygate::audit
