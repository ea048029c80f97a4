#include "gateway/settings.hpp"
#include "gateway/settings_reader.hpp"
#include "gateway/settings_secrets.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tallygate {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A file with this text under `record:` of audit (line 3 on) and of its one route.
std::string file(const std::string& audit, const std::string& route = "{}") {
  return "version: 1\naudit:\n  record: " + audit +
         "\nroutes:\n  - name: wiki\n    match: {host: wiki.example.com}\n    upstream: {servers: "
         "[\"http://10.0.0.5\"]}\n    record: " +
         route + "\n";
}

policy::yaml::Result<Settings> read(const std::string& text) {
  SettingsEnvironment environment;
  environment.folder = "/etc/tg";
  environment.variable = [](const std::string&) { return std::nullopt; };
  environment.readable = [](const std::filesystem::path&) { return std::error_code(); };
  return read_settings(text, "gateway.yaml", environment);
}

Settings good(const std::string& text) {
  auto settings = read(text);
  EXPECT_TRUE(settings.has_value()) << policy::yaml::to_string(settings.error());
  return settings.has_value() ? *settings : Settings{};
}

std::string bad(const std::string& text) {
  auto settings = read(text);
  EXPECT_FALSE(settings.has_value()) << text;
  std::string errors = settings.has_value() ? "" : policy::yaml::to_string(settings.error());
  errors.resize(errors.empty() ? 0 : errors.size() - 1);  // the last line's end
  return errors;
}

