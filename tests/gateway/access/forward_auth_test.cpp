// How other proxies say which request they ask about, and what they are told.
#include "gateway/access/forward_auth.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tallygate::access {
namespace {

using Lines = std::vector<std::pair<std::string_view, std::string_view>>;

http::RequestHead call(const Lines& lines, std::string_view target = authorize_path,
                       std::string_view method = "GET") {
  http::RequestHead head;
  head.method = method;
  head.target = target;
  for (const auto& [name, value] : lines) {
    head.fields.add({name, value, boost::beast::http::string_to_field(name)});
  }
  return head;
}

/// First line and fields of what a call asks about; empty if it does not say so.
std::string asked(const http::RequestHead& head, ForwardAuthCaller caller) {
  AskedRequest request;
  if (!request.read(head, caller)) {
    return {};
  }
  std::string text(request.line());
  for (const http::Field& line : request.head().fields.all()) {
    text.append("|").append(line.name).append("=").append(line.value);
  }
  return text;
}

const Lines nginx{{"Host", "gw"},
                  {"X-Original-Method", "POST"},
                  {"X-Original-URL", "https://wiki.example.com:8443/a?b=c"},
                  {"Cookie", "s=1"}};
const Lines traefik{{"Host", "gw"},
                    {"X-Forwarded-Method", "DELETE"},
                    {"X-Forwarded-Host", "wiki.example.com"},
                    {"X-Forwarded-Uri", "/a?b=c"},
                    {"X-Forwarded-Proto", "https"},
                    {"Authorization", "Bearer t"}};

Lines with(Lines lines, std::string_view name, std::string_view value) {
  lines.emplace_back(name, value);
  return lines;
}

Lines without(Lines lines, std::string_view name) {
  std::erase_if(lines, [name](const auto& line) { return line.first == name; });
  return lines;
}

TEST(ForwardAuth, OneAddressAndWhatLiesBelowItIsAQuestion) {
  EXPECT_TRUE(asks_for_another("/.tallygate/authorize"));
  EXPECT_TRUE(asks_for_another("/.tallygate/authorize?x"));
  EXPECT_TRUE(asks_for_another("/.tallygate/authorize/a/b"));
  EXPECT_FALSE(asks_for_another("/.tallygate/authorized"));
  EXPECT_FALSE(asks_for_another("/.tallygate/login"));
  EXPECT_FALSE(asks_for_another("/x/.tallygate/authorize"));
}

TEST(ForwardAuth, NginxSaysTheMethodAndTheWholeUrl) {
  EXPECT_EQ(asked(call(nginx), ForwardAuthCaller::original),
            "POST /a?b=c HTTP/1.1|Host=wiki.example.com:8443|Cookie=s=1");
}

TEST(ForwardAuth, TraefikAndCaddySayMethodHostAndTarget) {
  EXPECT_EQ(asked(call(traefik), ForwardAuthCaller::forwarded),
            "DELETE /a?b=c HTTP/1.1|Host=wiki.example.com|Authorization=Bearer t");
}

TEST(ForwardAuth, EnvoyCallsWithTheRequestsOwnHeadBehindThePath) {
  const Lines lines{{"Host", "wiki.example.com"}, {"Accept", "*/*"}, {"Content-Length", "0"}};
  EXPECT_EQ(asked(call(lines, "/.tallygate/authorize/a?b=c", "PUT"), ForwardAuthCaller::path),
            "PUT /a?b=c HTTP/1.1|Host=wiki.example.com|Accept=*/*");
  EXPECT_EQ(asked(call(lines, "/.tallygate/authorize", "PUT"), ForwardAuthCaller::path), "");
  EXPECT_EQ(asked(call(lines, "/.tallygate/authorize?/a", "PUT"), ForwardAuthCaller::path), "");
}

TEST(ForwardAuth, LinesOfAnotherKindOfProxyComeFromTheClientAndSayNothing) {
  Lines lines = nginx;
  for (const auto& line : traefik) {
    lines.push_back(line);
  }
  lines = without(lines, "Host");
  EXPECT_TRUE(asked(call(lines), ForwardAuthCaller::original).starts_with("POST /a?b=c HTTP/1.1|"));
  EXPECT_TRUE(asked(call(lines), ForwardAuthCaller::forwarded).starts_with("DELETE /a?b=c HTTP/1.1|"));
  EXPECT_EQ(asked(call(traefik), ForwardAuthCaller::original), "");
  EXPECT_EQ(asked(call(nginx), ForwardAuthCaller::forwarded), "");
  EXPECT_EQ(asked(call(nginx), ForwardAuthCaller::path), "");
}

TEST(ForwardAuth, ALineThatIsMissingOrRepeatedLeavesTheQuestionUnasked) {
  for (const auto* name : {"X-Original-Method", "X-Original-URL"}) {
    EXPECT_EQ(asked(call(without(nginx, name)), ForwardAuthCaller::original), "") << name;
    EXPECT_EQ(asked(call(with(nginx, name, "GET")), ForwardAuthCaller::original), "") << name;
  }
  for (const auto* name : {"X-Forwarded-Method", "X-Forwarded-Host", "X-Forwarded-Uri"}) {
    EXPECT_EQ(asked(call(without(traefik, name)), ForwardAuthCaller::forwarded), "") << name;
    EXPECT_EQ(asked(call(with(traefik, name, "/public")), ForwardAuthCaller::forwarded), "") << name;
    EXPECT_EQ(asked(call(with(without(traefik, name), name, "")), ForwardAuthCaller::forwarded), "") << name;
  }
}

TEST(ForwardAuth, WhatIsNoMethodOrNoPathIsNotTaken) {
  const auto url = [](std::string_view value) {
    return asked(call(with(without(nginx, "X-Original-URL"), "X-Original-URL", value)),
                 ForwardAuthCaller::original);
  };
  EXPECT_EQ(url("/a"), "");
  EXPECT_EQ(url("ftp://wiki.example.com/a"), "");
  EXPECT_EQ(url("https://wiki.example.com"), "");
  EXPECT_EQ(url("https://wiki.example.com?/secret"), "") << "a Host with a question mark at its end";
  EXPECT_EQ(url("https://wiki.example.com/a b"), "");
  EXPECT_NE(url("http://wiki.example.com/a"), "");
  EXPECT_EQ(asked(call(with(without(traefik, "X-Forwarded-Uri"), "X-Forwarded-Uri", "*")),
                  ForwardAuthCaller::forwarded),
            "");
  EXPECT_EQ(asked(call(with(without(traefik, "X-Forwarded-Method"), "X-Forwarded-Method", "GET /x")),
                  ForwardAuthCaller::forwarded),
            "");
  EXPECT_EQ(asked(call(traefik, "/.tallygate/authorize/secret"), ForwardAuthCaller::forwarded), "")
      << "a path behind it belongs to another kind of proxy";
}

TEST(ForwardAuth, FieldsOfTheCallItselfAreNotTheRequests) {
  Lines lines = traefik;
  for (const auto* name : {"Connection", "Upgrade", "TE", "Transfer-Encoding", "Content-Length", "Expect"}) {
    lines.emplace_back(name, "x");
  }
  EXPECT_EQ(asked(call(lines), ForwardAuthCaller::forwarded),
            asked(call(traefik), ForwardAuthCaller::forwarded));
}

TEST(ForwardAuth, TheFirstNetworkThatHoldsAnAddressSaysWhoCalls) {
  std::vector<ForwardAuthSettings> callers(2);
  callers[0].from = {*policy::parse_network("10.0.0.0/30"), *policy::parse_network("2001:db8::1")};
  callers[1].from = {*policy::parse_network("10.0.0.0/8")};
  const auto at = [&](std::string_view address) {
    return find_caller(callers, *policy::parse_address(address));
  };
  EXPECT_EQ(at("10.0.0.2"), &callers[0]);
  EXPECT_EQ(at("2001:db8::1"), &callers[0]);
  EXPECT_EQ(at("10.0.0.9"), &callers[1]);
  EXPECT_EQ(at("::ffff:10.0.0.9"), &callers[1]);
  EXPECT_EQ(at("127.0.0.1"), nullptr);
}

std::string value(const identity::PageResponse& answer, std::string_view name) {
  for (const auto& [key, text] : answer.fields) {
    if (key == name) {
      return "=" + text;
    }
  }
  return "absent";
}

TEST(ForwardAuth, WhoIsAskingIsToldAndWhatIsNotSaidIsEmpty) {
  identity::IdentityFacts facts;
  facts.method = identity::Method::token;
  facts.user = facts.subject = "al\nice";
  facts.groups = {"staff"};
  const auto who = identity::make_identity(std::move(facts));
  IdentityHeaders wanted;
  wanted.groups = false;
  const auto answer = granted(*who, wanted, "a.b.c");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(value(answer, "X-Forwarded-User"), "=al%0Aice");
  EXPECT_EQ(value(answer, "X-Forwarded-Email"), "=");
  EXPECT_EQ(value(answer, "X-Forwarded-Groups"), "=");
  EXPECT_EQ(value(answer, "X-Tallygate-Assertion"), "=a.b.c");
  EXPECT_EQ(value(answer, "Cache-Control"), "=no-store");
  const auto nobody = granted(*identity::anonymous_identity(), {}, "a.b.c");
  for (const auto* name :
       {"X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Tallygate-Assertion"}) {
    EXPECT_EQ(value(nobody, name), "=") << name;
  }
}

identity::PageResponse fitted(unsigned status, ForwardAuthCaller caller) {
  identity::PageResponse answer;
  answer.status = status;
  answer.fields.emplace_back("Location", "/.tallygate/login");
  fit_for_caller(answer, caller, "wiki.example.com:8443");
  return answer;
}

TEST(ForwardAuth, APlaceToGoIsNamedInFull) {
  EXPECT_EQ(value(fitted(303, ForwardAuthCaller::forwarded), "Location"),
            "=https://wiki.example.com:8443/.tallygate/login");
}

TEST(ForwardAuth, NginxKnows401And403AndEveryOtherRefusalBecomesOneOfThem) {
  const auto status = [](unsigned given) { return fitted(given, ForwardAuthCaller::original).status; };
  EXPECT_EQ(status(200), 200U);
  EXPECT_EQ(status(303), 401U);
  EXPECT_EQ(status(401), 401U);
  for (const unsigned given : {400U, 403U, 404U, 414U, 421U, 429U, 431U}) {
    EXPECT_EQ(status(given), 403U);
  }
  EXPECT_EQ(status(503), 503U);
  EXPECT_EQ(fitted(303, ForwardAuthCaller::forwarded).status, 303U);
  EXPECT_EQ(fitted(429, ForwardAuthCaller::path).status, 429U);
}

}  // namespace
}  // namespace tallygate::access
