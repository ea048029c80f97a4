// Names in the clear are found however an entry writes them.

#include "audit/custody/clear_search.hpp"

#include "audit/journal/canonical_json.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace tallygate::audit {
namespace {

bool finds(const std::string& name, std::string_view body) {
  return ClearSearch({name}).finds(body);
}

// As a string in JSON, as often as said.
std::string quoted(std::string text, int times = 1) {
  for (int i = 0; i < times; ++i) {
    std::string json;
    EXPECT_TRUE(append_json_string(json, text));
    text = std::move(json);
  }
  return text;
}

TEST(ClearSearch, FindsAWordWhereverItStands) {
  for (const char* body :
       {R"({"user":"robot"})", R"({"text":"users: [robot, ci]\n"})", R"({"a":"the robot's"})",
        R"({"path":"/home/robot/x"})", R"({"path":"/home/Robot"})", R"({"mail":"robot@x.test"})",
        R"({"robot":1})", "robot"}) {
    EXPECT_TRUE(finds("robot", body)) << body;
  }
  for (const char* body :
       {R"({"user":"robots"})", R"({"user":"probot"})", R"({"user":"robot7"})", R"({"user":"robot_x"})",
        R"({"user":"robo"})", "{\"user\":\"robot\xC3\xA9\"}", "", "{}"}) {
    EXPECT_FALSE(finds("robot", body)) << body;
  }
  EXPECT_FALSE(finds("", "{}"));
  EXPECT_TRUE(finds("+49 30", R"({"a":"tel:+49 30"})"));
}

TEST(ClearSearch, FindsAMailAddressAndANameWithSigns) {
  EXPECT_TRUE(finds("admin@localhost", R"({"text":"admin@localhost,"})"));
  EXPECT_TRUE(finds("admin@localhost", R"({"path":"/u/admin%40localhost"})"));
  EXPECT_TRUE(finds("o'brien", R"({"text":"users: ['o''brien']"})"));
  EXPECT_TRUE(finds("a \"b\" \\c", quoted("say: a \"b\" \\c.")));
}

TEST(ClearSearch, FindsANameInStringsWithinStringsAndBehindEscapes) {
  const std::string name = "Zo\xC3\xAB \"Z\"";
  for (int times = 1; times <= 4; ++times) {
    EXPECT_TRUE(finds(name, quoted("by " + name, times))) << times;
  }
  EXPECT_TRUE(finds("zo\xC3\xAB", quoted(R"({"user":"Zo\u00eb"})"))) << "as other systems write JSON";
  EXPECT_TRUE(finds("robot", quoted(R"(users: ["r\x6fbot"])"))) << "as YAML may be written";
  EXPECT_TRUE(finds("robot", quoted(R"(users: ["\U00000072obot"])")));
  EXPECT_TRUE(finds("\xF0\x9F\x98\x80", quoted(R"({"user":"\ud83d\ude00"})")));
  EXPECT_TRUE(finds("robot", quoted("C:\\robot")));
}

TEST(ClearSearch, FindsANameThatWasPercentEncodedUpToThreeTimes) {
  for (const char* body : {"/u/admin%40localhost", "/u/admin%2540localhost", "/u/admin%252540localhost",
                           "/u/%2561dmin%2540localhos%74", "/u/%41DMIN%2540LOCALHOST"}) {
    EXPECT_TRUE(finds("admin@localhost", body)) << body;
  }
  EXPECT_FALSE(finds("admin@localhost", "/u/admin%25252540localhost")) << "there is an end to it";
  EXPECT_TRUE(finds("robot", quoted("/?q=%257B%2522user%2522%253A%2522r%255Cu006fbot%2522%257D")))
      << "escapes within what was encoded";
}

TEST(ClearSearch, FindsANameInLettersOfTheOtherCase) {
  EXPECT_TRUE(finds("zo\xC3\xAB", R"({"user":"ZO\u00CB"})"));
  EXPECT_TRUE(finds("ZO\xC3\x8B", "by Zo\xC3\xAB"));
  EXPECT_TRUE(finds("zo\xC3\xAB", "/u/ZO%C3%8B/x"));
  EXPECT_TRUE(finds("zo\xC3\xAB", "/u/Zo%25C3%258B/x"));
  EXPECT_TRUE(finds("\xD0\x96\xD0\xB0\xD0\xBD", "\xD0\xB6\xD0\x90\xD0\x9D")) << "of any script";
  EXPECT_FALSE(finds("zo\xC3\xAB", "zoe"));
  EXPECT_TRUE(finds("zo\xC3\xAB", "\xC3\xFF\x80 ZO\xC3\x8B \xE2\x82")) << "among bytes that are no letters";
  EXPECT_FALSE(finds("zo\xC3\xAB", "ZO\xC3"));
}

TEST(ClearSearch, BrokenEscapesAreNoEnd) {
  for (const char* body : {"\\", "\\u", "\\u12", "\\ud83d\\u", "%", "%4", "''", "\\x", "\\U0000"}) {
    EXPECT_FALSE(finds("robot", body)) << body;
    EXPECT_TRUE(finds("robot", std::string(body) + " robot")) << body;
  }
}

}  // namespace
}  // namespace tallygate::audit
