// What of an event is sealed, and what comes back.

#include "audit/sealing/seal_event.hpp"

#include "audit/journal/canonical_json.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>
#include <string_view>

namespace tallygate::audit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view origin = "gw.example.com/journal";
constexpr std::string_view id = "01890a5d-ac96-774b-bcce-b302099a8057";
constexpr std::string_view zeros = "0000000000000000000000000000000000000000000000000000000000000000";
constexpr std::string_view time = "2026-01-02T03:04:05.123456789Z";
constexpr std::string_view actor =
    R"({"email":"alice@example.com","method":"local","subject":"alice \"A\""})";
constexpr std::string_view client =
    R"({"address":"192.0.2.7","certificate":"ab12","peer":"10.0.0.1","port":4711,"tls":"TLSv1.3","user_agent":"curl/7"})";

KnownPerson person(std::string uuid) {
  return std::make_shared<const SubjectKey>(SubjectKey{std::move(uuid), std::move(*AesKey::random())});
}

std::optional<std::string> opened(const PersonSeal& seal, const AesKey& key,
                                  std::string_view whose = origin) {
  Unpacker unpacker;
  return open_seal(seal, key, whose, unpacker);
}

std::string sealed_body(std::span<const Member> members, const KnownPerson& whose,
                        std::string_view kind = "access.allow") {
  const Event event{kind, id, members};
  const auto parts = take_apart(event).value();
  SealTools tools;
  auto encoded =
      encode_sealed(event, parts, origin, "\"gw\"", [&](const std::string&) { return whose; }, tools);
  return std::string((*encoded)->complete(7, zeros, time));
}

constexpr std::array<Member, 3> members = {
    {{"actor", actor}, {"client", client}, {"request", R"({"path":"/"})"}}};

TEST(SealedEvent, WhoItIsStandsInNoClearTextAndTheRestDoes) {
  const std::string body = sealed_body(members, person("u-1"));
  for (const char* secret : {"alice", "example.com", "192.0.2.7", "10.0.0.1", "ab12", "curl"}) {
    EXPECT_THAT(body, Not(HasSubstr(secret)));
  }
  EXPECT_THAT(body, HasSubstr(R"("client":{"port":4711,"tls":"TLSv1.3"})"));
  EXPECT_THAT(body, HasSubstr(R"("request":{"path":"/"},"sealed":{"ct":")"));
}

TEST(SealedEvent, OpensToTheVeryMembersThatWereSealed) {
  const auto alice = person("u-1");
  const std::string body = sealed_body(members, alice);
  const auto seal = read_seal(body);
  ASSERT_TRUE(seal);
  EXPECT_EQ(seal->subject, "u-1");
  const auto text = opened(*seal, alice->key);
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, R"({"actor":)" + std::string(actor) +
                       R"(,"client":{"address":"192.0.2.7","certificate":"ab12","peer":"10.0.0.1",)" +
                       R"("user_agent":"curl/7"}})");
  const auto whole = put_together(body, *text);
  ASSERT_TRUE(whole);
  EXPECT_FALSE(check_canonical(*whole));
  EXPECT_THAT(*whole, HasSubstr(R"("client":)" + std::string(client)));
  EXPECT_THAT(*whole, HasSubstr(R"("actor":)" + std::string(actor)));
  EXPECT_THAT(*whole, HasSubstr(R"("sealed":{"subject":"u-1"})"));
}

TEST(SealedEvent, DoesNotOpenWithAnotherKeyEntryJournalOrByte) {
  const auto alice = person("u-1");
  const auto seal = *read_seal(sealed_body(members, alice));
  EXPECT_FALSE(opened(seal, person("u-2")->key));
  EXPECT_FALSE(opened(seal, alice->key, "gw2.example.com/journal"));
  PersonSeal moved = seal;
  moved.id.back() = '8';
  EXPECT_FALSE(opened(moved, alice->key));
  for (std::size_t i = 0; i < seal.ct.size(); i += 7) {
    PersonSeal altered = seal;
    altered.ct[i] = static_cast<char>(altered.ct[i] ^ 1);
    EXPECT_FALSE(opened(altered, alice->key)) << i;
  }
  PersonSeal other_iv = seal;
  other_iv.iv[0] = static_cast<char>(other_iv.iv[0] ^ 1);
  EXPECT_FALSE(opened(other_iv, alice->key));
  PersonSeal cut = seal;
  cut.ct.resize(3);
  EXPECT_FALSE(opened(cut, alice->key));
}

