#include "audit/journal/encode.hpp"

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/event.hpp"
#include "tests/support/seed.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace tallygate::audit {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view id = "01890a5d-ac96-774b-bcce-b302099a8057";
constexpr std::string_view gateway = R"("gw-1")";
constexpr std::string_view time_text = "2026-01-02T03:04:05.123456789Z";
const std::string prev(64, 'a');

std::string body_of(const std::vector<Member>& members, std::uint64_t seq = 7) {
  auto event = encode({"access.allow", id, members}, gateway);
  return event ? std::string(event->complete(seq, prev, time_text)) : event.error().message;
}

std::string refusal(const std::vector<Member>& members, std::string_view kind = "access.allow",
                    std::string_view the_id = id) {
  const auto event = encode({kind, the_id, members}, gateway);
  return event ? "accepted" : event.error().message;
}

TEST(Encode, AnEventWithoutMembersHasTheJournalsOwn) {
  EXPECT_EQ(
      body_of({}),
      R"({"gateway":"gw-1","id":"01890a5d-ac96-774b-bcce-b302099a8057","kind":"access.allow","prev":")" +
          prev + R"(","seq":7,"time":"2026-01-02T03:04:05.123456789Z","v":1})");
}

TEST(Encode, MembersAreMergedInCanonicalOrder) {
  EXPECT_EQ(
      body_of({{"actor", R"({"subject":"a"})"}, {"request", "[1,2]"}, {"sealed", "null"}, {"zone", "true"}}),
      R"({"actor":{"subject":"a"},"gateway":"gw-1","id":"01890a5d-ac96-774b-bcce-b302099a8057","kind":"access.allow","prev":")" +
          prev +
          R"(","request":[1,2],"sealed":null,"seq":7,"time":"2026-01-02T03:04:05.123456789Z","v":1,"zone":true})");
}

TEST(Encode, EverySequenceNumberFits) {
  for (const std::uint64_t seq : {std::uint64_t{0}, std::uint64_t{9}, std::uint64_t{10},
                                  std::uint64_t{999'999'999}, std::uint64_t{json_integer_max}}) {
    const std::string body = body_of({{"actor", "{}"}, {"zz", "{}"}}, seq);
    EXPECT_FALSE(check_canonical(body)) << body;
    EXPECT_EQ(boost::json::parse(body).at("seq").to_number<std::uint64_t>(), seq);
    EXPECT_THAT(body, HasSubstr(time_text));
  }
}

TEST(Encode, MembersThatTheJournalWritesItselfAreRefused) {
  for (const char* name : {"gateway", "id", "kind", "prev", "seq", "time", "v"}) {
    EXPECT_THAT(refusal({{name, "1"}}),
                HasSubstr(std::string("\"") + name + "\" is one that the journal writes itself"));
  }
}

TEST(Encode, UnsortedAndRepeatedMembersAreRefused) {
  EXPECT_THAT(refusal({{"b", "1"}, {"a", "1"}}), HasSubstr("not canonical JSON"));
  EXPECT_THAT(refusal({{"a", "1"}, {"a", "1"}}), HasSubstr("not canonical JSON"));
  EXPECT_THAT(refusal({{"zz", "1"}, {"actor", "1"}}), HasSubstr("not canonical JSON"));
}

TEST(Encode, ValuesThatAreNotCanonicalAreRefused) {
  for (const char* json :
       {"", " 1", "1 ", "1.5", "1e3", "-0", "01", "9007199254740992", "{\"b\":1,\"a\":2}", "\"\\u0041\"",
        "\"\x01\"", "\"\xff\"", "nul", "[1,]", "{\"a\":1,\"a\":1}", "\"open"}) {
    EXPECT_NE(refusal({{"member", json}}), "accepted") << json;
  }
}

TEST(Encode, AValueCannotBreakOutOfItsMember) {
  EXPECT_EQ(refusal({{"actor", R"(1,"b":2,"c":3)"}}), "accepted")
      << "well-formed members in order do no harm";
  EXPECT_EQ(refusal({{"actor", R"({"a":1)"}, {"zone", "1}"}}),
            "a member's value is not one complete JSON text");
  EXPECT_NE(refusal({{"actor", R"(1,"seq":99)"}}), "accepted");
  EXPECT_NE(refusal({{"zone", "1}{"}}), "accepted");
  EXPECT_NE(refusal({{"actor", "1"}, {"a\"b", "1"}}), "accepted");
  EXPECT_NE(refusal({{"", "1"}}), "accepted");
}

