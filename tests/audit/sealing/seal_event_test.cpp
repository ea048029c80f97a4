// What of an event is sealed, and what comes back.

#include "audit/sealing/seal_event.hpp"

#include "audit/journal/canonical_json.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

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
  return {std::move(uuid), std::make_shared<const AesKey>(std::move(*AesKey::random()))};
}

std::string sealed_body(std::span<const Member> members, const KnownPerson& whose,
                        std::string_view kind = "access.allow") {
  const Event event{kind, id, members};
  const auto parts = take_apart(event).value();
  auto encoded = encode_sealed(event, parts, origin, "\"gw\"", [&](const std::string&) { return whose; });
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
  const auto opened = open_seal(*seal, *alice.key, origin);
  ASSERT_TRUE(opened);
  EXPECT_EQ(*opened, R"({"actor":)" + std::string(actor) +
                         R"(,"client":{"address":"192.0.2.7","certificate":"ab12","peer":"10.0.0.1",)" +
                         R"("user_agent":"curl/7"}})");
  const auto whole = put_together(body, *opened);
  ASSERT_TRUE(whole);
  EXPECT_FALSE(check_canonical(*whole));
  EXPECT_THAT(*whole, HasSubstr(R"("client":)" + std::string(client)));
  EXPECT_THAT(*whole, HasSubstr(R"("actor":)" + std::string(actor)));
  EXPECT_THAT(*whole, HasSubstr(R"("sealed":{"subject":"u-1"})"));
}

TEST(SealedEvent, DoesNotOpenWithAnotherKeyEntryJournalOrByte) {
  const auto alice = person("u-1");
  const auto seal = *read_seal(sealed_body(members, alice));
  EXPECT_FALSE(open_seal(seal, *person("u-2").key, origin));
  EXPECT_FALSE(open_seal(seal, *alice.key, "gw2.example.com/journal"));
  PersonSeal moved = seal;
  moved.id.back() = '8';
  EXPECT_FALSE(open_seal(moved, *alice.key, origin));
  for (std::size_t i = 0; i < seal.ct.size(); i += 7) {
    PersonSeal altered = seal;
    altered.ct[i] = static_cast<char>(altered.ct[i] ^ 1);
    EXPECT_FALSE(open_seal(altered, *alice.key, origin)) << i;
  }
  PersonSeal other_iv = seal;
  other_iv.iv[0] = static_cast<char>(other_iv.iv[0] ^ 1);
  EXPECT_FALSE(open_seal(other_iv, *alice.key, origin));
  PersonSeal cut = seal;
  cut.ct.resize(3);
  EXPECT_FALSE(open_seal(cut, *alice.key, origin));
}

TEST(SealedEvent, TheSameEventLooksAnotherWayEachTime) {
  const auto alice = person("u-1");
  EXPECT_NE(read_seal(sealed_body(members, alice))->ct, read_seal(sealed_body(members, alice))->ct);
}

TEST(SealedEvent, ThePersonIsTheSubjectElseTheUserElseNobody) {
  const auto who = [](std::string_view json, std::string_view kind = "access.deny") {
    const std::array<Member, 1> one = {{{"actor", json}}};
    return take_apart({kind, id, one}).value().person;
  };
  EXPECT_EQ(who(actor), "alice \"A\"");
  EXPECT_EQ(who(R"({"method":"mtls","user":"bob"})"), "bob");
  EXPECT_EQ(who(R"({"method":"anonymous"})"), "");
  EXPECT_EQ(who(R"({"x":{"subject":"no"}})"), "");
  const std::string cut = R"({"bytes":9000,"cut":"aa","sha256":"00"})";
  EXPECT_EQ(who(R"({"subject":)" + cut + "}"), cut);
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
  auto encoded = encode_sealed(event, parts, origin, "\"gw\"",
                               [](const std::string& name) { return std::optional(person("of-" + name)); });
  EXPECT_THAT(std::string((*encoded)->complete(7, zeros, time)),
              HasSubstr(R"("accounts":[{"count":2,"subject":"of-alice"},{"count":1,"subject":"of-bob"}])"));
}

TEST(SealedEvent, ANewcomerIsNotEncodedAndAMalformedOneRefused) {
  const Event event{"access.allow", id, members};
  const auto parts = take_apart(event).value();
  const auto encoded =
      encode_sealed(event, parts, origin, "\"gw\"", [](const std::string&) { return std::nullopt; });
  ASSERT_TRUE(encoded);
  EXPECT_FALSE(*encoded);
  for (const char* bad : {"{", "\"alice\"", R"({"b":1,"a":2})", ""}) {
    const std::array<Member, 1> one = {{{"client", bad}}};
    const auto apart = take_apart({"access.allow", id, one});
    EXPECT_TRUE(!apart || std::string_view(bad).empty()) << bad;
  }
  const std::array<Member, 1> forged = {{{"sealed", "{}"}}};
  EXPECT_FALSE(encode_sealed({"access.allow", id, forged}, {}, origin, "\"gw\"",
                             [](const std::string&) { return std::nullopt; }));
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

// NIST SP 800-38D, the vectors known as test case 15 of the submission: AES-256, 64 bytes, no further data.
TEST(Aes, OpensTheVectorOfTheStandardAndNothingElse) {
  const auto hex = [](std::string_view text) {
    std::vector<std::uint8_t> out;
    for (std::size_t i = 0; i < text.size(); i += 2) {
      out.push_back(static_cast<std::uint8_t>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
    }
    return out;
  };
  const auto raw = hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
  AesKey::Bytes key{};
  std::copy(raw.begin(), raw.end(), key.begin());
  const auto iv = hex("cafebabefacedbaddecaf888");
  const auto ct = hex(
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e"
      "6393ba7a0abcc9f662898015adb094dac5d93471bdec1a502270e3cc6c");
  const auto text = hex(
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aed"
      "f5aa0de657ba637b391aafd255");
  EXPECT_EQ(gcm_open(key, iv, ct, {}).value(), text);
  EXPECT_FALSE(gcm_open(key, iv, ct, "x"));
  EXPECT_FALSE(gcm_open(key, std::span(iv).first(11), ct, {}));
}

}  // namespace
}  // namespace tallygate::audit
