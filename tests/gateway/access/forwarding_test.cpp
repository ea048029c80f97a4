#include "gateway/access/forwarding.hpp"

#include <gtest/gtest.h>

namespace tallygate::access {
namespace {

using boost::beast::http::field;
using http::Framing;

class UpstreamHeadTest : public testing::Test {
 protected:
  UpstreamHeadTest() {
    request.method = "GET";
    identity::IdentityFacts facts;
    facts.method = identity::Method::token;
    facts.credential = identity::Credential::bearer;
    facts.subject = facts.user = "alice";
    facts.email = "alice@example.com";
    facts.groups = {"engineers", "staff"};
    identity = identity::make_identity(std::move(facts));
    target.method = "GET";
    target.host.name = "wiki.example.com";
    target.path.matched = "/pages/7";
    target.query = "a=1";
    target.has_query = true;
    head.from_client = &request;
    head.target = &target;
    head.route = &route;
    head.identity = identity.get();
    head.assertion = "signed.assertion";
    head.client_address = "203.0.113.9";
    head.request_id = "id-1";
    head.traceparent = "00-trace";
    head.session_cookie = "__Host-tallygate";
  }
  void field_line(std::string_view name, std::string_view value) {
    request.fields.add({name, value, boost::beast::http::string_to_field(name)});
  }
  std::string text() {
    std::string out;
    append_upstream_head(out, head);
    return out;
  }
  static bool has(const std::string& text, const std::string& line) {
    return text.find("\r\n" + line + "\r\n") != std::string::npos;
  }

