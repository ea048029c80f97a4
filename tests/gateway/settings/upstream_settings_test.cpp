// How a route says what its servers speak.
#include "gateway/settings_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tallygate {
namespace {

using testing::HasSubstr;

policy::yaml::Result<Settings> read(const std::string& upstream, const std::string& more = {}) {
  SettingsEnvironment environment;
  environment.folder = "/etc/tg";
  environment.variable = [](const std::string&) { return std::nullopt; };
  environment.readable = [](const std::filesystem::path&) { return std::error_code(); };
  const std::string text =
      "version: 1\nroutes:\n  - name: a\n    match: {host: a.example}\n    upstream: " + upstream + "\n" +
      more;
  return read_settings(text, "gateway.yaml", environment);
}

RouteSettings route(const std::string& upstream, const std::string& more = {}) {
  auto settings = read(upstream, more);
  EXPECT_TRUE(settings.has_value()) << policy::yaml::to_string(settings.error());
  return settings.has_value() ? settings->routes.at(0) : RouteSettings{};
}

std::string mistake(const std::string& upstream, const std::string& more = {}) {
  const auto settings = read(upstream, more);
  return settings.has_value() ? "no mistake" : policy::yaml::to_string(settings.error());
}

TEST(UpstreamSettings, TheSchemeSaysWhatAServerSpeaks) {
  const RouteSettings read =
      route(R"({servers: ["http://u", "h2c://u:50051", "h2://v", "h2://[2001:db8::1]:9"]})");
  const std::vector<UpstreamServer> servers{{"u", 80, UpstreamProtocol::http1},
                                            {"u", 50'051, UpstreamProtocol::h2c},
                                            {"v", 443, UpstreamProtocol::h2},
                                            {"2001:db8::1", 9, UpstreamProtocol::h2}};
  EXPECT_EQ(read.servers, servers);
  EXPECT_EQ(read.upstream_ca, std::nullopt);
}

TEST(UpstreamSettings, AServerUnderTlsMayHaveAuthoritiesOfItsOwn) {
  const RouteSettings read = route(R"({servers: ["h2://v"], ca: up.pem})");
  EXPECT_EQ(read.upstream_ca, "/etc/tg/up.pem");
  EXPECT_THAT(read.upstream_ca_place, HasSubstr("gateway.yaml:5:"));
  EXPECT_THAT(mistake(R"({servers: ["h2c://v"], ca: up.pem})"), HasSubstr("none of these servers has one"));
}

// What a route with these lines says is wrong in them.
std::string rewrite_mistake(const std::string& path, const std::string& rewrite,
                            const std::string& server = "http://u") {
  SettingsEnvironment environment;
  environment.folder = "/etc/tg";
  environment.variable = [](const std::string&) { return std::nullopt; };
  environment.readable = [](const std::filesystem::path&) { return std::error_code(); };
  const auto settings =
      read_settings("version: 1\nroutes:\n  - name: a\n    match: {host: a.example, path: " + path +
                        "}\n    rewrite: " + rewrite + "\n    upstream: {servers: [\"" + server + "\"]}\n",
                    "gateway.yaml", environment);
  return settings.has_value() ? "no mistake" : policy::yaml::to_string(settings.error());
}

TEST(UpstreamSettings, ARouteMayHaveItsApplicationUnderAnotherPath) {
  EXPECT_THAT(mistake(R"({servers: ["http://u"]})", "    rewrite: {prefix: /a, to: /b/c}\n"),
              HasSubstr("path /** does not begin with /a"));
  EXPECT_EQ(rewrite_mistake("[/a, /a/**]", "{prefix: /a, to: /b/c}"), "no mistake");
  EXPECT_EQ(rewrite_mistake("/a/b/*", "{prefix: /a/b, to: /}"), "no mistake");
}

TEST(UpstreamSettings, ARewriteTakesWholeSegmentsThatEachPathOfItsRouteBeginsWith) {
  EXPECT_THAT(rewrite_mistake("[/a/**, /b]", "{prefix: /a, to: /}"),
              AllOf(HasSubstr("gateway.yaml:5:"), HasSubstr("path /b does not begin with /a")));
  EXPECT_THAT(rewrite_mistake("/ab/**", "{prefix: /a, to: /}"), HasSubstr("does not begin with /a"));
  EXPECT_THAT(rewrite_mistake("/*/b", "{prefix: /*, to: /}"), HasSubstr("without a wildcard"));
  for (const char* prefix : {"a", "/a/", "/", "//a", "/a/../b", "/%61", "''"}) {
    EXPECT_THAT(rewrite_mistake("/a/**", std::string("{prefix: ") + prefix + ", to: /}"),
                HasSubstr("no beginning of a path"))
        << prefix;
  }
  EXPECT_THAT(rewrite_mistake("/a/**", "{prefix: /a, to: ../up}"), HasSubstr("or /"));
  EXPECT_THAT(rewrite_mistake("/a/**", "{prefix: /a}"), HasSubstr("'to'"));
}

TEST(UpstreamSettings, WhatHasNoPathOrIsForwardedElsewhereIsNotRewritten) {
  EXPECT_THAT(rewrite_mistake("/a/**", "{prefix: /a, to: /}", "tcp://u:5432"),
              HasSubstr("no path to rewrite"));
}

TEST(UpstreamSettings, AServerIsListedOnceWhateverItSpeaks) {
  EXPECT_THAT(mistake(R"({servers: ["http://u:81", "h2c://u:81"]})"), HasSubstr("is listed twice"));
}

policy::yaml::Result<Settings> read_asked(const std::string& route, const std::string& callers) {
  SettingsEnvironment environment;
  environment.folder = "/etc/tg";
  environment.variable = [](const std::string&) { return std::nullopt; };
  environment.readable = [](const std::filesystem::path&) { return std::error_code(); };
  return read_settings(
      "version: 1\n" + callers + "routes:\n  - name: a\n    match: {host: a.example}\n" + route,
      "gateway.yaml", environment);
}

std::string asked_mistake(const std::string& route, const std::string& callers) {
  const auto settings = read_asked(route, callers);
  return settings.has_value() ? "no mistake" : policy::yaml::to_string(settings.error());
}

TEST(ForwardAuthSettings, ARouteThatAnotherProxyForwardsHasNoServer) {
  const auto settings = read_asked("    external: true\n", R"(forward_auth:
  - {from: [10.0.0.9, "2001:db8::/64"], caller: nginx}
  - {from: 127.0.0.1, caller: envoy}
)");
  ASSERT_TRUE(settings.has_value()) << policy::yaml::to_string(settings.error());
  EXPECT_TRUE(settings->routes.at(0).external);
  EXPECT_TRUE(settings->routes.at(0).servers.empty());
  ASSERT_EQ(settings->forward_auth.size(), 2U);
  EXPECT_EQ(settings->forward_auth[0].from.size(), 2U);
  EXPECT_EQ(settings->forward_auth[0].caller, ForwardAuthCaller::original);
  EXPECT_EQ(settings->forward_auth[1].caller, ForwardAuthCaller::path);
}

TEST(ForwardAuthSettings, WhatFitsNobodyIsAMistakeWithItsPlace) {
  const std::string callers = "forward_auth: [{from: 10.0.0.9, caller: caddy}]\n";
  EXPECT_THAT(asked_mistake("    external: true\n", ""), HasSubstr("5:15: 'external' is for routes"));
  EXPECT_THAT(asked_mistake("    external: true\n    upstream: {servers: [\"http://u\"]}\n", callers),
              HasSubstr("it has no 'upstream' here"));
  EXPECT_THAT(asked_mistake("    external: false\n", callers), HasSubstr("upstream"));
  EXPECT_THAT(asked_mistake("    external: true\n", "forward_auth: [{from: 10.0.0.9/8, caller: caddy}]\n"),
              HasSubstr("2:23: "));
  EXPECT_THAT(asked_mistake("    external: true\n", "forward_auth: [{from: 10.0.0.9, caller: apache}]\n"),
              HasSubstr("nginx"));
  EXPECT_THAT(asked_mistake("    external: true\n", "forward_auth: [{caller: caddy}]\n"),
              HasSubstr("'from'"));
  EXPECT_THAT(asked_mistake("    external: true\n", "forward_auth: [{from: 10.0.0.9}]\n"),
              HasSubstr("'caller'"));
}

TEST(UpstreamSettings, WhatIsNoHttpHasAPortAndARouteOfItsOwn) {
  const RouteSettings read = route(R"({servers: ["tcp://u:5432", "tcp://[::1]:22"]})");
  EXPECT_TRUE(read.tcp);
  EXPECT_TRUE(read.websocket);
  EXPECT_EQ(read.timeouts.idle, std::chrono::hours(1));
  EXPECT_EQ(read.servers[1], (UpstreamServer{"::1", 22, UpstreamProtocol::tcp}));
  EXPECT_EQ(route(R"({servers: ["tcp://u:5432"], idle_timeout: none})").timeouts.idle,
            std::chrono::seconds(0));
  EXPECT_THAT(mistake(R"({servers: ["tcp://u"]})"), HasSubstr("tcp://HOST:PORT"));
  EXPECT_THAT(mistake(R"({servers: ["tcp://u:1", "http://v"]})"), HasSubstr("a route of its own"));
  EXPECT_THAT(mistake(R"({servers: ["tcp://u:1"]})", "    websocket: true\n"),
              HasSubstr("leave 'websocket' out"));
  EXPECT_THAT(mistake(R"({servers: ["http://u"], idle_timeout: none})"), HasSubstr("idle_timeout"));
}

TEST(UpstreamSettings, AWebSocketMayBeSilentForATimeOfItsOwn) {
  const RouteSettings plain = route(R"({servers: ["http://u"]})", "    websocket: true\n");
  EXPECT_TRUE(plain.websocket);
  EXPECT_EQ(plain.websocket_idle, std::nullopt);
  const RouteSettings own = route(R"({servers: ["http://u"]})", "    websocket: {idle: 2h}\n");
  EXPECT_TRUE(own.websocket);
  EXPECT_EQ(own.websocket_idle, std::chrono::hours(2));
  EXPECT_EQ(route(R"({servers: ["http://u"]})", "    websocket: {idle: none}\n").websocket_idle,
            std::chrono::seconds(0));
  EXPECT_THAT(mistake(R"({servers: ["http://u"]})", "    websocket: {ilde: 2h}\n"), HasSubstr("idle"));
}

TEST(UpstreamSettings, WebSocketsAreForHttp1) {
  EXPECT_THAT(mistake(R"({servers: ["http://u", "h2c://v"]})", "    websocket: true\n"),
              HasSubstr("WebSockets are passed on over http:// only"));
  EXPECT_FALSE(route(R"({servers: ["h2c://v"]})", "    websocket: false\n").websocket);
}

TEST(UpstreamSettings, OtherSchemesAreMistakesThatSayWhatThereIs) {
  EXPECT_THAT(mistake(R"({servers: ["https://u"]})"), HasSubstr("use h2:// if it speaks HTTP/2"));
  EXPECT_THAT(mistake(R"({servers: ["grpc://u"]})"), HasSubstr("h2c:// and h2:// are HTTP/2"));
  EXPECT_THAT(mistake(R"({servers: ["h2://u/path"]})"), HasSubstr("without a path"));
}

}  // namespace
}  // namespace tallygate
