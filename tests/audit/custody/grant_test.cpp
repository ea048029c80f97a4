// Grants as files and as members of entries.

#include "audit/custody/grant.hpp"

#include "audit/custody/canonical_value.hpp"
#include "audit/proof/grant_check.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tallygate::audit {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr const char* journal = "7f4a0f52-52a5-4a3b-9d7c-0c4f4e6a1b2c";
const Time now = Time(std::chrono::seconds(1'800'000'000));

class Grants : public ::testing::Test {
 protected:
  [[nodiscard]] Grant made(const json::object& parameters = {{"hold", "case-17"}}) const {
    return make_grant(root_, {journal, "journal.release", parameters, now + 1h}).value();
  }

  // What the verifier makes of an entry with these members.
  [[nodiscard]] std::string judged(const Grant& grant, json::object members, Time at = now) const {
    members["grant"] = grant.terms;
    members["signature"] = grant.signature;
    GrantBook book(journal, root_.verify_key());
    const auto used =
        book.use(canonical_text(members).value(), "journal.release", at.time_since_epoch().count());
    return used ? "" : used.error().detail;
  }

  Signer root_ = Signer::generate("gw.example.com/journal/root").value();
};

TEST_F(Grants, AllowTheActTheyNameAndNoOther) {
  EXPECT_EQ(judged(made(), {{"hold", "case-17"}}), "");
  EXPECT_EQ(judged(made(), {{"by", "somebody"}, {"hold", "case-17"}}), "") << "an entry may say more";
  EXPECT_THAT(judged(made(), {{"hold", "case-18"}}), HasSubstr("hold differs"));
  EXPECT_THAT(judged(made(), {}), HasSubstr("hold differs"));
}

TEST_F(Grants, AreGoodForNothingWhereTheyDoNotSettleWhatTheyAllow) {
  EXPECT_THAT(judged(made({}), {{"hold", "case-17"}}), HasSubstr("does not settle hold"));
}

TEST_F(Grants, EndWhenTheyExpireAndWhenAByteOfThemChanges) {
  EXPECT_EQ(judged(made(), {{"hold", "case-17"}}, now + 59min), "");
  EXPECT_THAT(judged(made(), {{"hold", "case-17"}}, now + 61min), HasSubstr("expired"));
  Grant altered = made();
  altered.terms["expires"] = "2999-01-01T00:00:00.000000000Z";
  EXPECT_THAT(judged(altered, {{"hold", "case-17"}}), HasSubstr("not signed"));
}

TEST_F(Grants, SurviveTheirFileInAnyLayout) {
  const Grant grant = made({{"hold", "case-17"}, {"deep", {{"b", 2}, {"a", {1, true, nullptr, "\u00fc"}}}}});
  const auto read = parse_grant(grant_file(grant)).value();
  EXPECT_EQ(read.json, grant.json);
  EXPECT_EQ(read.signature, grant.signature);
  const std::string spread =
      " {\"signature\" : \"" + grant.signature + "\",\n \"grant\" :\t" + grant.json + "}\n";
  EXPECT_EQ(parse_grant(spread).value().json, grant.json);
  EXPECT_EQ(grant_parameters(read).size(), 2U);
}

TEST_F(Grants, HaveEachANonceOfTheirOwn) {
  EXPECT_NE(made().json, made().json);
}

TEST_F(Grants, TakeNoParameterOfTheirOwnNames) {
  for (const char* name : {"journal", "kind", "nonce", "expires"}) {
    EXPECT_FALSE(make_grant(root_, {journal, "journal.release", {{name, "x"}}, now})) << name;
  }
}

TEST_F(Grants, WhatIsNoGrantIsRefusedWithTheWayToMakeOne) {
  for (const std::string text :
       {"", "{}", "[]", R"({"grant":{},"signature":""})", R"({"grant":1,"signature":"x"})",
        R"({"grant":{"journal":1,"kind":"a","nonce":"b","expires":"c"},"signature":"x"})"}) {
    const auto read = parse_grant(text);
    ASSERT_FALSE(read) << text;
    EXPECT_THAT(read.error().message, HasSubstr("tallygate keys grant"));
  }
  EXPECT_FALSE(parse_grant(std::string(grant_bytes_max + 1, ' ')));
}

TEST(CanonicalText, SortsByUtf16AndKeepsToWhatEntriesMayHold) {
  // U+FF41 sorts after the surrogates of U+1F600 in UTF-16, and before them in UTF-8.
  const json::object value{{"\uff41", 1}, {"\U0001f600", 2}, {"a", json::array{-1, "x\n", false}}};
  EXPECT_EQ(canonical_text(value).value(), "{\"a\":[-1,\"x\\n\",false],\"\U0001f600\":2,\"\uff41\":1}");
  EXPECT_FALSE(canonical_text(1.5));
  EXPECT_FALSE(canonical_text(std::int64_t{9'007'199'254'740'992}));
  EXPECT_TRUE(canonical_text(std::int64_t{-9'007'199'254'740'991}));
  EXPECT_FALSE(canonical_text(json::string("\xff")));
  json::value deep = 1;
  for (int i = 0; i < 33; ++i) {
    deep = json::array{deep};
  }
  EXPECT_FALSE(canonical_text(deep));
}

}  // namespace
}  // namespace tallygate::audit
