#include "gateway/access/json.hpp"

#include <gtest/gtest.h>

namespace tallygate::access {
namespace {

std::string text(std::string_view value, std::size_t limit = 100) {
  std::string out;
  append_json_text(out, "name", value, limit);
  return out;
}

TEST(JsonText, EscapesAsRfc8785Does) {
  EXPECT_EQ(text("a\"b\\c\n\t\r\b\f\x01\x1f/"), R"("name":"a\"b\\c\n\t\r\b\f\u0001\u001f/")");
  EXPECT_EQ(text("é\u2028"), "\"name\":\"é\u2028\"");
}

TEST(JsonText, BytesThatAreNoTextGoUnderAnotherName) {
  EXPECT_EQ(text("a\xff"), "\"name_bytes\":\"aÿ\"");
  EXPECT_EQ(text("\xc0\xaf"), "\"name_bytes\":\"À¯\"");
  EXPECT_EQ(text("\xed\xa0\x80"), "\"name_bytes\":\"í\u00a0\u0080\"");
}

TEST(JsonText, WhatIsTooLongIsCutAtACodePointAndCounted) {
  EXPECT_EQ(text("aéb", 2),
            "\"name\":{\"bytes\":4,\"cut\":\"a\",\"sha256\":"
            "\"987a4acf961d5fb9808a9c5162e1b0e1140b250728f22fbfd0613974f5cf928a\"}");
}

TEST(IsUtf8, KnowsTheBoundsOfEveryLength) {
  for (const char* good : {"", "a", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                           "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  for (const char* bad :
       {"\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xc2", "\xe1\x80", "\xf1\x80\x80", "a\xffz"}) {
    EXPECT_FALSE(is_utf8(bad)) << bad;
  }
}

TEST(MaskedQuery, KeepsNamesAndHidesValues) {
  std::string out;
  append_masked_query(out, "token=secret&page=2&flag&=x&a=b=c", {"page"});
  EXPECT_EQ(out, "token=*&page=2&flag&=*&a=*");
}

}  // namespace
}  // namespace tallygate::access
