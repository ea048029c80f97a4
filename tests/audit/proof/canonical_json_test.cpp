// RFC 8785 within the limits of journal.md §2: accepted forms, refused forms, order, round trips.
#include "audit/journal/canonical_json.hpp"

#include "audit/journal/plain_json.hpp"
#include "tests/support/seed.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace tallygate::audit {
namespace {

std::string nested(unsigned levels) {
  return std::string(levels, '[') + std::string(levels, ']');
}

TEST(CanonicalJson, AcceptsTheOneFormOfAValue) {
  const std::vector<std::string> good = {
      "null",
      "true",
      "false",
      "0",
      "-1",
      "9007199254740991",
      "-9007199254740991",
      "999999999999999",
      "1000000000000000",
      R"("")",
      R"("a/b")",
      R"("\b\t\n\f\r\"\\")",
      R"("\u0000\u001f\u000b")",
      "\"\x7f\"",
      "\"\xE2\x80\xA8\xF0\x9F\x98\x80\xEF\xBF\xBF\xED\x9F\xBF\xF4\x8F\xBF\xBF\"",
      "[]",
      "{}",
      R"([1,"a",{"b":[]}])",
      R"({"":1,"A":2,"a":3,"aa":4})",
      nested(32),
  };
  for (const std::string& text : good) {
    const auto fault = check_canonical(text);
    EXPECT_FALSE(fault) << text << ": " << (fault ? fault->what : "");
  }
}

TEST(CanonicalJson, RefusesEveryOtherFormAndSaysWhere) {
  struct Row {
    std::string text;
    std::size_t offset;
  };
  const std::vector<Row> bad = {
      {"", 0},
      {" 1", 0},
      {"1 ", 1},
      {"tru", 0},
      {"nul1", 0},
      {"01", 0},
      {"-0", 0},
      {"-", 0},
      {"+1", 0},
      {"1.0", 0},
      {"1e3", 0},
      {"9007199254740992", 0},
      {"-9007199254740992", 0},
      {"99999999999999999999999999", 0},
      {"\"a", 2},
      {"\"\x01\"", 1},
      {"\"\n\"", 1},
      {R"("\/")", 1},
      {R"("\u0041")", 1},
      {R"("\u000a")", 1},
      {R"("\u001F")", 1},
      {R"("\u00)", 1},
      {R"("\ud83d\ude00")", 1},
      {R"("\x")", 1},
      {"\"\x80\"", 1},
      {"\"\xC0\xAF\"", 1},
      {"\"\xE0\x80\xAF\"", 1},
      {"\"\xED\xA0\x80\"", 1},
      {"\"\xF4\x90\x80\x80\"", 1},
      {"\"\xF0\x9F\x98\"", 1},
      {"\"\xE2\x80", 1},
      {"[1,]", 3},
      {"[1 ,2]", 2},
      {"[1", 2},
      {"{\"a\":1,}", 7},
      {"{\"a\" :1}", 4},
      {"{\"a\":}", 5},
      {"{\"a\"}", 4},
      {"{a:1}", 1},
      {R"({"b":1,"a":2})", 7},
      {R"({"a":1,"a":2})", 7},
      {"{\"a\":1", 6},
      {"[]]", 2},
      {nested(33), 32},
  };
  for (const Row& row : bad) {
    const auto fault = check_canonical(row.text);
    ASSERT_TRUE(fault) << row.text;
    EXPECT_EQ(fault->offset, row.offset) << row.text << ": " << fault->what;
  }
}

TEST(CanonicalJson, OrdersNamesByUtf16CodeUnits) {
  // The example of RFC 8785 §3.2.3: an emoji (a surrogate pair) sorts before U+FB33.
  const std::string sorted =
      "{\"\\r\":1,\"1\":2,\"\xC2\x80\":3,\"\xC3\xB6\":4,\"\xE2\x82\xAC\":5,\"\xF0\x9F\x98\x80\":6,"
      "\"\xEF\xAC\xB3\":7}";
  EXPECT_FALSE(check_canonical(sorted));
  EXPECT_TRUE(check_canonical("{\"\xEF\xAC\xB3\":7,\"\xF0\x9F\x98\x80\":6}"));
  EXPECT_LT(compare_keys("\xF0\x9F\x98\x80", "\xEE\x80\x80"), 0);
  EXPECT_LT(compare_keys("\xED\x9F\xBF", "\xF0\x90\x80\x80"), 0);
  EXPECT_LT(compare_keys("a", "aa"), 0);
  EXPECT_EQ(compare_keys("a", "a"), 0);
}

