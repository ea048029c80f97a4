// Enrolling and revoking writers and readers, and what is left of it when a segment is retired.

#include "audit/custody/canonical_value.hpp"
#include "audit/custody/custodian.hpp"
#include "audit/custody/enrolments.hpp"
#include "audit/journal/journal.hpp"
#include "audit/proof/verify.hpp"
#include "tests/audit/support/home.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

constexpr std::chrono::hours day{24};

class Writers : public ::testing::Test {
 protected:
  Writers() { open(); }

  void open() {
    journal_.reset();
    auto opened = Journal::open(home_.options());
    ASSERT_TRUE(opened) << opened.error().message;
    journal_ = std::move(*opened);
  }

  Result<json::object> ask(json::object request, const json::object& more = {}) {
    for (const auto& member : more) {
      request[member.key()] = member.value();
    }
    Custodian custodian(home_.journal(), home_.options().clock,
                        [this](const Custodian::Act& act) { return act(*journal_); });
    return custodian.handle(request, {1000});
  }

  json::object granted(const std::string& kind, const json::object& parameters) {
    const auto charter = read_own_charter(home_.journal()).value();
    const auto grant =
        make_grant(home_.root(), {charter.journal, kind, parameters, home_.options().clock() + day}).value();
    return {{"grant", grant.terms}, {"signature", grant.signature}};
  }

  static std::string new_key(const std::string& name = "vault") {
    return Signer::generate(name).value().vkey();
  }

  Result<json::object> enrol(const std::string& name, const std::string& role, const std::string& key) {
    return ask({{"act", "enrol"}, {"writer", name}, {"role", role}, {"key", key}},
               granted("writer.enrol", {{"writer", name}, {"role", role}, {"key", key}}));
  }
  Result<json::object> revoke(const std::string& name) {
    return ask({{"act", "revoke-writer"}, {"writer", name}}, granted("writer.revoke", {{"writer", name}}));
  }

  // Straight into the record: an act would read all of it each time.
  Result<void> put_enrolment(const std::string& name, const std::string& key) {
    const json::object what{{"key", key}, {"role", "reader"}, {"writer", name}};
    const json::object grant = granted("writer.enrol", what);
    const std::string terms = canonical_text(grant.at("grant")).value();
    const std::string signature = canonical_text(grant.at("signature")).value();
    const std::string quoted_key = '"' + key + '"';
    const std::string quoted_name = '"' + name + '"';
    const std::vector<Member> members = {{"grant", terms},
                                         {"key", quoted_key},
                                         {"role", "\"reader\""},
                                         {"signature", signature},
                                         {"writer", quoted_name}};
    return journal_->append_own("writer.enrol", members);
  }

  std::vector<std::string> findings() {
    VerifyOptions options{home_.journal(), load_root_key(home_.root().vkey()).value(), {}, {}, {}, {}, 0, {}};
    options.head = home_.head();
    std::vector<std::string> all;
    for (const Finding& finding : verify_journal(options).value().findings) {
      all.push_back(finding.what);
    }
    return all;
  }

  Home home_;
  std::unique_ptr<Journal> journal_;
};

TEST_F(Writers, ARevocationThatIsAskedForAgainIsToldToBeDone) {
  ASSERT_TRUE(enrol("vault", "writer", new_key()));
  const json::object grant = granted("writer.revoke", {{"writer", "vault"}});
  const json::object request{{"act", "revoke-writer"}, {"writer", "vault"}};
  const auto done = ask(request, grant);
  ASSERT_TRUE(done) << done.error().message;
  const std::uint64_t before = journal_->size();
  const auto again = ask(request, grant);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->at("seq"), done->at("seq"));
  EXPECT_TRUE(again->at("already").as_bool());
  EXPECT_EQ(journal_->size(), before);
  // Whoever has the name now is somebody else, and the grant was used.
  ASSERT_TRUE(enrol("vault", "writer", new_key()));
  EXPECT_THAT(ask(request, grant).error().message, HasSubstr("used before"));
}

