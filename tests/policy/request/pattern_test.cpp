#include "policy/request/pattern.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tallygate::policy {
namespace {

std::string error_of(std::string_view text, const PathOptions& options = {}) {
  const ParseResult<PathPattern> pattern = PathPattern::parse(text, options);
  return pattern.has_error() ? pattern.error().message : "";
}

bool matches(std::string_view pattern_text, std::string_view path, Reading reading, bool ignore_case = false,
             const PathOptions& options = {}) {
  const ParseResult<PathPattern> pattern = PathPattern::parse(pattern_text, options);
  EXPECT_TRUE(pattern.has_value()) << error_of(pattern_text, options);
  std::string form;
  if (reading == Reading::wide) {
    wide_form(path, form);
  } else {
    std::string buffer;
    form = narrow_form(path, buffer);
  }
  return pattern->matches(form, reading, ignore_case);
}
bool narrow(std::string_view pattern, std::string_view path) {
  return matches(pattern, path, Reading::narrow);
}
bool wide(std::string_view pattern, std::string_view path) {
  return matches(pattern, path, Reading::wide);
}

TEST(PathPattern, MatchesALiteralPathExactlyWhenReadNarrowly) {
  EXPECT_TRUE(narrow("/a/b", "/a/b"));
  EXPECT_FALSE(narrow("/a/b", "/a/b/"));
  EXPECT_FALSE(narrow("/a/b", "/a/B"));
  EXPECT_FALSE(narrow("/a/b", "/a"));
  EXPECT_FALSE(narrow("/a/b", "/a/b/c"));
  EXPECT_FALSE(narrow("/a/", "/a"));
  EXPECT_TRUE(narrow("/", "/"));
  EXPECT_FALSE(narrow("/", "/a"));
}

TEST(PathPattern, LetsAStarStandForOneWholeNonEmptySegment) {
  EXPECT_TRUE(narrow("/a/*", "/a/b"));
  EXPECT_FALSE(narrow("/a/*", "/a/"));
  EXPECT_FALSE(narrow("/a/*", "/a"));
  EXPECT_FALSE(narrow("/a/*", "/a/b/c"));
  EXPECT_FALSE(narrow("/a/*", "/a/b/"));
  EXPECT_TRUE(narrow("/*/b", "/x/b"));
  EXPECT_TRUE(narrow("/a/*/", "/a/b/"));
}

TEST(PathPattern, CoversThePathItselfAndAllBelowWithTwoStars) {
  EXPECT_TRUE(narrow("/a/**", "/a"));
  EXPECT_TRUE(narrow("/a/**", "/a/"));
  EXPECT_TRUE(narrow("/a/**", "/a/b/c/"));
  EXPECT_FALSE(narrow("/a/**", "/ab"));
  EXPECT_FALSE(narrow("/a/**", "/"));
  EXPECT_TRUE(narrow("/**", "/"));
  EXPECT_TRUE(narrow("/**", "/x/y"));
  EXPECT_TRUE(narrow("/*/x/**", "/a/x/y"));
}

TEST(PathPattern, ReadsCaseTripletsAndFinalSlashesWidelyForDenyRules) {
  EXPECT_TRUE(wide("/admin/**", "/ADMIN/x"));
  EXPECT_TRUE(wide("/users/@root/**", "/users/%40root/x"));
  EXPECT_FALSE(narrow("/users/@root/**", "/users/%40root/x"));
  EXPECT_TRUE(wide("/a", "/a/"));
  EXPECT_TRUE(wide("/dir/", "/dir"));
  EXPECT_FALSE(wide("/a/*", "/a/"));
  EXPECT_TRUE(wide("/a/*", "/a/b/"));
  EXPECT_TRUE(wide("/", "/"));
  EXPECT_TRUE(wide("/**", "/"));
  EXPECT_FALSE(wide("/", "/a"));
}

TEST(PathPattern, KeepsEncodedSlashAndPercentApartFromTheRealOnesEvenWidely) {
  const PathOptions keep{.keep_encoded_slash = true};
  EXPECT_FALSE(matches("/a/b", "/a%2Fb", Reading::wide, false, keep));
  EXPECT_TRUE(matches("/a%2Fb", "/A%2FB", Reading::wide, false, keep));
  EXPECT_TRUE(matches("/a/*", "/a/x%2Fy", Reading::narrow, false, keep));
}

TEST(PathPattern, MatchesALiteralStarInBothSpellings) {
  for (const Reading reading : {Reading::narrow, Reading::wide}) {
    EXPECT_TRUE(matches("/a%2Ab", "/a*b", reading));
    EXPECT_TRUE(matches("/a%2Ab", "/a%2Ab", reading));
    EXPECT_TRUE(matches("/%2A", "/*", reading));
    EXPECT_FALSE(matches("/%2A", "/x", reading));
  }
}

TEST(PathPattern, IgnoresCaseNarrowlyOnlyWhereTheResourceAsksForIt) {
  EXPECT_TRUE(matches("/Docs/**", "/dOCS/x", Reading::narrow, true));
  EXPECT_FALSE(matches("/Docs/**", "/dOCS/x", Reading::narrow, false));
  EXPECT_FALSE(matches("/%C3%A9", "/%C3%89", Reading::narrow, true));
}

TEST(PathPattern, SaysWhatIsWrongAndWhatWouldBeRight) {
  EXPECT_EQ(error_of("admin"), "'admin' must begin with '/'");
  EXPECT_EQ(error_of("/a/../b"), "'/a/../b' is not in canonical form; write '/b'");
  EXPECT_EQ(error_of("/a//b"), "'/a//b' is not in canonical form; write '/a/b'");
  EXPECT_EQ(error_of("/%c3%a9"), "'/%c3%a9' is not in canonical form; write '/%C3%A9'");
  EXPECT_EQ(error_of("/caf\xC3\xA9"),
            "'/caf\xC3\xA9' holds bytes that must be percent-encoded; write '/caf%C3%A9'");
  EXPECT_EQ(error_of("/a/**/b"), "'/a/**/b': '**' stands only at the end, as in '/a/**'");
  EXPECT_EQ(
      error_of("/a*"),
      "'/a*': '*' stands for one whole segment, it can't be a part of 'a*'; a literal star is written %2A");
  EXPECT_NE(error_of("/a%2Fb").find("'encoded_slash: keep'"), std::string::npos);
  EXPECT_NE(error_of("/a;b").find("'path_params: ignore'"), std::string::npos);
  EXPECT_NE(error_of("/a;b", {.ignore_params = true}), "");
  EXPECT_EQ(error_of("/a//b", {.keep_slashes = true}), "");
  EXPECT_EQ(error_of("/a%2Fb", {.keep_encoded_slash = true}), "");
  EXPECT_NE(error_of(""), "");
}

}  // namespace
}  // namespace tallygate::policy