TEST(RecordSettings, WithoutAWordEverythingUsualIsRecordedAndFloodsAreCounted) {
  const Settings settings = good(file("{}"));
  EXPECT_EQ(settings.audit.record.flood, (FloodSettings{10s, 1'000}));
  EXPECT_EQ(static_cast<const RecordChoice&>(settings.audit.record), RecordChoice{});
  EXPECT_EQ(settings.routes[0].record, RecordChoice{});
  EXPECT_TRUE(settings.routes[0].record.fields.user_agent);
  EXPECT_FALSE(settings.routes[0].record.fields.referer);
}

TEST(RecordSettings, FieldsKindsHeadersAndFloodsAreChosen) {
  const RecordSettings record =
      good(file("{kinds: {access.end: false}, fields: {email: false, referer: true, claims: policy, groups: "
                "true}, "
                "headers: [X-Device-Id, x-app], query_values: [b, a], flood: {per: 1m, entries: 50}}"))
          .audit.record;
  EXPECT_FALSE(record.end);
  EXPECT_FALSE(record.fields.email);
  EXPECT_TRUE(record.fields.referer);
  EXPECT_EQ(record.fields.claims, RecordedNames::policy);
  EXPECT_EQ(record.fields.groups, RecordedNames::all);
  EXPECT_THAT(record.headers, ElementsAre("x-app", "x-device-id"));
  EXPECT_THAT(record.query_values, ElementsAre("a", "b"));
  EXPECT_EQ(record.flood, (FloodSettings{60s, 50}));
  EXPECT_EQ(good(file("{flood: none}")).audit.record.flood.entries, 0U);
}

TEST(RecordSettings, ARouteSaysOtherwiseForItself) {
  const Settings settings =
      good(file("{end: false, fields: {email: false, tls: false}, headers: [X-A], query_values: [page]}",
                "{end: true, fields: {email: true, trace: false}, headers: [], query_values: [lang]}"));
  const RouteSettings& route = settings.routes[0];
  EXPECT_TRUE(route.record.end);
  EXPECT_TRUE(route.record.fields.email);
  EXPECT_FALSE(route.record.fields.tls) << "what the route does not speak of holds as for all";
  EXPECT_FALSE(route.record.fields.trace);
  EXPECT_THAT(route.record.headers, IsEmpty());
  EXPECT_THAT(route.query_values, ElementsAre("lang"));
  EXPECT_FALSE(settings.audit.record.end);
}

TEST(RecordSettings, WhatIsMandatoryCannotBeSwitchedOffAndTheErrorSaysWhere) {
  const auto kinds = [](const std::string& text) { return bad(file("{kinds: " + text + "}")); };
  EXPECT_EQ(kinds("{access.deny: false}"),
            "gateway.yaml:3:20: 'access.deny' cannot be switched off: every allow and every deny is "
            "on record. "
            "Only access.end can");
  EXPECT_THAT(kinds("{session.start: false}"), HasSubstr("session events are always recorded"));
  EXPECT_THAT(kinds("{session.refresh: false}"), HasSubstr("session events are always recorded"));
  EXPECT_THAT(kinds("{policy.load: false}"), HasSubstr("could not be computed again"));
  EXPECT_THAT(kinds("{journal.suppress: false}"), HasSubstr("has to be counted"));
  EXPECT_THAT(kinds("{acess.end: false}"),
              HasSubstr("'acess.end' is no kind of entry; did you mean 'access.end'?"));
  EXPECT_THAT(kinds("[access.end]"), HasSubstr("'kinds' must be a map of kinds and true or false"));
  EXPECT_EQ(bad(file("{}", "{kinds: {access.allow: false}}")),
            "gateway.yaml:8:22: 'access.allow' cannot be switched off: every allow and every deny is "
            "on record. "
            "Only access.end can");
  EXPECT_TRUE(good(file("{kinds: {access.allow: true}}")).audit.record.end);
}

TEST(RecordSettings, FieldsThatADecisionNeedsCannotBeLeftOut) {
  const auto fields = [](const std::string& text) { return bad(file("{fields: " + text + "}")); };
  EXPECT_EQ(fields("{user: false}"),
            "gateway.yaml:3:21: 'user' cannot be left out of the record: it says who asked");
  for (const char* name :
       {"actor", "address", "at", "decision", "device", "effect", "host", "id", "method", "mfa_age", "path",
        "policy", "reasons", "request", "resource", "roles", "rule", "session"}) {
    EXPECT_THAT(fields("{" + std::string(name) + ": false}"), HasSubstr("cannot be left out of the record"));
    EXPECT_TRUE(good(file("{fields: {" + std::string(name) + ": true}}")).audit.record.end);
  }
  EXPECT_THAT(fields("{claims: false}"), HasSubstr("3:29: 'claims' cannot be left out of the record"));
  EXPECT_THAT(fields("{groups: none}"), HasSubstr("'groups' is 'none', but must be one of: all, policy"));
  EXPECT_THAT(fields("{refferer: true}"), HasSubstr("did you mean 'referer'?"));
  EXPECT_THAT(bad(file("{}", "{fields: {rule: false}}")), HasSubstr("gateway.yaml:8:23: "));
}

TEST(RecordSettings, HeadersThatHoldSecretsAreRefused) {
  for (const char* name : {"Cookie",          "Set-Cookie",
                           "Authorization",   "Proxy-Authorization",
                           "X-Api-Key",       "X_Api_Key",
                           "X-Auth-Token",    "X-Amz-Security-Token",
                           "X-CSRF-Token",    "X-Tallygate-Assertion",
                           "Session-Id",      "X-Goog-Iap-Jwt-Assertion",
                           "X-Client-Secret", "X-Otp",
                           "X-OTP",           "X-Totp",
                           "X-Pin",           "X-Pin-Code",
                           "X-CardPin",       "X-Passcode",
                           "X-Pwd",           "X-Auth",
                           "X-Auth-User",     "X-Pass",
                           "X-Mfa",           "X-Sid",
                           "X-One-Time-Code"}) {
    EXPECT_THAT(bad(file("{headers: [" + std::string(name) + "]}")),
                HasSubstr("gateway.yaml:3:22: '" + std::string(name) + "' holds a credential"))
        << name;
  }
  for (const char* name :
       {"X-Device-Id", "X-Request-Reason", "User-Agent", "Referer", "Accept", "Sec-Fetch-Site", "X-Keyboard",
        "Authority", "X-Author", "X-Shipping", "X-Ping", "X-Spinner", "X-Country-Code", "X-Compass",
        "X-Bypass-Cache", "X-Hotplug", "X-Stand"}) {
    EXPECT_FALSE(names_a_secret(name)) << name;
  }
  EXPECT_THAT(bad(file("{headers: [\"X Y\"]}")), HasSubstr("'X Y' is no name of a header"));
}

TEST(RecordSettings, QueryValuesThatAreSecretsAreRefused) {
  for (const char* name : {"password", "access_token", "code", "id_token", "pin", "cardPin", "otp",
                           "user_pwd", "sig", "X-Amz-Signature", "device_code", "key", "api_key",
                           "SAMLResponse", "OTPCode", "Auth", "sid", "client_secret"}) {
    const std::string refusal = '\'' + std::string(name) + "' holds a credential";
    EXPECT_THAT(bad(file("{query_values: [" + std::string(name) + "]}")),
                HasSubstr("gateway.yaml:3:27: " + refusal))
        << name;
    EXPECT_THAT(bad(file("{}", "{query_values: [page, " + std::string(name) + "]}")), HasSubstr(refusal));
    EXPECT_THAT(bad(file("{}", "{end: true}\n    query_values: [" + std::string(name) + "]")),
                HasSubstr(refusal));
  }
  EXPECT_THAT(
      good(file("{query_values: [page, q, author, country_code, zip_code, keyword, shipping, state]}"))
          .audit.record.query_values,
      ::testing::SizeIs(8));
}

TEST(RecordSettings, HeadersAreBounded) {
  std::string list = "[";
  for (int i = 0; i < 33; ++i) {
    list += (i == 0 ? "x-" : ", x-") + std::to_string(i);
  }
  EXPECT_THAT(bad(file("{headers: " + list + "]}")),
              HasSubstr("names 33 headers, but at most 32 can be recorded"));
}

TEST(RecordSettings, AFloodHasBounds) {
  EXPECT_THAT(bad(file("{flood: {entries: 0}}")), HasSubstr("3:29: "));
  EXPECT_THAT(bad(file("{flood: {per: 10m, entries: 9}}")), HasSubstr("'entries' must be from 10 to"));
  EXPECT_THAT(bad(file("{flood: {per: 1h}}")), HasSubstr("'per' must be at most 10m"));
  EXPECT_THAT(bad(file("{flood: {per: 0s}}")), HasSubstr("'per' must be between"));
  EXPECT_THAT(bad(file("{flood: {pre: 1s}}")), HasSubstr("did you mean 'per'?"));
  EXPECT_THAT(bad(file("{flood: off}")), HasSubstr("flood"));
  EXPECT_THAT(bad(file("{}", "{flood: {per: 10s}}")), HasSubstr("'flood' is about sources, not routes"));
}

TEST(RecordSettings, WhatContradictsItselfIsRefused) {
  EXPECT_FALSE(good(file("{end: false, kinds: {access.end: false}}")).audit.record.end);
  EXPECT_THAT(bad(file("{end: true, kinds: {access.end: false}}")),
              HasSubstr("3:17: 'end' and 'kinds: {access.end: …}' contradict"));
  EXPECT_THAT(bad(file("{}", "{query_values: [a]}\n    query_values: [b]")), HasSubstr("write one of them"));
}

}  // namespace
}  // namespace tallygate
