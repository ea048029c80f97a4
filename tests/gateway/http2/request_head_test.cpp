#include "gateway/http2/request_head.hpp"

#include "tests/gateway/http2/frames.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tallygate::http2 {
namespace {

using boost::beast::http::field;
using http::Framing;
using http::HeadFault;
using testing::get;
using testing::Pairs;
using testing::post;

class Block {
 public:
  explicit Block(const Pairs& fields, bool ended = true, http::HeadLimits limits = {}) {
    block_.clear();
    for (const auto& [name, value] : fields) {
      block_.add(name, value, limits);
    }
    block_.finish(ended);
  }
  [[nodiscard]] HeadFault fault() const { return block_.rules().fault; }
  [[nodiscard]] const http::RequestHead& head() const { return block_.head(); }
  [[nodiscard]] const RequestBlock& operator*() const { return block_; }

 private:
  RequestBlock block_;
};

HeadFault fault_of(const Pairs& fields) {
  return Block(fields).fault();
}

Pairs without(Pairs fields, const std::string& name) {
  std::erase_if(fields, [&](const auto& line) { return line.first == name; });
  return fields;
}

TEST(RequestBlock, IsARequestHeadWithTheAuthorityAsHost) {
  const Block block(get("/a?b", {{"accept", "text/html"}}));
  EXPECT_EQ(block.fault(), HeadFault::none);
  EXPECT_EQ(block.head().method, "GET");
  EXPECT_EQ(block.head().target, "/a?b");
  EXPECT_EQ(block.head().version, version_number);
  EXPECT_EQ(block.head().fields.find(field::host), "wiki.example.com");
  EXPECT_EQ(block.head().fields.find(field::accept), "text/html");
  EXPECT_EQ(block.head().fields.all().size(), 2U);
  EXPECT_EQ((*block).line(), "GET /a?b HTTP/2.0");
}

TEST(RequestBlock, TakesHostWhereThereIsNoAuthority) {
  Pairs fields = without(get(), ":authority");
  fields.emplace_back("host", "wiki.example.com");
  const Block block(fields);
  EXPECT_EQ(block.fault(), HeadFault::none);
  EXPECT_EQ(block.head().fields.find(field::host), "wiki.example.com");
}

TEST(RequestBlock, TakesAHostThatAgreesWithTheAuthorityOnce) {
  for (const char* host :
       {"wiki.example.com", "WIKI.example.com", "wiki.example.com:443", "wiki.example.com."}) {
    const Block block(get("/", {{"host", host}}));
    EXPECT_EQ(block.fault(), HeadFault::none) << host;
    EXPECT_EQ(block.head().fields.count(field::host), 1U) << host;
  }
}

TEST(RequestBlock, RefusesAHostThatIsAnotherOrTwice) {
  for (const char* host :
       {"evil.example.com", "wiki.example.com:8443", "", "wiki.example.com, evil", "a@wiki.example.com"}) {
    EXPECT_EQ(fault_of(get("/", {{"host", host}})), HeadFault::authority) << host;
  }
  EXPECT_EQ(fault_of(get("/", {{"host", "wiki.example.com"}, {"host", "wiki.example.com"}})),
            HeadFault::authority);
  Pairs twice = without(get(), ":authority");
  twice.emplace_back("host", "wiki.example.com");
  twice.emplace_back("host", "wiki.example.com");
  EXPECT_EQ(fault_of(twice), HeadFault::authority);
}

TEST(RequestBlock, RefusesPseudoFieldsThatAreMissingRepeatedUnknownLateOrMalformed) {
  for (const char* name : {":method", ":scheme", ":path"}) {
    EXPECT_EQ(fault_of(without(get(), name)), HeadFault::pseudo_field) << name;
  }
  for (const auto& line : get()) {
    EXPECT_EQ(fault_of(get("/", {line})), HeadFault::pseudo_field) << line.first;
  }
  EXPECT_EQ(fault_of(get("/", {{":status", "200"}})), HeadFault::pseudo_field);
  EXPECT_EQ(fault_of(get("/", {{":Path", "/"}})), HeadFault::pseudo_field);
  Pairs late = without(get(), ":path");
  late.emplace_back("accept", "*/*");
  late.emplace_back(":path", "/");
  EXPECT_EQ(fault_of(late), HeadFault::pseudo_field);
  for (const char* path :
       {"", "*", "a", "https://wiki.example.com/", "//\x7f", "/a b", "/a\r\nx: y", "/\t"}) {
    EXPECT_EQ(fault_of(get(path)), HeadFault::pseudo_field) << path;
  }
  for (const char* scheme : {"http", "HTTPS", "", "ftp"}) {
    Pairs fields = get();
    fields[1].second = scheme;
    EXPECT_EQ(fault_of(fields), HeadFault::pseudo_field) << scheme;
  }
}

TEST(RequestBlock, TakesAnAsteriskForOptionsOnly) {
  Pairs fields = get("*");
  fields.front().second = "OPTIONS";
  EXPECT_EQ(fault_of(fields), HeadFault::none);
}

TEST(RequestBlock, RefusesNamesAndValuesThatHttp1WouldRefuseToo) {
  EXPECT_EQ(fault_of(get("/", {{"Accept", "a"}})), HeadFault::name_case);
  for (const char* name : {"", "a b", "a:b", "a\r", "\xc3\xa4", "a\t", "a="}) {
    EXPECT_EQ(fault_of(get("/", {{name, "a"}})), HeadFault::name_not_token) << name;
  }
  for (const std::string& value :
       {std::string("a\rb"), std::string("a\nb"), std::string("a\0b", 3), std::string("\x7f")}) {
    EXPECT_EQ(fault_of(get("/", {{"x", value}})), HeadFault::control_byte);
  }
  for (const char* value : {" a", "a ", "\ta", "a\t"}) {
    EXPECT_EQ(fault_of(get("/", {{"x", value}})), HeadFault::value_blank);
  }
  EXPECT_EQ(fault_of(get("/", {{"x", "a\tb \xc3\xa4"}, {"y", ""}})), HeadFault::none);
}

TEST(RequestBlock, RefusesFieldsOfTheConnection) {
  for (const char* name :
       {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "http2-settings"}) {
    EXPECT_EQ(fault_of(get("/", {{name, "close"}})), HeadFault::connection_field) << name;
  }
  EXPECT_EQ(fault_of(get("/", {{"te", "gzip"}})), HeadFault::connection_field);
  EXPECT_EQ(fault_of(get("/", {{"te", "trailers"}})), HeadFault::none);
}

TEST(RequestBlock, RefusesConnectAndProtocolsItDoesNotKnow) {
  Pairs fields{{":method", "CONNECT"}, {":authority", "wiki.example.com"}};
  EXPECT_EQ(fault_of(fields), HeadFault::pseudo_field);
  EXPECT_EQ(fault_of({{":method", "GET"},
                      {":protocol", "websocket"},
                      {":scheme", "https"},
                      {":path", "/"},
                      {":authority", "a"}}),
            HeadFault::pseudo_field);
}

Pairs websocket(Pairs more = {}) {
  Pairs fields{{":method", "CONNECT"}, {":protocol", "websocket"},         {":scheme", "https"},
               {":path", "/ws"},       {":authority", "wiki.example.com"}, {"sec-websocket-version", "13"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

TEST(RequestBlock, AsksForAWebsocketWithGetAsHttp1Does) {
  const Block block(websocket(), false);
  EXPECT_EQ(block.fault(), HeadFault::none);
  EXPECT_EQ(block.head().method, "GET");
  EXPECT_EQ(block.head().target, "/ws");
  EXPECT_TRUE((*block).rules().websocket);
  EXPECT_EQ((*block).rules().framing.kind, Framing::Kind::none);
}

TEST(RequestBlock, RefusesAWebsocketThatIsAskedForInAnotherWay) {
  EXPECT_EQ(Block(websocket(), true).fault(), HeadFault::upgrade);
  EXPECT_EQ(Block(websocket({{"sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="}}), false).fault(),
            HeadFault::upgrade);
  EXPECT_EQ(Block(websocket({{"content-length", "3"}}), false).fault(), HeadFault::upgrade);
  EXPECT_EQ(Block(without(websocket(), "sec-websocket-version"), false).fault(), HeadFault::upgrade);
  Pairs other = websocket();
  other[1].second = "connect-udp";
  EXPECT_EQ(Block(other, false).fault(), HeadFault::upgrade);
  EXPECT_EQ(Block(without(websocket(), ":path"), false).fault(), HeadFault::pseudo_field);
  EXPECT_EQ(Block(without(websocket(), ":scheme"), false).fault(), HeadFault::pseudo_field);
}

TEST(RequestBlock, JoinsCookiesIntoOneLine) {
  const Block block(get("/", {{"cookie", "a=1"}, {"accept", "x"}, {"cookie", "b=2"}, {"cookie", "c=3"}}));
  EXPECT_EQ(block.head().fields.count(field::cookie), 1U);
  EXPECT_EQ(block.head().fields.find(field::cookie), "a=1; b=2; c=3");
  EXPECT_EQ(block.head().fields.find(field::accept), "x");
}

TEST(RequestBlock, FramesTheBodyByItsLengthOrAsOneOfUnknownLength) {
  const auto framing = [](const Pairs& fields, bool ended) {
    return (*Block(fields, ended)).rules().framing;
  };
  EXPECT_EQ(framing(post(), true).kind, Framing::Kind::none);
  EXPECT_EQ(framing(post(), false).kind, Framing::Kind::chunked);
  EXPECT_EQ(framing(post("/", {{"content-length", "7"}}), false).kind, Framing::Kind::length);
  EXPECT_EQ(framing(post("/", {{"content-length", "7"}}), false).length, 7U);
  EXPECT_EQ(framing(post("/", {{"content-length", "0"}}), false).kind, Framing::Kind::none);
  EXPECT_EQ((*Block(post("/", {{"content-length", "7"}}), false)).length(), 7U);
  EXPECT_EQ((*Block(post(), false)).length(), std::nullopt);
}

TEST(RequestBlock, RefusesLengthsThatHttp1RefusesAndThoseWithoutABody) {
  for (const char* length : {"+1", "-1", "0x1", "01", "1 1", "", "1,1", "9999999999999999999"}) {
    EXPECT_EQ(Block(post("/", {{"content-length", length}}), false).fault(), HeadFault::content_length)
        << length;
  }
  EXPECT_EQ(Block(post("/", {{"content-length", "1"}, {"content-length", "1"}}), false).fault(),
            HeadFault::content_length);
  EXPECT_EQ(Block(post("/", {{"content-length", "1"}}), true).fault(), HeadFault::content_length);
}

TEST(RequestBlock, ExpectsContinueWhereABodyFollows) {
  EXPECT_TRUE((*Block(post("/", {{"expect", "100-continue"}}), false)).rules().expect_continue);
  EXPECT_FALSE((*Block(post("/", {{"expect", "100-continue"}}), true)).rules().expect_continue);
  EXPECT_EQ(Block(post("/", {{"expect", "miracles"}}), false).fault(), HeadFault::expectation);
}

TEST(RequestBlock, HasTheLimitsOfHttp1) {
  const http::HeadLimits limits{1'000, 3};
  EXPECT_EQ(Block(get("/", {{"a", "1"}, {"b", "2"}, {"c", "3"}}), true, limits).fault(), HeadFault::none);
  EXPECT_EQ(Block(get("/", {{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}}), true, limits).fault(),
            HeadFault::too_many_fields);
  const Block large(get("/", {{"a", std::string(1'000, 'x')}, {"b", "2"}}), true, limits);
  EXPECT_EQ(large.fault(), HeadFault::too_large);
  EXPECT_FALSE((*large).readable());
}

TEST(FieldBlock, GivesItsTrailersUnlessTheyHoldWhatTrailersMayNot) {
  const auto trailers = [](const Pairs& fields) {
    FieldBlock block;
    for (const auto& [name, value] : fields) {
      block.add(name, value, {});
    }
    http::Trailers out;
    return block.take_trailers(out) ? std::optional(out) : std::nullopt;
  };
  EXPECT_EQ(trailers({{"checksum", "42"}}), (http::Trailers{{"checksum", "42"}}));
  for (const char* name :
       {"host", "content-length", "authorization", "cookie", ":path", "connection", "Checksum", "te"}) {
    EXPECT_EQ(trailers({{name, "x"}}), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace tallygate::http2