TEST(SealedEvent, TheSameEventLooksAnotherWayEachTime) {
  const auto alice = person("u-1");
  EXPECT_NE(read_seal(sealed_body(members, alice))->ct, read_seal(sealed_body(members, alice))->ct);
}

TEST(SealedEvent, EveryClientIsPartedAsAReaderOfItsJsonWouldPartIt) {
  constexpr std::array<std::string_view, 9> names = {
      "address", "certificate", "network", "peer", "port", "sni", "user_agent", "user_agent_bytes", "zone"};
  const std::set<std::string_view> clear = {"port", "sni", "zone"};
  for (std::size_t chosen = 0; chosen < (std::size_t{1} << names.size()); ++chosen) {
    boost::json::object whole;
    boost::json::object sealed;
    boost::json::object left;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if ((chosen >> i & 1U) != 0) {
        const boost::json::value value = {R"(a "quoted, one\")", boost::json::object{{"peer", i}}};
        whole[names[i]] = value;
        (clear.contains(names[i]) ? left : sealed)[names[i]] = value;
      }
    }
    const std::string json = boost::json::serialize(whole);
    const std::array<Member, 1> one = {{{"client", json}}};
    const auto parts = take_apart({"access.allow", id, one}).value();
    EXPECT_EQ(parts.client, left.empty() ? "" : boost::json::serialize(left)) << json;
    EXPECT_EQ(parts.sealed, sealed.empty() ? "" : R"({"client":)" + boost::json::serialize(sealed) + "}")
        << json;
    const auto back = put_together(
        R"({)" + (left.empty() ? "" : R"("client":)" + parts.client + ",") + R"("sealed":{"subject":"u"}})",
        sealed.empty() ? "{}" : parts.sealed);
    EXPECT_EQ(back.value_or(""),
              (whole.empty() ? "{" : R"({"client":)" + json + ",") + R"("sealed":{"subject":"u"}})");
  }
}

TEST(SealedEvent, ThePersonIsTheSubjectElseTheUserElseNobody) {
  const auto who = [](std::string_view json, std::string_view kind = "access.deny") {
    const std::array<Member, 1> one = {{{"actor", json}}};
    return take_apart({kind, id, one}).value().person;
  };
  EXPECT_EQ(who(actor), "alice \"A\"");
  EXPECT_EQ(who(R"({"method":"mtls","user":"bob"})"), "bob");
  EXPECT_EQ(who(R"({"method":"anonymous"})"), "");
  EXPECT_EQ(who(R"({"subject":"carol","user":"bob"})"), "carol");
  EXPECT_EQ(who(R"({"subject_bytes":"dave","user":"bob"})"), "dave");
  EXPECT_EQ(who(R"({"user_bytes":"erin"})"), "erin");
  EXPECT_EQ(who(R"({"x":{"subject":"no"}})"), "");
  const std::string cut = R"({"bytes":9000,"cut":"aa","sha256":"00"})";
  EXPECT_EQ(who(R"({"subject":)" + cut + "}"), cut);
}

TEST(SealedEvent, AnActorWithOneNameAsTextAndAsBytesIsRefused) {
  for (const std::string_view json :
       {R"({"subject":"alice","subject_bytes":"bob"})", R"({"user":"alice","user_bytes":"bob"})",
        R"({"subject":"carol","user":"alice","user_bytes":"bob"})"}) {
    const std::array<Member, 1> one = {{{"actor", json}}};
    EXPECT_FALSE(take_apart({"access.deny", id, one})) << json;
  }
}

TEST(SealedEvent, TheNameOfALoginThatFailedIsSealedForThatPerson) {
  const std::array<Member, 2> login = {{{"client", R"({"address":"192.0.2.7"})"}, {"user", "\"carol\""}}};
  const auto parts = take_apart({"session.reject", id, login}).value();
  EXPECT_EQ(parts.person, "carol");
  EXPECT_EQ(parts.client, "");
  const std::string body = sealed_body(login, person("u-3"), "session.reject");
  EXPECT_THAT(body, Not(HasSubstr("carol")));
  EXPECT_THAT(body, Not(HasSubstr("client")));
  EXPECT_EQ(take_apart({"config.load", id, std::span(login).subspan(1)}).value().sealed, "");
}

