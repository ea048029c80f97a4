#include "gateway/upstream/routes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <tuple>

namespace tallygate::upstream {
namespace {

RouteSettings route(std::string name, std::vector<std::string> hosts,
                    std::vector<std::string> paths = {"/**"}) {
  RouteSettings settings;
  settings.name = std::move(name);
  settings.hosts = std::move(hosts);
  settings.paths = std::move(paths);
  settings.servers.push_back({"127.0.0.1", 80});
  return settings;
}

std::string found(const Routes& routes, std::string host, std::string path) {
  policy::CanonicalRequest request;
  request.host.name = std::move(host);
  request.path.matched = std::move(path);
  const RouteSettings* match = routes.find(request);
  return match == nullptr ? "-" : match->name;
}

TEST(Routes, AnExactHostBeatsAWildcardAndALongerWildcardAShorterOne) {
  const auto routes = Routes::build({route("short", {"*.example.com"}), route("long", {"*.a.example.com"}),
                                     route("exact", {"b.a.example.com"})});
  ASSERT_TRUE(routes);
  EXPECT_EQ(found(*routes, "b.a.example.com", "/"), "exact");
  EXPECT_EQ(found(*routes, "c.a.example.com", "/"), "long");
  EXPECT_EQ(found(*routes, "x.example.com", "/"), "short");
  EXPECT_EQ(found(*routes, "example.com", "/"), "-");
}

TEST(Routes, TheMoreSpecificPathWinsWhateverTheOrder) {
  const auto routes = Routes::build({route("all", {"h"}), route("api", {"h"}, {"/api/**"}),
                                     route("one", {"h"}, {"/api/v1"}), route("any", {"h"}, {"/api/*"})});
  ASSERT_TRUE(routes);
  EXPECT_EQ(found(*routes, "h", "/"), "all");
  EXPECT_EQ(found(*routes, "h", "/api"), "api");
  EXPECT_EQ(found(*routes, "h", "/api/v1"), "one");
  EXPECT_EQ(found(*routes, "h", "/api/v2"), "any");
  EXPECT_EQ(found(*routes, "h", "/api/v2/x"), "api");
  EXPECT_EQ(found(*routes, "h", "/apix"), "all");
}

/// What looking at each pattern by itself finds: the most specific one that matches, the first of several.
std::string found_by_looking(const std::vector<std::string>& patterns, const std::string& path) {
  std::string best = "-";
  std::tuple<std::size_t, std::ptrdiff_t, bool> most;
  for (const std::string& text : patterns) {
    const auto pattern = policy::PathPattern::parse(text, {});
    if (!pattern || !pattern->matches(path, policy::Reading::narrow, false)) {
      continue;
    }
    const auto& segments = pattern->segments(policy::Reading::narrow);
    const auto wild =
        std::count_if(segments.begin(), segments.end(), [](const auto& one) { return one.any; });
    const auto rank = std::make_tuple(segments.size(), -wild, !pattern->subtree());
    if (best == "-" || rank > most) {
      best = text;
      most = rank;
    }
  }
  return best;
}

TEST(Routes, OfManyPatternsTheSameOneIsFoundAsByLookingAtEach) {
  constexpr std::uint32_t seed = 20'261'129;
  std::mt19937 random(seed);
  const auto pick = [&random](std::size_t count) { return random() % count; };
  const std::vector<std::string> pieces{"/a", "/b", "/ab", "/*", "/c%20d"};
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> patterns;
    std::vector<RouteSettings> routes;
    const std::size_t count = 1 + pick(30);
    while (patterns.size() < count) {
      std::string text;
      for (std::size_t length = pick(4); length > 0; --length) {
        text += pieces[pick(pieces.size())];
      }
      text += pick(2) == 0 ? "/**" : text.empty() || pick(4) == 0 ? "/" : "";
      routes.push_back(route(text, {"h"}, {text}));
      patterns.push_back(std::move(text));
    }
    const auto built = Routes::build(routes);
    ASSERT_TRUE(built) << built.error();
    for (int asked = 0; asked < 50; ++asked) {
      std::string path;
      for (std::size_t length = pick(5); length > 0; --length) {
        path += std::vector<std::string>{"/a", "/b", "/ab", "/x", "/c%20d"}[pick(5)];
      }
      path += path.empty() || pick(3) == 0 ? "/" : "";
      ASSERT_EQ(found(*built, "h", path), found_by_looking(patterns, path)) << path << ", seed " << seed;
    }
  }
}

TEST(Routes, AHostWithoutAMatchingPathFallsBackToAWiderHost) {
  const auto routes =
      Routes::build({route("wide", {"*.example.com"}), route("narrow", {"a.example.com"}, {"/x/**"})});
  ASSERT_TRUE(routes);
  EXPECT_EQ(found(*routes, "a.example.com", "/y"), "wide");
}

TEST(Routes, AddressesMatchOnlyWhereTheyAreListed) {
  const auto routes = Routes::build({route("literal", {"127.0.0.1"}), route("wild", {"*.0.1"})});
  if (routes) {
    EXPECT_EQ(found(*routes, "127.0.0.1", "/"), "literal");
  }
}

TEST(Routes, KnowsTheHostsItServes) {
  const auto routes = Routes::build({route("wiki", {"wiki.example.com", "*.apps.example.com"})});
  ASSERT_TRUE(routes);
  EXPECT_TRUE(routes->knows_host("wiki.example.com"));
  EXPECT_TRUE(routes->knows_host("a.b.apps.example.com"));
  EXPECT_FALSE(routes->knows_host("apps.example.com"));
  EXPECT_FALSE(routes->knows_host("other.example.com"));
}

TEST(Routes, AMistakeNamesTheRoute) {
  const auto bad_host = Routes::build({route("wiki", {"wiki.example.com:443"})});
  ASSERT_FALSE(bad_host);
  EXPECT_NE(bad_host.error().find("wiki"), std::string::npos);
  const auto bad_path = Routes::build({route("wiki", {"h"}, {"/a/../b"})});
  ASSERT_FALSE(bad_path);
  EXPECT_NE(bad_path.error().find("/a/../b"), std::string::npos);
}

}  // namespace
}  // namespace tallygate::upstream
