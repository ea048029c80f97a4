#include "gateway/upstream/routes.hpp"

#include "gateway/upstream/pool.hpp"

#include <gtest/gtest.h>

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

std::vector<std::shared_ptr<ServerState>> servers(std::size_t count) {
  std::vector<std::shared_ptr<ServerState>> states;
  for (std::size_t at = 0; at < count; ++at) {
    states.push_back(std::make_shared<ServerState>());
  }
  return states;
}

TEST(ChooseServer, RoundRobinTakesTurns) {
  const auto states = servers(3);
  std::size_t turn = 0;
  const auto now = net::Clock::now();
  for (std::size_t expected : {0U, 1U, 2U, 0U}) {
    EXPECT_EQ(choose_server(states, Balance::round_robin, turn, now), expected);
  }
}

TEST(ChooseServer, LeastConnectionsTakesTheLeastBusy) {
  const auto states = servers(3);
  states[0]->active = 5;
  states[1]->active = 1;
  states[2]->active = 3;
  std::size_t turn = 0;
  EXPECT_EQ(choose_server(states, Balance::least_connections, turn, net::Clock::now()), 1U);
}

TEST(ChooseServer, PassesOverServersThatFailedUntilTheirTimeIsUp) {
  const auto states = servers(2);
  const auto now = net::Clock::now();
  states[0]->failed(now);
  std::size_t turn = 0;
  EXPECT_EQ(choose_server(states, Balance::round_robin, turn, now), 1U);
  EXPECT_EQ(choose_server(states, Balance::round_robin, turn, now), 1U);
  EXPECT_FALSE(states[0]->down(now + std::chrono::seconds{1}));
}

TEST(ChooseServer, TriesSomebodyEvenIfAllAreDown) {
  const auto states = servers(2);
  const auto now = net::Clock::now();
  for (const auto& state : states) {
    state->failed(now);
  }
  std::size_t turn = 0;
  EXPECT_LT(choose_server(states, Balance::round_robin, turn, now), 2U);
}

TEST(ServerState, ASuccessForgetsTheFailures) {
  ServerState state;
  const auto now = net::Clock::now();
  state.failed(now);
  EXPECT_TRUE(state.down(now));
  state.succeeded();
  EXPECT_FALSE(state.down(now));
}

}  // namespace
}  // namespace tallygate::upstream