TEST(SealedEvent, AccountsThatAreCountedAreCalledByTheirSubjects) {
  const std::array<Member, 1> flood = {
      {{"accounts", R"([{"count":2,"user":"alice"},{"count":1,"user":"bob"}])"}}};
  const Event event{"journal.suppress", id, flood};
  const auto parts = take_apart(event).value();
  EXPECT_THAT(parts.counted, ElementsAre("alice", "bob"));
  SealTools tools;
  auto encoded = encode_sealed(
      event, parts, origin, "\"gw\"", [](const std::string& name) { return person("of-" + name); }, tools);
  EXPECT_THAT(std::string((*encoded)->complete(7, zeros, time)),
              HasSubstr(R"("accounts":[{"count":2,"subject":"of-alice"},{"count":1,"subject":"of-bob"}])"));
}

TEST(SealedEvent, ANewcomerIsNotEncodedAndAMalformedOneRefused) {
  const Event event{"access.allow", id, members};
  const auto parts = take_apart(event).value();
  SealTools tools;
  const auto encoded =
      encode_sealed(event, parts, origin, "\"gw\"", [](const std::string&) { return nullptr; }, tools);
  ASSERT_TRUE(encoded);
  EXPECT_FALSE(*encoded);
  for (const char* bad : {"{", "\"alice\"", R"({"b":1,"a":2})", ""}) {
    const std::array<Member, 1> one = {{{"client", bad}}};
    const auto apart = take_apart({"access.allow", id, one});
    EXPECT_TRUE(!apart || std::string_view(bad).empty()) << bad;
  }
  const std::array<Member, 1> forged = {{{"sealed", "{}"}}};
  EXPECT_FALSE(encode_sealed(
      {"access.allow", id, forged}, {}, origin, "\"gw\"", [](const std::string&) { return nullptr; }, tools));
}

TEST(SealedEvent, WhatWouldNotBeAcceptedInTheClearIsNotSealedEither) {
  const std::array<Member, 2> twice = {{{"actor", R"({"subject":"a"})"}, {"actor", R"({"subject":"b"})"}}};
  EXPECT_FALSE(take_apart({"access.allow", id, twice}));
  const auto nested = [](unsigned levels) {
    const std::string open(levels - 1, '[');
    const std::string json = R"({"a":)" + open + std::string(levels - 1, ']') + "}";
    const std::array<Member, 1> one = {{{"actor", json}}};
    return static_cast<bool>(take_apart({"access.allow", id, one}));
  };
  EXPECT_TRUE(nested(json_depth_max - 1));
  EXPECT_FALSE(nested(json_depth_max));
}

TEST(SealedEvent, WhatWasSealedNeverHidesWhatStandsBesideIt) {
  EXPECT_FALSE(put_together(R"({"kind":"a","sealed":{"subject":"u"}})", R"({"kind":"b"})"));
  EXPECT_FALSE(put_together(R"({"client":{"port":1},"sealed":{"subject":"u"}})", R"({"client":{"port":2}})"));
  EXPECT_FALSE(put_together(R"({"sealed":3})", "{}"));
  EXPECT_FALSE(put_together("{}", "{}"));
  EXPECT_FALSE(put_together(R"({"sealed":{"subject":"u"}})", "["));
}

TEST(People, ThoseNotSeenForLongestAreLetGo) {
  People people(2);
  people.put("a", person("1"));
  people.put("b", person("2"));
  EXPECT_EQ(people.find("a")->uuid, "1");
  people.put("c", person("3"));
  EXPECT_FALSE(people.find("b"));
  EXPECT_TRUE(people.find("a"));
  people.forget("1");
  EXPECT_FALSE(people.find("a"));
  EXPECT_EQ(people.size(), 1U);
  people.put("c", person("4"));
  EXPECT_EQ(people.find("c")->uuid, "4");
}

}  // namespace
}  // namespace tallygate::audit