TEST(CanonicalJson, ComparesEscapedNamesByWhatTheyMean) {
  EXPECT_FALSE(check_canonical(R"({"\u0001":1,"\b":2,"\t":3," ":4,"!":5,"\"":6,"#":7,"[":8,"\\":9,"]":10})"));
  EXPECT_TRUE(check_canonical(R"({"#":1,"\"":2})"));
  EXPECT_TRUE(check_canonical(R"({"\"":1,"\"":2})"));
  EXPECT_TRUE(check_canonical(R"({"a\\b":1,"a[":2})"));
  EXPECT_FALSE(check_canonical(R"({"a":1,"a\n":2})"));
}

TEST(CanonicalJson, FindsTopLevelMembersOnTheWay) {
  std::vector<WantedMember> wanted = {{"absent", {}}, {"id", {}}, {"seq", {}}, {"zz", {}}};
  const std::string text = R"({"\n":0,"id":"x","inner":{"id":"no","seq":9},"list":[{"seq":1}],"seq":42})";
  ASSERT_FALSE(check_canonical_object(text, wanted));
  EXPECT_EQ(wanted[0].json, "");
  EXPECT_EQ(wanted[1].json, "\"x\"");
  EXPECT_EQ(wanted[2].json, "42");
  EXPECT_EQ(wanted[3].json, "");
  EXPECT_TRUE(check_canonical_object("[]", wanted));
  EXPECT_TRUE(check_canonical_object("", wanted));
}

TEST(CanonicalJson, ReadsBackTheStringsThatItWrites) {
  const std::uint64_t seed = tallygate::testing::test_seed();
  SCOPED_TRACE(tallygate::testing::how_to_repeat(seed));
  std::mt19937_64 random(seed);
  const std::vector<std::string> pieces = {"a",
                                           "\"",
                                           "\\",
                                           "/",
                                           "\n",
                                           "\x01",
                                           "\x1f",
                                           "\x7f",
                                           "\xC3\xB6",
                                           "\xE2\x80\xA8",
                                           "\xF0\x9F\x98\x80",
                                           std::string("\0", 1),
                                           "plain text of some length"};
  for (int round = 0; round < 2'000; ++round) {
    std::string text;
    for (std::uint64_t left = random() % 12; left > 0; --left) {
      text += pieces[random() % pieces.size()];
    }
    std::string json;
    ASSERT_TRUE(append_json_string(json, text));
    ASSERT_FALSE(check_canonical(json)) << json;
    ASSERT_EQ(json_string(json), text);
    ASSERT_EQ(boost::json::parse(json).as_string(), text);
  }
  std::string json = "kept";
  EXPECT_FALSE(append_json_string(json, "\xFF"));
  EXPECT_EQ(json, "kept");
}

// Whatever is accepted is JSON to another parser, and has no other spelling with the same length limits.
TEST(CanonicalJson, AcceptsNothingThatAnotherParserRefuses) {
  const std::uint64_t seed = tallygate::testing::test_seed();
  SCOPED_TRACE(tallygate::testing::how_to_repeat(seed));
  std::mt19937_64 random(seed);
  const std::string start = R"({"a":[1,-20,"x\n\u0001",{"b":null}],"c":true,"d":"\\\"","e":{"f":{}}})";
  constexpr std::string_view alphabet = "{}[]\",:\\un0123456789-.eEtrfalsb \x01\x80\xC3";
  int accepted = 0;
  for (int round = 0; round < 50'000; ++round) {
    std::string text = start;
    for (std::uint64_t edits = 1 + random() % 2; edits > 0; --edits) {
      text[random() % text.size()] = alphabet[random() % alphabet.size()];
    }
    if (!check_canonical(text)) {
      ++accepted;
      boost::system::error_code error;
      static_cast<void>(boost::json::parse(text, error));
      ASSERT_FALSE(error) << text;
    }
  }
  EXPECT_GT(accepted, 0);
}

// Texts of plain ASCII go another way than the rest: a character beyond it, added in front, must change
// nothing else.
TEST(CanonicalJson, JudgesPlainTextsLikeAllOthers) {
  const std::uint64_t seed = tallygate::testing::test_seed();
  SCOPED_TRACE(tallygate::testing::how_to_repeat(seed));
  std::mt19937_64 random(seed);
  const std::string start =
      R"({"a":[1,-20,"x y",{"b":null}],"c":true,"d":"longer than sixteen bytes, and than)" +
      std::string(70, '.') + R"(","e":{"f":{}},"g":"","h":[[],[""]]})";
  constexpr std::string_view alphabet = "{}[]\",:un0123456789-.etrfalsb";
  int accepted = 0;
  for (int round = 0; round < 5'000; ++round) {
    std::string plain = start;
    for (std::uint64_t edits = random() % 3; edits > 0; --edits) {
      const std::size_t at = 5 + random() % (plain.size() - 5);  // behind the first name
      random() % 4 == 0 ? plain.erase(at, 1) : plain.replace(at, 1, 1, alphabet[random() % alphabet.size()]);
    }
    std::string wide = plain;
    wide.insert(1, "\"\\u0001\xC3\xB6\":0,");
    const std::size_t longer = wide.size() - plain.size();
    std::vector<WantedMember> in_plain = {{"c", {}}, {"d", {}}, {"g", {}}};
    std::vector<WantedMember> in_wide = in_plain;
    const auto plain_fault = check_canonical_object(plain, in_plain);
    const auto wide_fault = check_canonical_object(wide, in_wide);
    ASSERT_EQ(plain_fault.has_value(), wide_fault.has_value()) << plain;
    if (plain_fault) {
      ASSERT_EQ(plain_fault->offset + longer, wide_fault->offset) << plain;
      ASSERT_STREQ(plain_fault->what, wide_fault->what) << plain;
      continue;
    }
    ++accepted;
    for (std::size_t i = 0; i < in_plain.size(); ++i) {
      ASSERT_EQ(in_plain[i].json, in_wide[i].json) << plain;
    }
    ASSERT_EQ(boost::json::serialize(boost::json::parse(plain)), plain);
  }
  EXPECT_GT(accepted, 100);
}

