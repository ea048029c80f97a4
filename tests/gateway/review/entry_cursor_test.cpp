#include "gateway/review/entry_cursor.hpp"

#include "tests/support/seed.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <random>

namespace tallygate::review {
namespace {

namespace json = boost::json;

/// The value at the cursor, put together by its functions alone.
json::value read(EntryCursor& cursor) {
  const char next = cursor.peek();
  if (next == '{') {
    json::object object;
    std::string_view name;
    for (cursor.enter_object(); cursor.member(name);) {
      std::string decoded;
      EXPECT_TRUE(decode_json_text(name, decoded));
      object[decoded] = read(cursor);
    }
    return object;
  }
  if (next == '[') {
    json::array array;
    for (cursor.enter_list(); cursor.item();) {
      array.push_back(read(cursor));
    }
    return array;
  }
  if (next == '"') {
    std::string text;
    cursor.text(text);
    return json::string(text);
  }
  if (next == '-' || (next >= '0' && next <= '9')) {
    std::int64_t number = 0;
    cursor.integer(number);
    return number;
  }
  return json::parse(cursor.raw());
}

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  json::value value(int depth) {
    switch (engine_() % (depth > 0 ? 6 : 4)) {
      case 0:
        return text();
      case 1:
        return static_cast<std::int64_t>(engine_() % 2'000) - 1'000;
      case 2:
        return engine_() % 2 == 0;
      case 3:
        return nullptr;
      case 4: {
        json::array array;
        for (std::size_t items = engine_() % 4; items > 0; --items) {
          array.push_back(value(depth - 1));
        }
        return array;
      }
      default: {
        json::object object;
        for (std::size_t items = engine_() % 4; items > 0; --items) {
          object[text()] = value(depth - 1);
        }
        return object;
      }
    }
  }

 private:
  json::string text() {
    static constexpr std::array<std::string_view, 9> pieces{
        "a", "\"", "\\", "\n", "\x01", "\xC3\xA9", "\xF0\x9F\x98\x80", "},{", "\\\""};
    json::string out;
    for (std::size_t count = engine_() % 6; count > 0; --count) {
      out += pieces[engine_() % pieces.size()];
    }
    return out;
  }
  std::mt19937_64 engine_;
};

TEST(EntryCursor, ReadsWhatALibraryReads) {
  const std::uint64_t seed = tallygate::testing::test_seed();
  SCOPED_TRACE(tallygate::testing::how_to_repeat(seed));
  Random random(seed);
  for (int round = 0; round < 5'000; ++round) {
    const std::string text = json::serialize(random.value(5));
    EntryCursor cursor(text);
    const json::value value = read(cursor);
    ASSERT_TRUE(cursor.at_end()) << text;
    ASSERT_EQ(json::serialize(value), text);
    EntryCursor skipping(text);
    ASSERT_EQ(skipping.raw(), text);
    ASSERT_TRUE(skipping.at_end());
  }
}

TEST(EntryCursor, FailsForGoodAtWhatIsNotWellFormed) {
  for (const char* text : {"", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{a:1}", "{\"a\" :1}",
                           "{\"a\":1]", "{\"a\":\"b", "{\"a\":\"b\\\"}"}) {
    EntryCursor cursor(text);
    std::string_view name;
    for (cursor.enter_object(); cursor.member(name);) {
      cursor.skip();
    }
    EXPECT_FALSE(cursor.at_end()) << text;
    EXPECT_FALSE(cursor.member(name)) << text;
    EXPECT_FALSE(cursor.item()) << text;
    EXPECT_TRUE(cursor.raw().empty()) << text;
  }
}

TEST(EntryCursor, BadEscapesAreNoText) {
  for (const char* text : {"\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\""}) {
    EntryCursor cursor(text);
    std::string out;
    EXPECT_FALSE(cursor.text(out)) << text;
    EXPECT_TRUE(cursor.failed());
  }
}

TEST(EntryCursor, NestingIsBounded) {
  EntryCursor cursor(
      "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[");
  EXPECT_TRUE(cursor.raw().empty());
  EXPECT_TRUE(cursor.failed());
}

}  // namespace
}  // namespace tallygate::review