  http::RequestHead request;
  policy::CanonicalRequest target;
  RouteSettings route;
  identity::IdentityPtr identity;
  UpstreamHead head;
};

TEST_F(UpstreamHeadTest, BeginsWithTheCanonicalTargetAndHost) {
  EXPECT_TRUE(text().starts_with("GET /pages/7?a=1 HTTP/1.1\r\nHost: wiki.example.com\r\n")) << text();
  EXPECT_TRUE(text().ends_with("\r\n\r\n"));
}

TEST_F(UpstreamHeadTest, SaysWhichPrefixIsNoLongerInThePathAndOnlyTheGatewayDoes) {
  field_line("X-Forwarded-Prefix", "/forged");
  EXPECT_EQ(text().find("X-Forwarded-Prefix"), std::string::npos) << text();
  route.rewrite = PathRewrite{"/wiki", "/"};
  EXPECT_TRUE(has(text(), "X-Forwarded-Prefix: /wiki")) << text();
  EXPECT_EQ(text().find("/forged"), std::string::npos);
}

TEST_F(UpstreamHeadTest, TellsAServerOfHttp2WhetherTheClientTakesTrailers) {
  field_line("TE", "gzip, Trailers");
  EXPECT_FALSE(has(text(), "TE: trailers"));
  head.te_trailers = true;
  EXPECT_TRUE(has(text(), "TE: trailers")) << text();
  request.fields.clear();
  field_line("TE", "gzip");
  EXPECT_EQ(text().find("TE:"), std::string::npos);
}

TEST_F(UpstreamHeadTest, SaysWhoIsAsking) {
  const std::string out = text();
  EXPECT_TRUE(has(out, "X-Forwarded-User: alice")) << out;
  EXPECT_TRUE(has(out, "X-Forwarded-Email: alice@example.com"));
  EXPECT_TRUE(has(out, "X-Forwarded-Groups: engineers,staff"));
  EXPECT_TRUE(has(out, "X-Tallygate-Assertion: signed.assertion"));
  EXPECT_TRUE(has(out, "X-Forwarded-For: 203.0.113.9"));
  EXPECT_TRUE(has(out, "X-Forwarded-Proto: https"));
  EXPECT_TRUE(has(out, "X-Request-Id: id-1"));
}

TEST_F(UpstreamHeadTest, ARouteMayLeaveIdentityHeadersOut) {
  route.identity_headers = {false, false, false, false};
  const std::string out = text();
  EXPECT_EQ(out.find("alice"), std::string::npos) << out;
  EXPECT_EQ(out.find("Assertion"), std::string::npos);
}

TEST_F(UpstreamHeadTest, NothingAClientClaimsGetsThroughInAnySpelling) {
  for (const char* name :
       {"X-Forwarded-User", "x_forwarded_user", "X.Forwarded.User", "X-FORWARDED-FOR", "Forwarded",
        "X-Real-IP", "X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override", "X-Tallygate-Assertion",
        "X-Request-Id", "Remote-User"}) {
    field_line(name, "forged");
  }
  EXPECT_EQ(text().find("forged"), std::string::npos) << text();
}

TEST_F(UpstreamHeadTest, ConnectionNamesAwayFieldsOfTheClientButNoneOfOurs) {
  field_line("Connection", "close, X-Forwarded-User, X-Secret");
  field_line("X-Secret", "gone");
  field_line("X-Kept", "stays");
  const std::string out = text();
  EXPECT_EQ(out.find("gone"), std::string::npos) << out;
  EXPECT_TRUE(has(out, "X-Kept: stays"));
  EXPECT_TRUE(has(out, "X-Forwarded-User: alice"));
  EXPECT_EQ(out.find("Connection"), std::string::npos);
}

TEST_F(UpstreamHeadTest, ConsumedCredentialsStayHere) {
  field_line("Authorization", "Bearer secret-token");
  field_line("Cookie", "a=1; __Host-tallygate=secret-session; b=2");
  const std::string out = text();
  EXPECT_EQ(out.find("secret"), std::string::npos) << out;
  EXPECT_NE(out.find("a=1"), std::string::npos);
  EXPECT_NE(out.find("b=2"), std::string::npos);
}

TEST_F(UpstreamHeadTest, BodiesAreFramedAnew) {
  field_line("Content-Length", "007");
  field_line("Transfer-Encoding", "chunked");
  head.framing = {Framing::Kind::length, 7};
  EXPECT_TRUE(has(text(), "Content-Length: 7")) << text();
  EXPECT_EQ(text().find("Transfer-Encoding"), std::string::npos);
  head.framing = {Framing::Kind::chunked, 0};
  EXPECT_TRUE(has(text(), "Transfer-Encoding: chunked"));
  EXPECT_EQ(text().find("Content-Length"), std::string::npos);
}

TEST_F(UpstreamHeadTest, NamesCannotSmuggleLines) {
  identity::IdentityFacts facts;
  facts.method = identity::Method::token;
  facts.subject = facts.user = "eve\r\nX-Admin: yes";
  const auto eve = identity::make_identity(std::move(facts));
  head.identity = eve.get();
  EXPECT_EQ(text().find("\r\nX-Admin"), std::string::npos) << text();
}

TEST_F(UpstreamHeadTest, ATrustedChainIsContinued) {
  head.forwarded_chain = "1.2.3.4";
  EXPECT_TRUE(has(text(), "X-Forwarded-For: 1.2.3.4, 203.0.113.9"));
}

class ClientHeadTest : public testing::Test {
 protected:
  ClientHeadTest() {
    response.status = 200;
    response.reason = "OK";
    head.from_upstream = &response;
    head.request_id = "id-1";
    head.session_cookie = "__Host-tallygate";
    head.framing = {Framing::Kind::length, 3};
  }
  void field_line(std::string_view name, std::string_view value) {
    response.fields.add({name, value, boost::beast::http::string_to_field(name)});
  }
  std::string text() {
    std::string out;
    append_client_head(out, head);
    return out;
  }
  http::ResponseHead response;
  ClientHead head;
};

TEST_F(ClientHeadTest, DropsHopByHopFieldsAndFramesAnew) {
  field_line("Connection", "keep-alive, X-Internal");
  field_line("X-Internal", "gone");
  field_line("Keep-Alive", "timeout=5");
  field_line("Content-Length", "999");
  field_line("Content-Type", "text/plain");
  EXPECT_EQ(text(),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Request-Id: id-1\r\nContent-Length: 3\r\n\r\n");
}

TEST_F(ClientHeadTest, AnAnswerToHeadKeepsItsLength) {
  head.bodiless = true;
  field_line("Content-Length", "999");
  EXPECT_NE(text().find("Content-Length: 999"), std::string::npos);
}

TEST_F(ClientHeadTest, AnAnswerThatCanHaveNoBodyHasNoLength) {
  head.bodiless = true;
  response.status = 204;
  field_line("Content-Length", "5");
  EXPECT_EQ(text().find("Content-Length"), std::string::npos);
  std::vector<http::Field> fields;
  list_client_fields(fields, head);
  ASSERT_EQ(fields.size(), 1U);
  EXPECT_EQ(fields[0].name, "X-Request-Id");
  response.status = 304;
  EXPECT_NE(text().find("Content-Length: 5"), std::string::npos);
}

TEST_F(ClientHeadTest, AnApplicationCannotSetOurCookie) {
  field_line("Set-Cookie", "__Host-tallygate=stolen; Path=/; Secure");
  field_line("Set-Cookie", "app=1");
  EXPECT_EQ(text().find("stolen"), std::string::npos) << text();
  EXPECT_NE(text().find("Set-Cookie: app=1"), std::string::npos);
}

TEST_F(ClientHeadTest, IsTheSameInHttp2ButForWhatFramesIt) {
  field_line("Connection", "X-Internal");
  field_line("X-Internal", "gone");
  field_line("Transfer-Encoding", "chunked");
  field_line("Set-Cookie", "__Host-tallygate=stolen");
  field_line("X-Request-Id", "another");
  field_line("Content-Type", "text/plain");
  head.framing = {Framing::Kind::chunked, 0};
  const auto listed = [this] {
    std::vector<http::Field> fields;
    list_client_fields(fields, head);
    std::string out;
    for (const http::Field& line : fields) {
      out.append(line.name).append(": ").append(line.value).append("\n");
    }
    return out;
  };
  EXPECT_EQ(listed(), "Content-Type: text/plain\nX-Request-Id: id-1\n");
  head.framing = {};
  EXPECT_EQ(listed(), "Content-Type: text/plain\nX-Request-Id: id-1\nContent-Length: 0\n");
  field_line("Content-Length", "3");
  field_line("Sec-WebSocket-Accept", "of a key that is not the client's");
  head.framing = {Framing::Kind::length, 3};
  head.websocket = true;
  EXPECT_EQ(listed(), "Content-Type: text/plain\nContent-Length: 3\nX-Request-Id: id-1\n");
}

TEST_F(ClientHeadTest, SaysWhenTheConnectionEnds) {
  head.keep_alive = false;
  EXPECT_NE(text().find("Connection: close\r\n"), std::string::npos);
  head.keep_alive = true;
  head.client_version = 10;
  EXPECT_NE(text().find("Connection: keep-alive\r\n"), std::string::npos);
}

TEST_F(UpstreamHeadTest, AnotherTraceIsNotSentBesideOurs) {
  request.fields.add({"traceparent", "zz", field::unknown});
  request.fields.add({"tracestate", "a=b", field::unknown});
  EXPECT_EQ(text().find("zz"), std::string::npos);
  EXPECT_EQ(text().find("tracestate"), std::string::npos);
  head.sent_trace = true;
  EXPECT_NE(text().find("tracestate: a=b"), std::string::npos);
}

constexpr std::string_view request_id = "0193a1b2-c3d4-7000-8000-000000000001";
constexpr std::string_view span = "aaaaaaaaaaaaaaaa";

TEST(Traceparent, AClientsTraceIsContinuedUnderOurOwnSpan) {
  http::Fields fields;
  fields.add({"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", field::unknown});
  const TraceParent made = make_traceparent(fields, request_id, span);
  EXPECT_EQ(made.text, "00-4bf92f3577b34da6a3ce929d0e0e4736-aaaaaaaaaaaaaaaa-00");
  EXPECT_TRUE(made.sent);
}

TEST(Traceparent, ARequestWithoutATraceBeginsOneThatIsNamedAsTheRequestIs) {
  const TraceParent made = make_traceparent(http::Fields(), request_id, span);
  EXPECT_EQ(made.text, "00-0193a1b2c3d470008000000000000001-aaaaaaaaaaaaaaaa-01");
  EXPECT_FALSE(made.sent);
}

TEST(Traceparent, WhatIsMalformedIsReplaced) {
  for (const char* value : {"", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-00", "zz",
                            "00-00000000000000000000000000000000-00f067aa0ba902b7-00"}) {
    http::Fields fields;
    fields.add({"traceparent", value, field::unknown});
    const TraceParent made = make_traceparent(fields, request_id, span);
    EXPECT_EQ(made.text, "00-0193a1b2c3d470008000000000000001-aaaaaaaaaaaaaaaa-01") << value;
    EXPECT_FALSE(made.sent);
  }
}

}  // namespace
}  // namespace tallygate::access
