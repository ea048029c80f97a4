#include "policy/request/canonical.hpp"

#include "policy/request/pattern.hpp"
#include "tests/support/seed.hpp"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <vector>

namespace tallygate::policy {
namespace {

/// Resources of one host, each a pattern with options.
class Resources final : public PathOptionsSource {
 public:
  void add(std::string_view pattern, const PathOptions& options) {
    patterns_.push_back(*PathPattern::parse(pattern, options));
    each_.push_back(options);
    if (std::find(sets_.begin(), sets_.end(), options) == sets_.end()) {
      sets_.push_back(options);
    }
  }
  std::span<const PathOptions> option_sets() const noexcept override { return sets_; }
  bool claims(std::string_view host, const PathOptions& options,
              std::string_view path) const noexcept override {
    std::string buffer;
    for (std::size_t i = 0; i < patterns_.size(); ++i) {
      if (host == "git.example.com" && each_[i] == options &&
          patterns_[i].matches(narrow_form(path, buffer), Reading::narrow, false)) {
        return true;
      }
    }
    return false;
  }

 private:
  std::vector<PathPattern> patterns_;
  std::vector<PathOptions> each_;
  std::vector<PathOptions> sets_;
};

std::string canonical(const Resources& resources, std::string_view target,
                      std::string_view host = "git.example.com") {
  const std::array hosts{host};
  CanonicalRequest request;
  CanonicalScratch scratch;
  const RejectCode code = canonicalise({"GET", target, "HTTP/1.1", hosts}, resources, request, scratch);
  if (code != RejectCode::none) {
    return "[" + std::string(to_string(code)) + "]";
  }
  std::string forwarded;
  request.append_target(forwarded);
  return request.path.matched == forwarded ? forwarded : request.path.matched + " -> " + forwarded;
}

constexpr PathOptions keep_slash{.keep_encoded_slash = true};
constexpr PathOptions keep_runs{.keep_slashes = true};
constexpr PathOptions params{.ignore_params = true};

TEST(CanonicalRequest, TakesTheFormOfTheResourceThatClaimsTheTarget) {
  Resources resources;
  resources.add("/api/**", keep_slash);
  resources.add("/files/**", keep_runs);
  resources.add("/app/**", params);
  resources.add("/docs/**", {});
  EXPECT_EQ(canonical(resources, "/api/projects/a%2fb?x=1"),
            "/api/projects/a%2Fb -> /api/projects/a%2Fb?x=1");
  EXPECT_EQ(canonical(resources, "/files//a"), "/files//a");
  EXPECT_EQ(canonical(resources, "/app/x;s=1"), "/app/x -> /app/x;s=1");
  EXPECT_EQ(canonical(resources, "/docs//a"), "/docs/a");
  EXPECT_EQ(canonical(resources, "/docs/a%2fb"), "[encoded-slash]");
  EXPECT_EQ(canonical(resources, "/app/x;s=1/..;/api"), "[dot-segment-params]");
  EXPECT_EQ(canonical(resources, "/api/a%2fb", "wiki.example.com"), "[encoded-slash]");
  EXPECT_EQ(canonical(resources, "/files//a", "wiki.example.com"), "/files/a");
}

TEST(CanonicalRequest, IsRefusedWhereResourcesReadTheTargetInUnlikeWays) {
  Resources resources;
  resources.add("/**", {});
  resources.add("/files/**", keep_runs);
  EXPECT_EQ(canonical(resources, "/files//a"), "[ambiguous]");
  EXPECT_EQ(canonical(resources, "/other//a"), "/other/a");
  EXPECT_EQ(canonical(resources, "/files/a"), "/files/a");
}

TEST(CanonicalRequest, IsNotAmbiguousWhereUnlikeOptionsGiveOneForm) {
  Resources resources;
  resources.add("/**", keep_slash);
  resources.add("/a/**", {.keep_encoded_slash = true, .keep_slashes = true});
  EXPECT_EQ(canonical(resources, "/a/x%2fy"), "/a/x%2Fy");
  EXPECT_EQ(canonical(resources, "/a//x%2fy"), "[ambiguous]");
}

TEST(CanonicalRequest, ClaimsDependOnTheFormUnderTheClaimantsOptions) {
  Resources resources;
  resources.add("/a/**", params);
  resources.add("/b/**", {});
  // Without parameters `/x;y/../b` is in `/b`, whose resource refuses parameters: nobody claims it.
  EXPECT_EQ(canonical(resources, "/x;y/../b/c"), "[path-params]");
  EXPECT_EQ(canonical(resources, "/x;y/../a/c"), "/a/c");
}

TEST(CanonicalRequest, NamesTheFirstThingThatIsWrong) {
  const Resources none;
  const std::array two{std::string_view("a"), std::string_view("b")};
  CanonicalRequest out;
  CanonicalScratch scratch;
  const auto code = [&](std::string_view method, std::string_view target, std::string_view version) {
    return canonicalise({method, target, version, two}, none, out, scratch);
  };
  EXPECT_EQ(code("G T", "x#", "HTTP/2"), RejectCode::request_line);
  EXPECT_EQ(code("G T", "x#", "HTTP/1.1"), RejectCode::method);
  EXPECT_EQ(code("GET", "x#", "HTTP/1.1"), RejectCode::fragment);
  EXPECT_EQ(code("GET", "x", "HTTP/1.1"), RejectCode::target_form);
  EXPECT_EQ(code("GET", "/%2f", "HTTP/1.1"), RejectCode::host);
}

TEST(CanonicalRequest, LeavesNothingOfAnEarlierRequestBehind) {
  Resources resources;
  resources.add("/app/**", params);
  const std::array hosts{std::string_view("git.example.com:8443")};
  CanonicalRequest request;
  CanonicalScratch scratch;
  ASSERT_EQ(canonicalise({"POST", "/app/a;b?q", "HTTP/1.1", hosts}, resources, request, scratch),
            RejectCode::none);
  EXPECT_TRUE(request.has_query);
  EXPECT_EQ(request.options, params);
  EXPECT_EQ(request.host.port, 8443);
  const std::array plain{std::string_view("git.example.com")};
  ASSERT_EQ(canonicalise({"OPTIONS", "*", "HTTP/1.1", plain}, resources, request, scratch), RejectCode::none);
  EXPECT_TRUE(request.asterisk);
  EXPECT_TRUE(request.path.matched.empty() && request.path.to_forward().empty());
  EXPECT_FALSE(request.has_query);
  ASSERT_EQ(canonicalise({"GET", "/x", "HTTP/1.1", plain}, resources, request, scratch), RejectCode::none);
  EXPECT_FALSE(request.asterisk);
  EXPECT_EQ(request.path.to_forward(), "/x");
  EXPECT_EQ(request.query, "");
  EXPECT_EQ(request.host.port, std::nullopt);
  EXPECT_EQ(request.options, PathOptions{});
}

TEST(CanonicalRequest, PassedOnAndReadAgainStaysTheSame) {
  Resources resources;
  resources.add("/**", {.keep_encoded_slash = true, .keep_double_encoding = true, .ignore_params = true});
  constexpr std::array<std::string_view, 14> pieces{"/",  "/", "a",   "..",  ".", "%2f", "%252f",
                                                    ";x", "?", "%41", "%40", "*", "B",   "%3b"};
  const auto seed = static_cast<unsigned>(tallygate::testing::test_seed());
  std::mt19937 random(seed);
  const std::array hosts{std::string_view("git.example.com")};
  CanonicalRequest once;
  CanonicalRequest twice;
  CanonicalScratch scratch;
  for (int i = 0; i < 50'000; ++i) {
    std::string target = "/";
    for (unsigned n = random() % 10; n > 0; --n) {
      target += pieces[random() % pieces.size()];
    }
    if (canonicalise({"GET", target, "HTTP/1.1", hosts}, resources, once, scratch) != RejectCode::none) {
      continue;
    }
    std::string forwarded;
    once.append_target(forwarded);
    ASSERT_EQ(canonicalise({"GET", forwarded, "HTTP/1.1", hosts}, resources, twice, scratch),
              RejectCode::none)
        << target << " seed " << seed;
    std::string again;
    twice.append_target(again);
    ASSERT_EQ(again, forwarded) << target << " seed " << seed;
    ASSERT_EQ(twice.path.matched, once.path.matched) << target << " seed " << seed;
  }
}

TEST(RequestLine, NeedsExactlyOneSpaceBetweenItsParts) {
  RequestLine line;
  ASSERT_TRUE(split_request_line("GET /x HTTP/1.1", line));
  EXPECT_EQ(line.method, "GET");
  EXPECT_EQ(line.target, "/x");
  EXPECT_EQ(line.version, "HTTP/1.1");
  for (const char* bad : {"", "GET", "GET /x", "GET  /x HTTP/1.1", "GET /x  HTTP/1.1", " GET /x HTTP/1.1",
                          "GET /x HTTP/1.1 "}) {
    EXPECT_FALSE(split_request_line(bad, line)) << bad;
  }
}

TEST(Url, IsCutAtTheFirstSlashOrQuestionMarkAndNotCleaned) {
  UrlParts parts;
  ASSERT_TRUE(split_url("https://user@Wiki:443/a/../b?x#y", parts));
  EXPECT_EQ(parts.authority, "user@Wiki:443");
  EXPECT_EQ(parts.target, "/a/../b?x#y");
  ASSERT_TRUE(split_url("http://wiki?x/y", parts));
  EXPECT_EQ(parts.authority, "wiki");
  EXPECT_EQ(parts.target, "?x/y");
  EXPECT_FALSE(split_url("ftp://wiki/", parts));
  EXPECT_FALSE(split_url("wiki/", parts));
}

TEST(RejectCodes, HaveNamesThatLeadBackToThem) {
  for (int i = 1; i <= static_cast<int>(RejectCode::too_long); ++i) {
    const auto code = static_cast<RejectCode>(i);
    EXPECT_EQ(reject_code_from(to_string(code)), code);
    EXPECT_FALSE(describe(code).empty());
  }
  EXPECT_EQ(reject_code_from("none"), std::nullopt);
  EXPECT_EQ(reject_code_from("Encoded-Slash"), std::nullopt);
}

}  // namespace
}  // namespace tallygate::policy
