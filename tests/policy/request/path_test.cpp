#include "policy/request/path.hpp"

#include "policy/request/path_bytes.hpp"
#include "tests/support/seed.hpp"

#include <gtest/gtest.h>

#include <random>
#include <span>
#include <string>
#include <vector>

namespace tallygate::policy {
namespace {

constexpr PathOptions encoded_slash{.keep_encoded_slash = true};
constexpr PathOptions double_encoding{.keep_double_encoding = true};
constexpr PathOptions slashes{.keep_slashes = true};
constexpr PathOptions params{.ignore_params = true};

/// The path that is matched, and behind ` -> ` the one forwarded if it differs; or the code in brackets.
std::string canonical(std::string_view raw, const PathOptions& options = {}) {
  PathForms forms;
  const RejectCode code = canonical_path(raw, options, forms);
  if (code != RejectCode::none) {
    return "[" + std::string(to_string(code)) + "]";
  }
  return forms.forwarded.empty() ? forms.matched : forms.matched + " -> " + forms.forwarded;
}

TEST(CanonicalPath, KeepsAnEncodedSlashAsOpaqueDataWhereTheResourceAsksForIt) {
  EXPECT_EQ(canonical("/a%2fb", encoded_slash), "/a%2Fb");
  EXPECT_EQ(canonical("/x/..%2fadmin", encoded_slash), "/x/..%2Fadmin");
  EXPECT_EQ(canonical("/x/%2e%2e/a%2Fb", encoded_slash), "/a%2Fb");
  EXPECT_EQ(canonical("/a%5cb", encoded_slash), "[encoded-backslash]");
  EXPECT_EQ(canonical("/a%252fb", encoded_slash), "[double-encoding]");
}

TEST(CanonicalPath, KeepsDoubleEncodingWithoutDecodingTwice) {
  EXPECT_EQ(canonical("/%252e%252e/x", double_encoding), "/%252e%252e/x");
  EXPECT_EQ(canonical("/%25%32%66", double_encoding), "/%252f");
  EXPECT_EQ(canonical("/a%2fb", double_encoding), "[encoded-slash]");
}

TEST(CanonicalPath, TreatsAnEmptySegmentAsASegmentWhereSlashesAreKept) {
  EXPECT_EQ(canonical("//a///b/", slashes), "//a///b/");
  EXPECT_EQ(canonical("/public//..//admin/x", slashes), "/public//admin/x");
  EXPECT_EQ(canonical("//..", slashes), "/");
  EXPECT_EQ(canonical("//../..", slashes), "[above-root]");
  EXPECT_EQ(canonical("/a//..", slashes), "/a/");
  EXPECT_EQ(canonical("/a/.//b", slashes), "/a//b");
}

TEST(CanonicalPath, MatchesWithoutParametersAndForwardsWithThem) {
  EXPECT_EQ(canonical("/a;v=1/b;w", params), "/a/b -> /a;v=1/b;w");
  EXPECT_EQ(canonical("/a%3bv/b", params), "/a/b -> /a%3Bv/b");
  EXPECT_EQ(canonical("/a;x/../b", params), "/b");
  EXPECT_EQ(canonical("/a/b;x/..", params), "/a/");
  EXPECT_EQ(canonical("/a/;x", params), "/a/ -> /a/;x");
  EXPECT_EQ(canonical("/a/;x/b", params), "/a/b");
  EXPECT_EQ(canonical("/;x", params), "/ -> /;x");
  EXPECT_EQ(canonical("/a/..;x/b", params), "[dot-segment-params]");
  EXPECT_EQ(canonical("/a/;x/b", {.keep_slashes = true, .ignore_params = true}), "/a//b -> /a/;x/b");
}

TEST(CanonicalPath, NamesTheFirstBrokenRuleInTheirOrder) {
  EXPECT_EQ(canonical("/%2f%zz"), "[bad-percent]");
  EXPECT_EQ(canonical("/%2f%00"), "[control]");
  EXPECT_EQ(canonical("/%252f%2f"), "[encoded-slash]");
  EXPECT_EQ(canonical("/%ff%252f"), "[double-encoding]");
  EXPECT_EQ(canonical("/%ff/../.."), "[invalid-utf8]");
}

TEST(CanonicalPath, RefusesWhatDoesNotBeginWithASlash) {
  EXPECT_EQ(canonical(""), "[target-form]");
  EXPECT_EQ(canonical("a/b"), "[target-form]");
  EXPECT_EQ(canonical("*"), "[target-form]");
}

TEST(ComparisonForms, WidenCaseTripletsAndTheFinalSlashOnly) {
  std::string out;
  wide_form("/Users/%40Root/", out);
  EXPECT_EQ(out, "/users/@root");
  wide_form("/a%2FB/%25/%C3%89", out);
  EXPECT_EQ(out, "/a%2fb/%25/\xC3\x89");
  wide_form("/", out);
  EXPECT_EQ(out, "");
}

TEST(ComparisonForms, ReadAStarAndItsTripletAlikeWhenNarrow) {
  std::string buffer;
  EXPECT_EQ(narrow_form("/a*b", buffer), "/a%2Ab");
  EXPECT_EQ(narrow_form("/a%2Ab", buffer), "/a%2Ab");
  const std::string plain = "/a/b";
  EXPECT_EQ(narrow_form(plain, buffer).data(), plain.data());
}

TEST(PathSegments, AreWalkedWithAnEmptyOneBehindAFinalSlash) {
  const auto walk = [](std::string_view form) {
    std::vector<std::string> all;
    Segments segments(form);
    std::string_view segment;
    while (segments.next(segment)) {
      all.emplace_back(segment);
    }
    return all;
  };
  EXPECT_EQ(walk("/a/b"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(walk("/a/"), (std::vector<std::string>{"a", ""}));
  EXPECT_EQ(walk("/"), (std::vector<std::string>{""}));
  EXPECT_EQ(walk("//a"), (std::vector<std::string>{"", "a"}));
  EXPECT_TRUE(walk("").empty());
}

/// An independent reading of N3 to N10 for the default options: decode, then split, then stack; no buffers
/// shared.
std::string reference(const std::string& raw) {
  if (raw.empty() || raw[0] != '/') {
    return "[target-form]";
  }
  std::string text;
  std::string bytes;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const char c = raw[i];
    if (c == '%') {
      const auto value = std::stoi(raw.substr(i + 1, 2), nullptr, 16);
      bytes.push_back(static_cast<char>(value));
      const bool plain =
          std::isalnum(value) != 0 || value == '-' || value == '.' || value == '_' || value == '~';
      if (plain && value < 0x80) {
        text.push_back(static_cast<char>(value));
      } else {
        for (int k = 0; k < 3; ++k) {
          text.push_back(static_cast<char>(std::toupper(raw[i + static_cast<std::size_t>(k)])));
        }
      }
      i += 2;
    } else {
      text.push_back(c);
      bytes.push_back(c);
    }
  }
  if (text.find("%2F") != std::string::npos) {
    return "[encoded-slash]";
  }
  for (std::size_t i = 0; i + 4 < text.size(); ++i) {
    if (text.substr(i, 3) == "%25" && is_hex(text[i + 3]) && is_hex(text[i + 4])) {
      return "[double-encoding]";
    }
  }
  std::vector<std::string> parts;
  std::string part;
  bool slash = false;
  const std::string ended = text + "/";
  for (std::size_t i = 1; i < ended.size(); ++i) {
    if (ended[i] != '/') {
      part.push_back(ended[i]);
      continue;
    }
    slash = part.empty() || part == "." || part == "..";
    if (part == ".." && parts.empty()) {
      return "[above-root]";
    }
    if (part == "..") {
      parts.pop_back();
    }
    if (!slash) {
      parts.push_back(part);
    }
    part.clear();
  }
  std::string out;
  for (const std::string& each : parts) {
    out += "/" + each;
  }
  return slash || out.empty() ? out + "/" : out;
}

class PathProperties : public ::testing::Test {
 protected:
  PathProperties() : random_(seed()) { RecordProperty("seed", std::to_string(seed())); }
  static unsigned seed() {
    static const auto value = static_cast<unsigned>(tallygate::testing::test_seed());
    return value;
  }
  std::string path(std::span<const char* const> pieces) {
    std::string out = "/";
    const auto length = std::uniform_int_distribution<std::size_t>{0, 9}(random_);
    std::uniform_int_distribution<std::size_t> pick{0, pieces.size() - 1};
    for (std::size_t i = 0; i < length; ++i) {
      out += pieces[pick(random_)];
    }
    return out;
  }
  PathOptions options() {
    const unsigned bits = static_cast<unsigned>(random_());
    return {(bits & 1U) != 0, (bits & 2U) != 0, (bits & 4U) != 0, (bits & 8U) != 0};
  }
  std::mt19937 random_;
};

constexpr const char* rich_pieces[] = {"/",   "/",      ".",  "..",  "a",   "B",    "%2e", "%2E",
                                       "%2f", "%25",    "2f", "%3b", ";",   ";x=1", "*",   "%2A",
                                       "%41", "%c3%a9", "~",  "%7E", "%32", "%66"};
constexpr const char* plain_pieces[] = {"/",   "/",   ".",   "..",  "a",  "%2e",
                                        "%61", "%40", "%2f", "%25", "2e", "@"};

TEST_F(PathProperties, CanonicalisationIsIdempotentUnderTheSameOptions) {
  for (int i = 0; i < 50'000; ++i) {
    const std::string raw = path(rich_pieces);
    const PathOptions under = options();
    PathForms once;
    if (canonical_path(raw, under, once) != RejectCode::none) {
      continue;
    }
    PathForms twice;
    ASSERT_EQ(canonical_path(once.matched, under, twice), RejectCode::none) << raw << " seed " << seed();
    ASSERT_EQ(twice.matched, once.matched) << raw << " seed " << seed();
    ASSERT_EQ(canonical_path(once.to_forward(), under, twice), RejectCode::none) << raw << " seed " << seed();
    ASSERT_EQ(twice.matched, once.matched) << raw << " seed " << seed();
    ASSERT_EQ(twice.to_forward(), once.to_forward()) << raw << " seed " << seed();
  }
}

TEST_F(PathProperties, TheResultNeverHoldsADotSegmentOrAMergeableSlash) {
  for (int i = 0; i < 50'000; ++i) {
    const std::string raw = path(rich_pieces);
    const PathOptions under = options();
    PathForms forms;
    if (canonical_path(raw, under, forms) != RejectCode::none) {
      continue;
    }
    for (const std::string_view form : {std::string_view(forms.matched), forms.to_forward()}) {
      ASSERT_TRUE(form.starts_with('/')) << raw << " seed " << seed();
      Segments segments(form);
      std::string_view segment;
      while (segments.next(segment)) {
        const std::string_view bare = segment.substr(0, std::min(segment.find(';'), segment.find("%3B")));
        ASSERT_NE(bare, ".") << raw << " seed " << seed();
        ASSERT_NE(bare, "..") << raw << " seed " << seed();
      }
      if (!under.keep_slashes) {
        ASSERT_EQ(form.find("//"), std::string_view::npos) << raw << " seed " << seed();
      }
    }
  }
}

TEST_F(PathProperties, AgreesWithAnIndependentReadingOfTheRules) {
  for (int i = 0; i < 50'000; ++i) {
    const std::string raw = path(plain_pieces);
    ASSERT_EQ(canonical(raw), reference(raw)) << raw << " seed " << seed();
  }
}

TEST_F(PathProperties, OptionsChangeNothingForPathsThatDoNotDependOnThem) {
  for (int i = 0; i < 50'000; ++i) {
    const std::string raw = path(rich_pieces);
    if (depends_on_options(raw)) {
      continue;
    }
    ASSERT_EQ(canonical(raw, options()), canonical(raw)) << raw << " seed " << seed();
  }
}

TEST_F(PathProperties, EqualNarrowFormsHaveEqualWideForms) {
  for (int i = 0; i < 20'000; ++i) {
    PathForms left;
    PathForms right;
    const PathOptions under = options();
    if (canonical_path(path(rich_pieces), under, left) != RejectCode::none) {
      continue;
    }
    if (canonical_path(path(rich_pieces), under, right) != RejectCode::none) {
      continue;
    }
    std::string buffers[4];
    const bool narrow = narrow_form(left.matched, buffers[0]) == narrow_form(right.matched, buffers[1]);
    wide_form(left.matched, buffers[2]);
    wide_form(right.matched, buffers[3]);
    ASSERT_TRUE(!narrow || buffers[2] == buffers[3])
        << left.matched << " " << right.matched << " seed " << seed();
  }
}

}  // namespace
}  // namespace tallygate::policy
