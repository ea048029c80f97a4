#include "tests/tidy/scan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tallygate::tidy {
namespace {

TEST(Scan, CommentsAndLiteralsAreBlankedAndLinesStay) {
  EXPECT_EQ(code_only("a; // b\nc /* d\ne */ f"), "a;     \nc     \n     f");
  EXPECT_EQ(code_only(R"(f("x\"y", 'z');)"), R"(f("    ", ' ');)");
}

TEST(Scan, ARawStringIsALiteralToItsDelimiter) {
  EXPECT_EQ(code_only("a = R\"x(1)\" 2)x\"; b"), "a = " + std::string(12, ' ') + "; b");
  EXPECT_EQ(code_only("FOR\"x\""), "FOR\" \"");
}

TEST(Scan, ADigitSeparatorIsNoQuote) {
  EXPECT_EQ(code_only("n = 100'000; m = 'a';"), "n = 100'000; m = ' ';");
}

TEST(Scan, IncludesHaveTheirLines) {
  const auto found = includes_of("#pragma once\n#include \"a/b.hpp\"\n\n#include <c>\n");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].path, "a/b.hpp");
  EXPECT_EQ(found[0].line, 2U);
  EXPECT_FALSE(found[0].system);
  EXPECT_EQ(found[1].path, "c");
  EXPECT_TRUE(found[1].system);
}

}  // namespace
}  // namespace tallygate::tidy
