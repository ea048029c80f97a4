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
      route(R"({servers: ["http://u", "https://u", "h2c://u:50051", "h2://v", "h2://[2001:db8::1]:9"]})");
  const std::vector<UpstreamServer> servers{{"u", 80, UpstreamProtocol::http1},
                                            {"u", 443, UpstreamProtocol::https},
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
  EXPECT_THAT(mistake(R"({servers: ["h2c://v"], ca: up.pem})"), HasSubstr("'ca' is about TLS"));
  EXPECT_EQ(route(R"({servers: ["https://v"], ca: up.pem})").upstream_ca, "/etc/tg/up.pem");
}

TEST(UpstreamSettings, AServerUnderTlsMayBeAskedForAnotherNameThanItsHost) {
  EXPECT_EQ(route(R"({servers: ["https://10.0.0.7"], server_name: App.Example})").upstream_server_name,
            "app.example");
  EXPECT_EQ(route(R"({servers: ["h2://app"], server_name: "[2001:db8::1]"})").upstream_server_name,
            "2001:db8::1");
  EXPECT_THAT(mistake(R"({servers: ["https://v"], server_name: "v:8443"})"), HasSubstr("without a port"));
  EXPECT_THAT(mistake(R"({servers: ["https://v"], server_name: "*.example"})"),
              HasSubstr("no name that a certificate"));
  EXPECT_THAT(mistake(R"({servers: ["http://v"], server_name: v.example})"),
              HasSubstr("'server_name' is about TLS"));
}

TEST(UpstreamSettings, AServerUnderTlsMayBeShownACertificate) {
  const RouteSettings read =
      route(R"({servers: ["https://v"], client_certificate: {cert: gw.pem, key: gw.key}})");
  ASSERT_TRUE(read.upstream_certificate.has_value());
  EXPECT_EQ(read.upstream_certificate->cert, "/etc/tg/gw.pem");
  EXPECT_EQ(read.upstream_certificate->key, "/etc/tg/gw.key");
  EXPECT_THAT(read.upstream_certificate->place, HasSubstr("gateway.yaml:5:"));
  EXPECT_THAT(mistake(R"({servers: ["https://v"], client_certificate: {cert: gw.pem}})"), HasSubstr("'key'"));
  EXPECT_THAT(mistake(R"({servers: ["h2c://v"], client_certificate: {cert: gw.pem, key: gw.key}})"),
              HasSubstr("'client_certificate' is about TLS"));
}

TEST(UpstreamSettings, ThatNothingIsVerifiedCannotBeSaid) {
  for (const char* const key : {"insecure: true", "verify: false", "verification: none"}) {
    EXPECT_NE(mistake(std::string(R"({servers: ["https://v"], )") + key + "}"), "no mistake") << key;
  }
}

TEST(UpstreamSettings, ConnectionsOfOneClientMayBeginWithItsAddress) {
  EXPECT_EQ(route(R"({servers: ["http://u"]})").proxy_protocol, ProxyProtocol::none);
  EXPECT_EQ(route(R"({servers: ["https://u"], proxy_protocol: v1})").proxy_protocol, ProxyProtocol::v1);
  EXPECT_EQ(route(R"({servers: ["tcp://u:22"], proxy_protocol: v2})").proxy_protocol, ProxyProtocol::v2);
  EXPECT_THAT(mistake(R"({servers: ["http://u"], proxy_protocol: v3})"), HasSubstr("none, v1, v2"));
  EXPECT_THAT(mistake(R"({servers: ["h2c://u"], proxy_protocol: v2})"), HasSubstr("shared by all clients"));
}

TEST(UpstreamSettings, NetworksSayWhereNamesMayLead) {
  const RouteSettings read =
      route(R"({servers: ["http://u", "http://10.0.0.7"], networks: [10.0.0.0/8, "fd00::/8"]})");
  ASSERT_TRUE(read.upstream_networks.has_value());
  ASSERT_EQ(read.upstream_networks->size(), 2U);
  EXPECT_EQ(policy::to_string(read.upstream_networks->at(1)), "fd00::/8");
  EXPECT_EQ(route(R"({servers: ["http://u"]})").upstream_networks, std::nullopt);
  EXPECT_THAT(mistake(R"({servers: ["http://u"], networks: [10.0.0.1/8]})"), HasSubstr("5:50: "));
  EXPECT_THAT(mistake(R"({servers: ["http://u"], networks: []})"), HasSubstr("networks"));
}

TEST(UpstreamSettings, AnAddressThatItsOwnNetworksExcludeIsAMistakeWithItsPlace) {
  EXPECT_THAT(mistake(R"({servers: ["http://u", "http://192.0.2.1:81"], networks: [10.0.0.0/8]})"),
              testing::AllOf(HasSubstr("5:38: "), HasSubstr("is in none of the 'networks'")));
  EXPECT_THAT(mistake(R"({servers: ["tcp://[2001:db8::1]:22"], networks: [10.0.0.0/8]})"),
              HasSubstr("is in none of the 'networks'"));
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
              HasSubstr("WebSockets are passed on over http:// and https:// only"));
  EXPECT_TRUE(route(R"({servers: ["https://v"]})", "    websocket: true\n").websocket);
  EXPECT_FALSE(route(R"({servers: ["h2c://v"]})", "    websocket: false\n").websocket);
}

TEST(UpstreamSettings, OtherSchemesAreMistakesThatSayWhatThereIs) {
  EXPECT_THAT(mistake(R"({servers: ["grpc://u"]})"), HasSubstr("h2c:// and h2:// are HTTP/2"));
  EXPECT_THAT(mistake(R"({servers: ["h2://u/path"]})"), HasSubstr("without a path"));
}

}  // namespace
}  // namespace tallygate
