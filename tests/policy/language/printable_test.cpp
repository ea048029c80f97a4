#include "policy/language/printable.hpp"

#include "policy/language/yaml_error.hpp"

#include <gtest/gtest.h>

namespace tallygate::policy {
namespace {

TEST(Printable, LeavesWhatShowsAsWhatItIs) {
  EXPECT_EQ(printable(""), "");
  EXPECT_EQ(printable("wiki: 'b' \\ caf\u00e9 \u65e5\u672c \U0001f511"),
            "wiki: 'b' \\ caf\u00e9 \u65e5\u672c \U0001f511");
  EXPECT_EQ(printable("\u0645\u06cc\u200c\u062e \u845b\U000e0100"),
            "\u0645\u06cc\u200c\u062e \u845b\U000e0100")
      << "joiners and variation selectors belong to scripts";
}

TEST(Printable, ShowsControlsLineEndsAndWhatMisleadsByteByByte) {
  EXPECT_EQ(printable("a\x1b[31m\r\n\tb"), "a\\x1b[31m\\x0d\\x0a\\x09b");
  EXPECT_EQ(printable("a\u202eb\u200b\u2028"), "a\\xe2\\x80\\xaeb\\xe2\\x80\\x8b\\xe2\\x80\\xa8");
  EXPECT_EQ(printable("\xff\xc3\xe2\x80"), "\\xff\\xc3\\xe2\\x80");
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
}

TEST(Printable, KeepsAMistakeOnOneLine) {
  EXPECT_EQ(yaml::to_string(yaml::SyntaxError{"a\nb.yaml", {3, 1}, "unknown key 'x\npolicy.yaml: ok'", {}}),
            "a\\x0ab.yaml:3:1: unknown key 'x\\x0apolicy.yaml: ok'");
}

}  // namespace
}  // namespace tallygate::policy
