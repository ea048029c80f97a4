#include "gateway/http/message.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace tallygate::http {
namespace {

using Kind = Framing::Kind;

struct Parsed {
  std::string text;
  RequestParser parser;
  RequestRules rules;
};

std::unique_ptr<Parsed> parse(const std::string& lines, const std::string& first = "GET / HTTP/1.1") {
  auto parsed = std::make_unique<Parsed>();
  parsed->text = first + "\r\nHost: a\r\n" + lines + "\r\n";
  EXPECT_FALSE(parsed->parser.parse_head(parsed->text)) << parsed->text;
  parsed->rules = judge_request(parsed->parser.head());
  return parsed;
}

HeadFault fault_of(const std::string& lines, const std::string& first = "POST / HTTP/1.1") {
  RequestParser parser;
  const std::string text = first + "\r\nHost: a\r\n" + lines + "\r\n";
  if (parser.parse_head(text)) {
    return HeadFault::first_line;
  }
  return judge_request(parser.head()).fault;
}

TEST(RequestParser, GivesViewsOfLineAndFields) {
  const auto parsed = parse("X-One: 1\r\nx-one:   2  \r\n", "PUT /a?b HTTP/1.1");
  const RequestHead& head = parsed->parser.head();
  EXPECT_EQ(head.method, "PUT");
  EXPECT_EQ(head.target, "/a?b");
  EXPECT_EQ(head.version, 11U);
  EXPECT_EQ(head.fields.count("X-ONE"), 2U);
  EXPECT_EQ(head.fields.find("x-one"), "1");
  EXPECT_EQ(head.fields.all().back().value, "2");
}

TEST(RequestParser, RefusesVersionsOtherThan10And11) {
  for (const char* version : {"HTTP/0.9", "HTTP/1.2", "HTTP/1.32", "HTTP/2.0", "http/1.1", "HTTP/1"}) {
    EXPECT_EQ(fault_of("", std::string("GET / ") + version), HeadFault::first_line) << version;
  }
  EXPECT_EQ(fault_of("", "GET / HTTP/1.0"), HeadFault::none);
}

TEST(JudgeRequest, TakesOneDecimalContentLength) {
  EXPECT_EQ(parse("Content-Length: 5\r\n", "POST / HTTP/1.1")->rules.framing.length, 5U);
  EXPECT_EQ(parse("Content-Length: 0\r\n", "POST / HTTP/1.1")->rules.framing.kind, Kind::none);
}

TEST(JudgeRequest, RefusesEveryOtherContentLength) {
  for (const char* value :
       {"+5", "-1", "0x5", "05", "5 5", "5,5", "5, 5", "1e3", "99999999999999999999", "5.0", ""}) {
    const HeadFault fault = fault_of(std::string("Content-Length: ") + value + "\r\n");
    EXPECT_TRUE(fault == HeadFault::content_length || fault == HeadFault::first_line) << value;
  }
  EXPECT_NE(fault_of("Content-Length: 5\r\nContent-Length: 5\r\n"), HeadFault::none);
  EXPECT_NE(fault_of("Content-Length: 5\r\nContent-Length: 6\r\n"), HeadFault::none);
}

TEST(JudgeRequest, TakesExactlyChunkedOnHttp11) {
  EXPECT_EQ(parse("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.1")->rules.framing.kind, Kind::chunked);
  EXPECT_EQ(parse("Transfer-Encoding: Chunked\r\n", "POST / HTTP/1.1")->rules.framing.kind, Kind::chunked);
  for (const char* value : {"xchunked", "gzip, chunked", "chunked, identity", "identity", "chunked;q=1",
                            ", chunked", "chunked,", "\"chunked\"", "gzip"}) {
    EXPECT_NE(fault_of(std::string("Transfer-Encoding: ") + value + "\r\n"), HeadFault::none) << value;
  }
  EXPECT_NE(fault_of("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.0"), HeadFault::none);
}

TEST(JudgeRequest, RefusesTwoWaysOfFraming) {
  EXPECT_NE(fault_of("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), HeadFault::none);
  EXPECT_NE(fault_of("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), HeadFault::none);
}

TEST(JudgeRequest, KeepsConnectionsAsTheVersionSays) {
  EXPECT_TRUE(parse("")->rules.keep_alive);
  EXPECT_FALSE(parse("Connection: close\r\n")->rules.keep_alive);
  EXPECT_FALSE(parse("Connection: x, CLOSE\r\n")->rules.keep_alive);
  EXPECT_FALSE(parse("", "GET / HTTP/1.0")->rules.keep_alive);
  EXPECT_TRUE(parse("Connection: Keep-Alive\r\n", "GET / HTTP/1.0")->rules.keep_alive);
}

TEST(JudgeRequest, TakesNoExpectationBut100Continue) {
  EXPECT_TRUE(
      parse("Expect: 100-Continue\r\nContent-Length: 1\r\n", "POST / HTTP/1.1")->rules.expect_continue);
  EXPECT_FALSE(parse("Expect: 100-continue\r\n")->rules.expect_continue) << "nothing is to come";
  EXPECT_EQ(fault_of("Expect: 200-ok\r\n"), HeadFault::expectation);
  EXPECT_EQ(fault_of("Expect: 100-continue\r\nExpect: 100-continue\r\n"), HeadFault::expectation);
}

constexpr const char* websocket_lines =
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Version: 13\r\n";

TEST(JudgeRequest, RecognisesAWellFormedWebSocket) {
  EXPECT_TRUE(parse(websocket_lines)->rules.websocket);
}

TEST(JudgeRequest, RefusesEveryOtherUpgrade) {
  EXPECT_EQ(fault_of("Connection: Upgrade\r\nUpgrade: h2c\r\n", "GET / HTTP/1.1"), HeadFault::upgrade);
  EXPECT_EQ(fault_of("Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n", "GET / HTTP/1.1"),
            HeadFault::upgrade);
  EXPECT_EQ(fault_of("Connection: Upgrade\r\nUpgrade: websocket\r\n", "GET / HTTP/1.1"), HeadFault::upgrade);
  EXPECT_EQ(fault_of("Connection: Upgrade\r\n", "GET / HTTP/1.1"), HeadFault::upgrade);
  EXPECT_EQ(fault_of(websocket_lines, "POST / HTTP/1.1"), HeadFault::upgrade);
  EXPECT_EQ(fault_of(websocket_lines, "GET / HTTP/1.0"), HeadFault::upgrade);
  EXPECT_EQ(fault_of(std::string(websocket_lines) + "Content-Length: 3\r\n", "GET / HTTP/1.1"),
            HeadFault::upgrade);
}

TEST(JudgeRequest, AnUpgradeThatConnectionDoesNotNameMeansNothing) {
  EXPECT_FALSE(parse("Upgrade: h2c\r\n")->rules.websocket);
  EXPECT_EQ(parse("Upgrade: h2c\r\n")->rules.fault, HeadFault::none);
}

ResponseRules rules_of(const std::string& head, bool to_head = false) {
  ResponseParser parser;
  EXPECT_FALSE(parser.parse_head(head)) << head;
  return judge_response(parser.head(), to_head);
}

TEST(JudgeResponse, FindsTheFraming) {
  EXPECT_EQ(rules_of("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").framing.kind, Kind::length);
  EXPECT_EQ(rules_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").framing.kind, Kind::chunked);
  const auto until_close = rules_of("HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_EQ(until_close.framing.kind, Kind::until_close);
  EXPECT_FALSE(until_close.keep_alive);
}

TEST(JudgeResponse, SomeAnswersHaveNoBodyWhateverTheySay) {
  EXPECT_EQ(rules_of("HTTP/1.1 204 No Content\r\n\r\n").framing.kind, Kind::none);
  EXPECT_EQ(rules_of("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n").framing.kind, Kind::none);
  EXPECT_EQ(rules_of("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true).framing.kind, Kind::none);
}

TEST(JudgeResponse, RefusesTwoWaysOfFraming) {
  ResponseParser parser;
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
  if (!parser.parse_head(head)) {
    EXPECT_NE(judge_response(parser.head(), false).fault, HeadFault::none);
  }
}

/// Decodes a chunked body given in pieces of `step` bytes; the data, or "malformed".
std::string decode(const std::string& wire, std::size_t step, Trailers* trailers = nullptr) {
  RequestParser parser;
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_FALSE(parser.parse_head(head));
  std::string input;
  std::string data;
  for (std::size_t at = 0; at < wire.size(); at += step) {
    input += wire.substr(at, step);
    for (bool more = true; more;) {
      const auto piece = parser.decode_chunked(input);
      if (piece.error) {
        return "malformed";
      }
      data += piece.data;
      input.erase(0, piece.consumed);
      if (piece.done) {
        if (trailers != nullptr) {
          *trailers = parser.trailers();
        }
        return data + (input.empty() && at + step >= wire.size() ? "" : "|rest");
      }
      more = !piece.need_more && !input.empty();
    }
  }
  return data + "|unfinished";
}

TEST(DecodeChunked, GivesTheSameDataHoweverItArrives) {
  const std::string wire = "5\r\nhello\r\n7;ext=1\r\n, world\r\n0\r\n\r\n";
  for (std::size_t step = 1; step <= wire.size(); ++step) {
    EXPECT_EQ(decode(wire, step), "hello, world") << step;
  }
}

TEST(DecodeChunked, KeepsTrailers) {
  Trailers trailers;
  EXPECT_EQ(decode("1\r\nx\r\n0\r\nDigest: abc\r\n\r\n", 3, &trailers), "x");
  ASSERT_EQ(trailers.size(), 1U);
  EXPECT_EQ(trailers[0].first, "Digest");
  EXPECT_EQ(trailers[0].second, "abc");
}

TEST(DecodeChunked, RefusesWhatIsNoChunk) {
  for (const char* wire : {"g\r\nx\r\n", "-1\r\nx\r\n", "0x1\r\nx\r\n", "1\r\nxy\r\n0\r\n\r\n",
                           "ffffffffffffffffff\r\n", " 1\r\nx\r\n0\r\n\r\n", "1\r\nx\n0\r\n\r\n"}) {
    const std::string decoded = decode(wire, 64);
    EXPECT_TRUE(decoded == "malformed" || decoded.ends_with("|unfinished")) << wire << " → " << decoded;
  }
}

}  // namespace
}  // namespace tallygate::http