TEST(CanonicalJson, JudgesAnyNumberOfStringsAlike) {
  for (const std::size_t strings : {0U, 1U, 31U, 32U, 33U, 900U, 1'000U, 1'023U, 1'024U, 1'025U, 5'000U}) {
    std::string list;
    for (std::size_t i = 0; i < strings; ++i) {
      list += i == 0 ? "\"\"" : ",\"\"";
    }
    const std::string text = "{\"list\":[" + list + "],\"name\":1}";
    std::vector<WantedMember> wanted = {{"list", {}}, {"name", {}}};
    ASSERT_FALSE(check_canonical_object(text, wanted)) << strings;
    EXPECT_EQ(wanted[0].json.size(), list.size() + 2);
    EXPECT_EQ(wanted[1].json, "1");
    for (const std::string& bad : {text.substr(0, text.size() - 1), text + "\"", text + "}"}) {
      EXPECT_TRUE(check_canonical_object(bad, wanted)) << strings;
    }
  }
}

// Names of one letter after another: of one length, one the beginning of the other, and twice the same.
TEST(CanonicalJson, GoesTheShortWayThroughIntegersUpToTheLargest) {
  const auto short_way = [](const std::string& number) {
    const std::string text = R"({"a":")" + std::string(80, 'x') + R"(","n":)" + number + "}";
    const bool plain = is_plain_canonical_object(text, {}, 32);
    EXPECT_TRUE(!plain || !check_canonical(text)) << number;
    return plain;
  };
  for (const char* number :
       {"0", "-1", "999999999999999", "1000000000000000", "9007199254740991", "-9007199254740991"}) {
    EXPECT_TRUE(short_way(number)) << number;
  }
  for (const char* number : {"9007199254740992", "-9007199254740992", "9999999999999999", "10000000000000000",
                             "0000000000000001", "-0", "-"}) {
    EXPECT_FALSE(short_way(number)) << number;
  }
}

TEST(CanonicalJson, OrdersPlainNamesByTheirBytes) {
  const std::vector<std::string> names = {"", "A", "a", "aa", "aab", "ab", "b", "ba", "~"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (std::size_t j = 0; j < names.size(); ++j) {
      const std::string text = "{\"" + names[i] + "\":1,\"" + names[j] + "\":[2]}";
      std::vector<WantedMember> wanted = {{names[i], {}}};
      EXPECT_EQ(!check_canonical_object(text, wanted), i < j) << text;
      EXPECT_TRUE(i >= j || wanted[0].json == "1") << text;
    }
  }
}

TEST(CanonicalJson, KnowsUtf8) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("a\xC2\x80\xE0\xA0\x80\xF0\x90\x80\x80"));
  for (const char* bad : {"\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
                          "\xF4\x90\x80\x80", "\xF5", "\xE2\x82"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

}  // namespace
}  // namespace tallygate::audit
