#include "gateway/identity/identity.hpp"

#include "gateway/identity/whoami.hpp"
#include "tests/gateway/identity/support.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace tallygate::identity {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::now;

IdentityFacts ana() {
  IdentityFacts facts;
  facts.method = Method::token;
  facts.credential = Credential::bearer;
  facts.subject = "ana";
  facts.user = "ana";
  facts.email = "ana@example.com";
  facts.groups = {"staff", "a,b%\n"};
  facts.claims = {{"z", 1}, {"level", json::array{"senior", 2}}, {"a", json::object{{"b", true}}}};
  facts.issuer = "https://ci.example.com";
  facts.auth_time = now - milliseconds{90'900};
  facts.mfa_time = now + seconds{5};
  return facts;
}

TEST(Identity, TheActorOfTheRecordIsCanonicalJson) {
  std::string actor;
  append_actor(*make_identity(ana()), now, actor);
  EXPECT_EQ(
      actor,
      R"({"age_mfa_s":0,"age_s":90,"claims":{"a":{"b":true},"level":["senior",2],"z":1},"email":"ana@example.com",)"
      R"("groups":["staff","a,b%\n"],"issuer":"https://ci.example.com","method":"token","subject":"ana","user":"ana"})");
  actor.clear();
  append_actor(*anonymous_identity(), now, actor);
  EXPECT_EQ(actor, R"({"method":"anonymous"})");
  EXPECT_TRUE(anonymous_identity(true)->stale_session);
}

TEST(Identity, AgesAreTheSameAtEachMomentOfASecondSoThatTheRecordHoldsWhatWasDecidedBy) {
  IdentityFacts facts = ana();
  facts.auth_time = now - milliseconds{300'500};
  facts.mfa_time = now - milliseconds{300'500};
  const IdentityPtr identity = make_identity(facts);
  for (const milliseconds into : {milliseconds{0}, milliseconds{499}, milliseconds{500}, milliseconds{999}}) {
    EXPECT_EQ(identity->auth_age(now + into), seconds{300}) << into.count() << " ms";
    EXPECT_EQ(identity->mfa_age(now + into), seconds{300}) << into.count() << " ms";
    std::string actor;
    append_actor(*identity, now + into, actor);
    EXPECT_TRUE(actor.starts_with(R"({"age_mfa_s":300,"age_s":300,)")) << into.count() << " ms: " << actor;
  }
}

TEST(Identity, LongClaimsAreCutAndMarkedInTheRecordOnly) {
  IdentityFacts facts = ana();
  facts.claims["long"] = std::string(max_recorded_claims_bytes, '"');
  const IdentityPtr identity = make_identity(facts);
  const json::value actor = json::parse("{" + identity->actor_tail);
  const json::object& claims = actor.at("claims").as_object();
  EXPECT_GT(claims.at("bytes").as_int64(), static_cast<std::int64_t>(max_recorded_claims_bytes));
  EXPECT_EQ(claims.at("sha256").as_string().size(), 64U);
  EXPECT_LE(claims.at("cut").as_string().size(), max_recorded_claims_bytes);
  EXPECT_EQ(identity->claims.at("long").as_string().size(), max_recorded_claims_bytes);
}

TEST(Identity, ThePolicySeesScalarsAndListsOfScalarsAndNothingHalf) {
  IdentityFacts facts = ana();
  facts.claims["mixed"] = json::array{"x", json::object{}};
  facts.claims["nothing"] = nullptr;
  const policy::Principal principal = make_identity(facts)->principal;
  EXPECT_FALSE(principal.anonymous);
  EXPECT_EQ(principal.user, "ana");
  EXPECT_EQ(principal.groups, facts.groups);
  std::vector<std::string> names;
  for (const policy::Attribute& claim : principal.claims) {
    names.push_back(claim.name);
    EXPECT_EQ(claim.values.size(), claim.name == "level" ? 2U : 1U);
  }
  std::ranges::sort(names);
  EXPECT_EQ(names, (std::vector<std::string>{"level", "z"}));
  EXPECT_TRUE(anonymous_identity()->principal.anonymous);
}

TEST(Identity, AgesAreWholeSecondsAndNeverNegative) {
  const IdentityPtr identity = make_identity(ana());
  EXPECT_EQ(identity->auth_age(now), seconds{90});
  EXPECT_EQ(identity->mfa_age(now), seconds{0}) << "a clock that runs ahead makes nothing fresher than fresh";
  EXPECT_EQ(anonymous_identity()->auth_age(now), std::nullopt);
}

TEST(Identity, NoGroupNameCanPassForTwoOrEndTheLine) {
  EXPECT_EQ(make_identity(ana())->groups_csv, "staff,a%2Cb%25%0A");
}

TEST(Identity, WhoamiTellsWhatIsKnown) {
  IdentityFacts facts = ana();
  facts.expires = now + seconds{60};
  const json::object who = json::parse(whoami_json(*make_identity(facts), now)).as_object();
  EXPECT_EQ(who.at("user").as_string(), "ana");
  EXPECT_EQ(who.at("method").as_string(), "token");
  EXPECT_EQ(who.at("expires").as_string(), "2026-03-04T10:01:00Z");
  EXPECT_FALSE(who.contains("session"));
  EXPECT_EQ(whoami_json(*anonymous_identity(), now),
            "{\"anonymous\":true,\"now\":\"2026-03-04T10:00:00Z\"}\n");
}

}  // namespace
}  // namespace tallygate::identity