TEST(Encode, NestingIsLimitedToThirtyTwoLevels) {
  const std::string deep = std::string(31, '[') + std::string(31, ']');
  EXPECT_EQ(refusal({{"member", deep}}), "accepted");
  EXPECT_NE(refusal({{"member", "[" + deep + "]"}}), "accepted");
}

TEST(Encode, TheLargestBodyIsSixtyFiveThousandFiveHundredAndThirtyFiveBytes) {
  const std::size_t fixed = body_of({{"member", "\"\""}}, json_integer_max).size();
  const std::string text(body_size_max - fixed, 'x');
  const std::string fits = '"' + text + '"';
  const std::string exceeds = "\"x" + text + '"';
  EXPECT_EQ(body_of({{"member", fits}}, json_integer_max).size(), body_size_max);
  EXPECT_THAT(refusal({{"member", exceeds}}), HasSubstr("would be 65536 bytes, the limit is 65535"));
}

TEST(Encode, KindsOutsideTheCatalogueAndForeignIdsAreRefused) {
  EXPECT_THAT(refusal({}, "access.maybe"), HasSubstr("must be one of the catalogue"));
  EXPECT_THAT(refusal({}, ""), HasSubstr("must be one of the catalogue"));
  for (const char* bad : {"", "01890a5d-ac96-474b-bcce-b302099a8057", "01890A5D-ac96-774b-bcce-b302099a8057",
                          "01890a5d-ac96-774b-ccce-b302099a8057", "01890a5d-ac96-774b-bcce-b302099a80577",
                          "01890a5dxac96-774b-bcce-b302099a8057", "01890a5d-ac96-774b-bcce-b302099a805\""}) {
    EXPECT_THAT(refusal({}, "access.allow", bad), HasSubstr("UUID of version 7")) << bad;
  }
}

TEST(Encode, EveryKindOfTheCatalogueIsAccepted) {
  EXPECT_EQ(kinds().size(), 40U);
  for (const std::string_view kind : kinds()) {
    EXPECT_EQ(refusal({}, kind), "accepted") << kind;
  }
}

// Whatever canonical members go in: the body is canonical and says the same.
TEST(Encode, AnyCanonicalMembersComeBackUnchanged) {
  const auto seed = static_cast<unsigned>(tallygate::testing::test_seed());
  SCOPED_TRACE(tallygate::testing::how_to_repeat(seed));
  std::mt19937 random(seed);
  const std::vector<std::string> values = {"null",
                                           "true",
                                           "-12",
                                           "\"text\"",
                                           "\"\\u0001\\n\\\"\"",
                                           "\"\xe2\x82\xac\"",
                                           "[]",
                                           "{}",
                                           R"({"a":[1,{"b":null}],"c":""})"};
  for (int round = 0; round < 500; ++round) {
    std::vector<std::string> names;
    for (unsigned i = random() % 12; i > 0; --i) {
      std::string name;
      for (unsigned n = 1 + random() % 6; n > 0; --n) {
        name.push_back(static_cast<char>('a' + random() % 26));
      }
      if (!is_own_member(name)) {
        names.push_back(name);
      }
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    std::vector<Member> members;
    for (const std::string& name : names) {
      members.push_back({name, values[random() % values.size()]});
    }
    const std::string body = body_of(members, random());
    ASSERT_FALSE(check_canonical(body)) << body;
    const auto object = boost::json::parse(body).as_object();
    ASSERT_EQ(object.size(), members.size() + 7);
    for (const Member& member : members) {
      EXPECT_EQ(object.at(member.name), boost::json::parse(member.json));
    }
  }
}

TEST(WriteTime, GivesNineDecimalsInUtc) {
  using namespace std::chrono;
  const auto text = [](Time time) {
    std::array<char, time_text_size> out{};
    write_time(time, out);
    return std::string(out.begin(), out.end());
  };
  EXPECT_EQ(text(Time{}), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(text(Time{nanoseconds{1}}), "1970-01-01T00:00:00.000000001Z");
  EXPECT_EQ(text(sys_days{year{2024} / February / 29} + hours{23} + minutes{59} + seconds{59} +
                 nanoseconds{999'999'999}),
            "2024-02-29T23:59:59.999999999Z");
  EXPECT_EQ(text(Time{nanoseconds{-1}}), "1969-12-31T23:59:59.999999999Z");
}

}  // namespace
}  // namespace tallygate::audit
