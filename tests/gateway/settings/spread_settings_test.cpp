// How a route says what is done with several servers.
#include "gateway/settings_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tallygate {
namespace {

using std::chrono::seconds;
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

RouteSettings route(const std::string& upstream) {
  auto settings = read(upstream);
  EXPECT_TRUE(settings.has_value()) << policy::yaml::to_string(settings.error());
  return settings.has_value() ? settings->routes.at(0) : RouteSettings{};
}

std::string mistake(const std::string& upstream, const std::string& more = {}) {
  const auto settings = read(upstream, more);
  return settings.has_value() ? "no mistake" : policy::yaml::to_string(settings.error());
}

TEST(SpreadSettings, AServerMayHaveAWeight) {
  const RouteSettings read = route(R"({servers: ["http://u", {url: "http://v:81", weight: 3}]})");
  ASSERT_EQ(read.servers.size(), 2U);
  EXPECT_EQ(read.servers[0].weight, 1U);
  EXPECT_EQ(read.servers[1], (UpstreamServer{"v", 81, UpstreamProtocol::http1, 3}));
  EXPECT_EQ(route(R"({servers: {url: "http://v", weight: 2}})").servers.at(0).weight, 2U);
  EXPECT_THAT(mistake(R"({servers: [{url: "http://v", weight: 0}]})"), HasSubstr("gateway.yaml:5:"));
  EXPECT_THAT(mistake(R"({servers: [{weight: 2}]})"), HasSubstr("url"));
  EXPECT_THAT(mistake(R"({servers: [{url: "http://v", wieght: 2}]})"), HasSubstr("weight"));
}

TEST(SpreadSettings, OneServerIsNotAskedTwiceAndSeveralAre) {
  EXPECT_EQ(route(R"({servers: "http://u"})").spread.retries.attempts, 0U);
  EXPECT_EQ(route(R"({servers: ["http://u", "http://v"]})").spread.retries.attempts, 1U);
  EXPECT_EQ(
      route(R"({servers: ["http://u", "http://v"], retries: {attempts: 3, budget: 50%, per_second: 7}})")
          .spread.retries,
      (RetrySettings{3, 50, 7}));
  EXPECT_EQ(route(R"({servers: ["http://u", "http://v"], retries: {attempts: 0}})").spread.retries.attempts,
            0U);
  EXPECT_THAT(mistake(R"({servers: ["http://u", "http://v"], retries: {attempts: 6}})"),
              HasSubstr("attempts"));
  EXPECT_THAT(mistake(R"({servers: "http://u", retries: {attempts: 1}})"), HasSubstr("has only one"));
  for (const std::string budget : {"20", "\"20\"", "101%", "-1%", "\"%\""}) {
    EXPECT_THAT(mistake(R"({servers: "http://u", retries: {budget: )" + budget + "}}"), HasSubstr("budget"))
        << budget;
  }
}

TEST(SpreadSettings, TheHashGoesByUserOrAddress) {
  const SpreadSettings read =
      route(R"({servers: "http://u", balance: consistent_hash, hash_by: address})").spread;
  EXPECT_EQ(read.balance, Balance::consistent_hash);
  EXPECT_EQ(read.hash_by, HashBy::address);
  EXPECT_EQ(route(R"({servers: "http://u", balance: consistent_hash})").spread.hash_by, HashBy::user);
  EXPECT_THAT(mistake(R"({servers: "http://u", hash_by: user})"), HasSubstr("consistent_hash"));
}

TEST(SpreadSettings, HealthIsAskedForAtAPath) {
  const auto health = route(R"({servers: "http://u", health: {path: /healthz, every: 5s}})").spread.health;
  HealthSettings expected;
  expected.path = "/healthz";
  EXPECT_EQ(health, expected) << "the defaults of the manual";
  const auto other = route(R"({servers: "http://u", health: {path: "/h?x=1", every: 7s, timeout: 1s,
      healthy: 3, unhealthy: 4, status: [204, 300..302]}})")
                         .spread.health;
  EXPECT_EQ(other, (HealthSettings{"/h?x=1", seconds{7}, seconds{1}, 3, 4, {{204, 204}, {300, 302}}}));
  EXPECT_THAT(mistake(R"({servers: "http://u", health: {every: 5s}})"), HasSubstr("path"));
  EXPECT_THAT(mistake(R"({servers: "http://u", health: {path: healthz}})"), HasSubstr("begins with '/'"));
  EXPECT_THAT(mistake("{servers: \"http://u\", health: {path: \"/a\\r\\nX: y\"}}"), HasSubstr("no path"));
  for (const std::string status : {"200..", "100", "399..200", "600", "ok", "\"200..399x\""}) {
    EXPECT_THAT(mistake(R"({servers: "http://u", health: {path: /h, status: [)" + status + "]}}"),
                HasSubstr("200..399"))
        << status;
  }
}

TEST(SpreadSettings, AConnectionIsEnoughOfAHealthyTcpServer) {
  EXPECT_TRUE(route(R"({servers: "tcp://u:22", health: {every: 9s}})").spread.health.has_value());
  EXPECT_THAT(mistake(R"({servers: "tcp://u:22", health: {path: /x}})"), HasSubstr("leave 'path' out"));
}

TEST(SpreadSettings, AServerOfTwoRoutesIsCheckedInOneWay) {
  const std::string second =
      "  - name: b\n    match: {host: b.example}\n    upstream: {servers: \"http://u\"";
  const std::string first = R"({servers: ["http://u", "http://v"], health: {path: /h}})";
  EXPECT_THAT(mistake(first, second + ", health: {path: /other}}\n"), HasSubstr("'a' and 'b' check u:80"));
  EXPECT_EQ(mistake(first, second + ", health: {path: /h}}\n"), "no mistake");
  EXPECT_EQ(mistake(first, second + "}\n"), "no mistake");
}

TEST(SpreadSettings, WhatIsSpokenToInTwoWaysIsNotCheckedForBoth) {
  const auto two = [](const std::string& first, const std::string& second) {
    return mistake("{servers: " + first + ", health: {path: /h}}",
                   "  - name: b\n    match: {host: b.example}\n    upstream: {servers: " + second +
                       ", health: {path: /h}}\n");
  };
  EXPECT_EQ(two("'http://u:81'", "'http://u:81'"), "no mistake");
  EXPECT_EQ(two("'http://u:81'", "'h2c://u:82'"), "no mistake");
  EXPECT_THAT(two("'http://u:81'", "'h2c://u:81'"), HasSubstr("check u:81 in two ways"));
  EXPECT_THAT(two("'https://u:81', ca: a.pem", "'https://u:81', ca: b.pem"), HasSubstr("in two ways"));
}

TEST(SpreadSettings, OutliersAndCircuitsAreOffUnlessTheyAreAskedFor) {
  const SpreadSettings plain = route(R"({servers: "http://u"})").spread;
  EXPECT_EQ(plain.outliers, std::nullopt);
  EXPECT_EQ(plain.circuit, CircuitSettings{});
  EXPECT_EQ(plain.health, std::nullopt);
  const SpreadSettings full = route(R"({servers: "http://u", slow_start: 30s,
      outliers: {failures: 2, pause: 1s, pause_max: 4s}, circuit: {requests: 100, pending: 10}})")
                                  .spread;
  EXPECT_EQ(full.outliers, (OutlierSettings{2, seconds{1}, seconds{4}}));
  EXPECT_EQ(full.circuit, (CircuitSettings{100, 10}));
  EXPECT_EQ(full.slow_start, seconds{30});
  EXPECT_THAT(mistake(R"({servers: "http://u", outliers: {pause: 20s, pause_max: 10s}})"),
              HasSubstr("must not be less"));
  EXPECT_THAT(mistake(R"({servers: "http://u", circuit: {requests: 0}})"), HasSubstr("requests"));
}

}  // namespace
}  // namespace tallygate