TEST_F(Writers, ANameIsOfAsciiAndWhoeverAsksForAnotherHearsWhatWouldBeRight) {
  const std::uint64_t before = journal_->size();
  for (const char* name : {"", "z\xC3\xBCrich", "v\xD0\xB0ult", "vault 1", "vault/1"}) {
    const auto refused = enrol(name, "writer", new_key());
    ASSERT_FALSE(refused) << name;
    EXPECT_THAT(refused.error().message, HasSubstr("1 to 128 of the letters a to z")) << name;
  }
  EXPECT_FALSE(enrol(std::string(129, 'a'), "writer", new_key()));
  EXPECT_EQ(journal_->size(), before);
  EXPECT_TRUE(enrol(std::string(128, 'a'), "writer", new_key()));
}

TEST_F(Writers, AreEnrolledByAGrantUntilTheyAreRevokedByOne) {
  const std::string key = new_key();
  const auto enrolled = enrol("vault", "writer", key);
  ASSERT_TRUE(enrolled) << enrolled.error().message;
  auto book = read_enrolments(home_.journal()).value();
  ASSERT_NE(book.find("vault"), nullptr);
  EXPECT_EQ(book.find("vault")->key, key);
  EXPECT_EQ(book.find("vault")->since, enrolled->at("seq").to_number<std::uint64_t>());
  ASSERT_TRUE(revoke("vault"));
  book = read_enrolments(home_.journal()).value();
  EXPECT_EQ(book.find("vault"), nullptr);
  EXPECT_TRUE(book.all().at(0).revoked);
  EXPECT_EQ(revoke("nobody").error().kind, FailureKind::refused);
  EXPECT_EQ(enrol("vault", "writer", key).error().kind, FailureKind::refused);
  EXPECT_TRUE(enrol("vault", "writer", new_key()));
  ASSERT_TRUE(journal_->close());
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Writers, WhatIsNoEnrolmentIsRefusedBeforeItIsOnRecord) {
  const std::uint64_t before = journal_->size();
  const std::string key = new_key();
  EXPECT_THAT(enrol("a b", "writer", key).error().message, HasSubstr("letters"));
  EXPECT_THAT(enrol(std::string(129, 'a'), "writer", key).error().message, HasSubstr("128"));
  EXPECT_THAT(enrol("vault", "admin", key).error().message, HasSubstr("writer or reader"));
  EXPECT_THAT(enrol("vault", "writer", "sha256:00").error().message, HasSubstr("vkey"));
  EXPECT_THAT(enrol("vault", "reader", key).error().message, HasSubstr("sha256:"));
  EXPECT_THAT(ask({{"act", "enrol"}, {"writer", "vault"}, {"role", "writer"}, {"key", key}}).error().message,
              HasSubstr("needs a grant"));
  EXPECT_THAT(ask({{"act", "enrol"}, {"writer", "vault"}, {"role", "writer"}, {"key", key}},
                  granted("writer.enrol", {{"writer", "vault"}, {"role", "writer"}, {"key", new_key()}}))
                  .error()
                  .message,
              HasSubstr("key differs"));
  EXPECT_EQ(journal_->size(), before);
}

TEST_F(Writers, NoTwoHaveOneNameAndThereAreNotTooMany) {
  for (std::size_t i = 0; i < enrolments_max; ++i) {
    Digest digest{};
    digest[0] = static_cast<std::uint8_t>(i);
    digest[1] = 1;
    ASSERT_TRUE(put_enrolment("r" + std::to_string(i), reader_key(digest)));
  }
  EXPECT_EQ(enrol("r7", "writer", new_key()).error().kind, FailureKind::refused);
  EXPECT_THAT(enrol("one-more", "writer", new_key()).error().message, HasSubstr("256"));
  ASSERT_TRUE(revoke("r7"));
  EXPECT_TRUE(enrol("one-more", "writer", new_key()));
}

TEST_F(Writers, OutliveTheBodiesOfTheirSegment) {
  ASSERT_TRUE(enrol("vault", "writer", new_key()));
  ASSERT_TRUE(append(*journal_, 20));
  ASSERT_TRUE(journal_->seal());
  ASSERT_TRUE(journal_->close());
  home_.time.advance(401 * day);
  open();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(400 * day).count();
  ASSERT_TRUE(ask({{"act", "retire"}, {"apply", true}, {"rules", {{"keep", seconds}}}}));
  EXPECT_NE(read_enrolments(home_.journal()).value().find("vault"), nullptr);
  ASSERT_TRUE(journal_->close());
  EXPECT_THAT(findings(), IsEmpty());
}

}  // namespace
}  // namespace tallygate::audit
