#include "gateway/identity/encoding.hpp"

#include "gateway/identity/canonical_json.hpp"
#include "gateway/identity/strict_json.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <random>

namespace tallygate::identity {
namespace {

TEST(Base64url, KnownAnswersOfRfc4648) {
  const std::pair<std::string_view, std::string_view> answers[] = {
      {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},         {"foo", "Zm9v"},
      {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : answers) {
    EXPECT_EQ(base64url_encode(bytes), text);
    EXPECT_EQ(base64url_decode(text), bytes);
  }
  EXPECT_EQ(base64_encode("fooba"), "Zm9vYmE=");
  EXPECT_EQ(base64_decode("Zm9vYg=="), "foob");
  EXPECT_EQ(base64url_encode("\xFB\xFF"), "-_8");
}

TEST(Base64url, EveryOtherSpellingOfTheSameBytesIsRefused) {
  for (const std::string_view text :
       {"Zg==", "Zh", "Z", "Zm9=", "Zm 9", "Zm9v\n", "Zm+v", "Zm/v", "Zm8A=", "====", "Zm9"}) {
    EXPECT_FALSE(base64url_decode(text)) << text;
  }
  for (const std::string_view text : {"Zg", "Zg=", "Zh==", "Z===", "=Zg=", "Zm9v====", "-_8="}) {
    EXPECT_FALSE(base64_decode(text)) << text;
  }
}

TEST(Base64url, DecodingUndoesEncodingAndNoSecondTextGivesTheSameBytes) {
  std::mt19937 random(7);
  SCOPED_TRACE("seed 7");
  for (int round = 0; round < 500; ++round) {
    std::string bytes(random() % 70, '\0');
    std::ranges::generate(bytes, [&] { return static_cast<char>(random()); });
    std::string text = base64url_encode(bytes);
    EXPECT_EQ(base64url_decode(text), bytes);
    EXPECT_EQ(hex_decode(hex_encode(bytes)), bytes);
    if (!text.empty()) {
      text[random() % text.size()] =
          "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[random() % 64];
      const auto other = base64url_decode(text);
      EXPECT_TRUE(!other || base64url_encode(*other) == text);
    }
  }
}

TEST(StrictJson, DuplicateMembersAreRefusedAtAnyDepthAndInAnySpelling) {
  std::string why;
  for (const std::string_view text : {R"({"a":1,"a":1})", R"({"a":1,"\u0061":2})", R"({"x":{"b":1,"b":2}})",
                                      R"({"x":[{"b":1,"c":0,"b":2}]})"}) {
    EXPECT_FALSE(parse_strict_object(text, 8, why)) << text;
    EXPECT_EQ(why, "two members of one object have the same name");
  }
  EXPECT_TRUE(parse_strict_object(R"({"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]})", 8, why)) << why;
}

TEST(StrictJson, OnlyOneWholeObjectIsAccepted) {
  std::string why;
  for (const std::string_view text :
       {"", "[]", "1", "\"a\"", "null", "{", "{}{}", "{} x", "{\"a\":1,}", "{'a':1}", "{a:1}", "{\"a\":01}",
        "{\"a\":NaN}", "// c\n{}", "{\"a\":\"\xFF\"}", "{\"a\":\"\xC0\x80\"}", "{\"a\":\"\xED\xA0\x80\"}",
        "{\"a\":\"\t\"}", "\xEF\xBB\xBF{}"}) {
    EXPECT_FALSE(parse_strict_object(text, 8, why)) << text;
    EXPECT_FALSE(why.empty());
  }
  EXPECT_TRUE(parse_strict_object(" {\"a\" : [true, null, -1.5e3]} \n", 8, why)) << why;
}

TEST(StrictJson, NestingIsBounded) {
  std::string why;
  EXPECT_TRUE(parse_strict_object(R"({"a":{"b":{}}})", 3, why)) << why;
  EXPECT_FALSE(parse_strict_object(R"({"a":{"b":{"c":{}}}})", 3, why));
  EXPECT_FALSE(parse_strict_object("{\"a\":" + std::string(100'000, '['), 16, why));
}

std::string canonical(std::string_view text) {
  std::string out;
  append_canonical(boost::json::parse(boost::json::string_view(text.data(), text.size())), out);
  return out;
}

TEST(CanonicalJson, MembersAreSortedByUtf16CodeUnits) {
  // The order of RFC 8785 §3.2.3: U+1F600 is a surrogate pair (D83D…) and so comes before U+FB33.
  EXPECT_EQ(
      canonical("{\"\xEF\xAC\xB3\":1,\"\xF0\x9F\x98\x80\":2,\"\xE2\x82\xAC\":3,\"b\":4,\"a\":5,\"\":6}"),
      "{\"\":6,\"a\":5,\"b\":4,\"\xE2\x82\xAC\":3,\"\xF0\x9F\x98\x80\":2,\"\xEF\xAC\xB3\":1}");
}

TEST(CanonicalJson, NumbersThatARecordCannotHoldAreKeptAsText) {
  EXPECT_EQ(canonical("[1,-1,9007199254740991,9007199254740992,-9007199254740993,18446744073709551615,1.5]"),
            R"([1,-1,9007199254740991,"9007199254740992","-9007199254740993","18446744073709551615","1.5"])");
}

TEST(CanonicalJson, LongValuesAreCutAtACodePointAndMarked) {
  std::string out;
  append_cut("\"ab\"", 4, out);
  EXPECT_EQ(out, "\"ab\"");
  out.clear();
  append_cut("\"a\xE2\x82\xAC\"", 4, out);
  EXPECT_EQ(out,
            "{\"bytes\":6,\"cut\":\"\\\"a\",\"sha256\":"
            "\"460bbf7a1e7e7c01ea25c8790a85b7b17a4a68ac26a03be75f6c3febbc9a8391\"}");
}

}  // namespace
}  // namespace tallygate::identity
