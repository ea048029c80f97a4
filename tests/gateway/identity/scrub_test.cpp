#include "gateway/identity/scrub.hpp"

#include "gateway/identity/cookie.hpp"
#include "gateway/identity/form.hpp"
#include "gateway/identity/redirect.hpp"
#include "tests/gateway/identity/support.hpp"

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace tallygate::identity {
namespace {

using testing::Head;

TEST(Scrub, WhatClaimsAnIdentityAnOriginOrControlIsRemoved) {
  const std::pair<std::string_view, FieldClass> names[] = {
      {"X-Forwarded-User", FieldClass::identity},
      {"X-Forwarded-Email", FieldClass::identity},
      {"X-Forwarded-Groups", FieldClass::identity},
      {"X-Forwarded-Preferred-Username", FieldClass::identity},
      {"X-Tallygate-Assertion", FieldClass::identity},
      {"X-Tallygate-Anything", FieldClass::identity},
      {"X-User", FieldClass::identity},
      {"X-User-Id", FieldClass::identity},
      {"X-Auth-Request-User", FieldClass::identity},
      {"X-Auth-User", FieldClass::identity},
      {"X-Authenticated-User", FieldClass::identity},
      {"X-Remote-User", FieldClass::identity},
      {"Remote-User", FieldClass::identity},
      {"X-WEBAUTH-USER", FieldClass::identity},
      {"SSL-Client-Cert", FieldClass::identity},
      {"Client-Cert", FieldClass::identity},
      {"X-Client-Cert", FieldClass::identity},
      {"X-Forwarded-Client-Cert", FieldClass::identity},
      {"X-Role", FieldClass::identity},
      {"X-Groups", FieldClass::identity},
      {"X-Forwarded-For", FieldClass::forwarding},
      {"X-Forwarded-Host", FieldClass::forwarding},
      {"X-Forwarded-Proto", FieldClass::forwarding},
      {"X-Forwarded-Prefix", FieldClass::forwarding},
      {"X-Forwarded", FieldClass::forwarding},
      {"X-Forwarded-Anything-New", FieldClass::forwarding},
      {"X-Forward-For", FieldClass::forwarding},
      {"Forwarded", FieldClass::forwarding},
      {"X-Real-IP", FieldClass::forwarding},
      {"True-Client-IP", FieldClass::forwarding},
      {"CF-Connecting-IP", FieldClass::forwarding},
      {"X-Client-IP", FieldClass::forwarding},
      {"X-Original-URL", FieldClass::control},
      {"X-Rewrite-URL", FieldClass::control},
      {"X-HTTP-Method-Override", FieldClass::control},
      {"X-HTTP-Method", FieldClass::control},
      {"X-Method-Override", FieldClass::control},
      {"X-Original-Method", FieldClass::control},
      {"X-Middleware-Subrequest", FieldClass::control},
      {"X-Accel-Redirect", FieldClass::control},
      {"Proxy", FieldClass::control},
      {"X-Request-Id", FieldClass::request_id},
      {"Connection", FieldClass::hop_by_hop},
      {"Keep-Alive", FieldClass::hop_by_hop},
      {"Proxy-Connection", FieldClass::hop_by_hop},
      {"Proxy-Authorization", FieldClass::hop_by_hop},
      {"TE", FieldClass::hop_by_hop},
      {"Trailer", FieldClass::hop_by_hop},
      {"Transfer-Encoding", FieldClass::hop_by_hop},
      {"Upgrade", FieldClass::hop_by_hop},
      {"HTTP2-Settings", FieldClass::hop_by_hop}};
  for (const auto& [name, kind] : names) {
    EXPECT_EQ(classify_field(name), kind) << name;
  }
}

TEST(Scrub, OrdinaryFieldsAndThoseThatOnlyLookAlikeStay) {
  for (const std::string_view name : {"Accept",
                                      "Accept-Encoding",
                                      "Authorization",
                                      "Cookie",
                                      "Host",
                                      "User-Agent",
                                      "Content-Type",
                                      "Content-Length",
                                      "Cache-Control",
                                      "If-None-Match",
                                      "Origin",
                                      "Referer",
                                      "Range",
                                      "Sec-Fetch-Site",
                                      "Sec-WebSocket-Key",
                                      "traceparent",
                                      "tracestate",
                                      "X-Requested-With",
                                      "X-CSRF-Token",
                                      "X-Api-Key",
                                      "X-User-Agent",
                                      "X-Auth-Token",
                                      "X-Auth-Key",
                                      "X",
                                      "X-",
                                      "Forward",
                                      "Proxies",
                                      "Connections",
                                      "Tea",
                                      "Upgrade-Insecure-Requests",
                                      "Trailers",
                                      "Keep",
                                      "Remote",
                                      "",
                                      "_",
                                      "DNT"}) {
    EXPECT_EQ(classify_field(name), FieldClass::keep) << name;
  }
}

TEST(Scrub, NoSpellingOfARemovedNameGetsThrough) {
  std::mt19937 random(31);
  SCOPED_TRACE("seed 31");
  const std::string_view names[] = {"x-forwarded-user",       "x-tallygate-assertion", "x-real-ip",
                                    "x-http-method-override", "x-original-url",        "remote-user",
                                    "x-request-id",           "transfer-encoding",     "ssl-client-verify"};
  constexpr std::string_view folded_together = "-_.!#$%&'*+^`|~";
  for (const std::string_view name : names) {
    for (int round = 0; round < 200; ++round) {
      std::string spelling(name);
      for (char& c : spelling) {
        if (c == '-') {
          c = folded_together[random() % folded_together.size()];
        } else if (random() % 2 == 0) {
          c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        }
      }
      EXPECT_TRUE(is_scrubbed(spelling)) << spelling;
    }
  }
}

TEST(Scrub, OnlyAConsumedBearerTokenIsTakenAway) {
  const Head head = [] {
    Head made;
    made.add("Authorization", "Bearer x").add("Accept", "*/*");
    return made;
  }();
  const auto& fields = head.get().fields.all();
  EXPECT_TRUE(is_consumed(fields[0], Credential::bearer));
  EXPECT_FALSE(is_consumed(fields[0], Credential::session_cookie));
  EXPECT_FALSE(is_consumed(fields[0], Credential::none));
  EXPECT_FALSE(is_consumed(fields[1], Credential::bearer));
}

std::string without_ours(std::string_view value) {
  std::string out;
  const bool any = remove_cookies(value, "__Host-tallygate", out);
  EXPECT_EQ(any, !out.empty());
  return out;
}

TEST(Scrub, OurCookiesGoAndOthersStayAsTheyAre) {
  EXPECT_EQ(without_ours("a=1; __Host-tallygate=s; b=2"), "a=1; b=2");
  EXPECT_EQ(without_ours("__Host-tallygate=s"), "");
  EXPECT_EQ(without_ours("__Host-tallygate-login=s; __Host-tallygate=t"), "");
  EXPECT_EQ(without_ours("a=1;b=2"), "a=1;b=2") << "untouched where there is nothing of ours";
  EXPECT_EQ(without_ours("a=1;__Host-tallygate=s;b=2;"), "a=1; b=2");
  EXPECT_EQ(without_ours("  __Host-tallygate = s ; a=1"), "a=1");
  EXPECT_EQ(without_ours("__Host-tallygate; a=1"), "__Host-tallygate; a=1")
      << "a nameless cookie is no session";
  EXPECT_EQ(without_ours("__Host-tallygates=1; x__Host-tallygate=2"),
            "__Host-tallygates=1; x__Host-tallygate=2");
  EXPECT_EQ(without_ours("__HOST-TALLYGATE=1"), "__HOST-TALLYGATE=1") << "cookie names have case";
  EXPECT_EQ(without_ours(""), "");
}

TEST(Cookies, AreFoundInEveryFieldAndCounted) {
  Head head;
  head.add("Cookie", "a=1; s=one").add("cookie", "s=two; b=\"x y\"");
  EXPECT_EQ(find_cookie(head.get().fields, "s").value, "one");
  EXPECT_EQ(find_cookie(head.get().fields, "s").count, 2U);
  EXPECT_EQ(find_cookie(head.get().fields, "b").value, "\"x y\"");
  EXPECT_EQ(find_cookie(head.get().fields, "S").count, 0U);
  EXPECT_EQ(set_cookie("__Host-tallygate", "v"),
            "__Host-tallygate=v; Path=/; Secure; HttpOnly; SameSite=Lax");
  EXPECT_EQ(clear_cookie("__Host-tallygate"),
            "__Host-tallygate=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
}

TEST(Redirects, OnlyPathsOfThisOriginAreFollowed) {
  for (const boost::json::object& row : testing::attack_rows("redirects.jsonl")) {
    EXPECT_EQ(safe_return(row.at("value").as_string().c_str()), row.at("expect").as_string())
        << boost::json::serialize(row);
  }
  EXPECT_EQ(safe_return(std::string("/a\0/b", 5)), "/");
  EXPECT_EQ(login_location("/reports?x=1&y=2"), "/.tallygate/login?return=%2Freports%3Fx%3D1%26y%3D2");
  EXPECT_EQ(login_location("//evil.example"), "/.tallygate/login");
}

TEST(Forms, AreReadStrictly) {
  const auto form = Form::parse("user=ana&password=a%20b%2Bc+d&empty=&alone&&x=%C3%A9");
  ASSERT_TRUE(form);
  EXPECT_EQ(form->get("user"), "ana");
  EXPECT_EQ(form->get("password"), "a b+c d");
  EXPECT_EQ(form->get("empty"), "");
  EXPECT_EQ(form->get("alone"), "");
  EXPECT_EQ(form->get("x"), "\xC3\xA9");
  EXPECT_EQ(form->get("missing"), std::nullopt);
  EXPECT_EQ(Form::parse("a=1&a=2")->get("a"), std::nullopt) << "a field that comes twice means nothing";
  for (const std::string& bad :
       {std::string("a=%"), std::string("a=%4"), std::string("a=%zz"), std::string("a=%00"),
        std::string("a=%ff"), std::string("a=%C0%80"), std::string("a=%ED%A0%80"), std::string("%=1"),
        std::string("a=\xFF"), std::string(max_form_bytes + 1, 'a')}) {
    EXPECT_FALSE(Form::parse(bad)) << bad.substr(0, 20);
  }
  std::string many;
  for (std::size_t i = 0; i <= max_form_fields; ++i) {
    many += "a=1&";
  }
  EXPECT_FALSE(Form::parse(many));
}

}  // namespace
}  // namespace tallygate::identity
