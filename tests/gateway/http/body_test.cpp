#include "gateway/http/body.hpp"

#include "tests/support/run.hpp"
#include "tests/support/wire.hpp"

#include <gtest/gtest.h>

namespace tallygate::http {
namespace {

using test::run;
using test::Wire;

constexpr net::Milliseconds idle{1'000};

class BodyTest : public testing::Test {
 protected:
  /// Reads a whole body that arrives after `head`; the data, or the error's message.
  std::string read(const std::string& head, const std::string& wire_bytes,
                   std::optional<std::uint64_t> limit = {}) {
    Wire wire(io, deadlines);
    RequestParser parser;
    EXPECT_FALSE(parser.parse_head(head));
    net::BufferPool pool(std::size_t{64} * 1024, 4);
    net::Buffer buffer(pool);
    const FieldPredicate claims = [](std::string_view name) { return name.starts_with("X-Forwarded"); };
    BodySource<true> source(wire.stream(), buffer, parser, judge_request(parser.head()).framing, limit,
                            claims);
    wire.send(wire_bytes);
    wire.finish();
    std::string data;
    while (!source.done()) {
      const auto piece = run(io, source.next(idle));
      if (!piece) {
        return piece.error().message();
      }
      data += *piece;
    }
    source.finish();
    trailers = parser.trailers();
    rest = std::string(buffer.readable());
    return data;
  }

  static std::string message(BodyFault fault) { return make_error_code(fault).message(); }

  boost::asio::io_context io;
  net::Deadlines deadlines{io};
  Trailers trailers;
  std::string rest;
  const std::string with_length = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
  const std::string chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
};

TEST_F(BodyTest, ReadsExactlyItsLengthAndLeavesTheNextRequest) {
  EXPECT_EQ(read(with_length, "helloGET / HTTP/1.1"), "hello");
  EXPECT_EQ(rest, "GET / HTTP/1.1");
}

TEST_F(BodyTest, LeavesTheNextRequestAfterTheLastChunk) {
  EXPECT_EQ(read(chunked, "3\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1"), "abc");
  EXPECT_EQ(rest, "GET / HTTP/1.1");
}

TEST_F(BodyTest, AnEndBeforeTheLengthIsAFault) {
  EXPECT_EQ(read(with_length, "hel"), message(BodyFault::cut_short));
}

TEST_F(BodyTest, ReadsChunksAndTrailers) {
  EXPECT_EQ(read(chunked, "3\r\nabc\r\n2\r\nde\r\n0\r\nDigest: x\r\n\r\n"), "abcde");
  ASSERT_EQ(trailers.size(), 1U);
}

TEST_F(BodyTest, AnEndInsideAChunkIsAFault) {
  EXPECT_EQ(read(chunked, "3\r\nab"), message(BodyFault::cut_short));
  EXPECT_EQ(read(chunked, "3\r\nabc\r\n"), message(BodyFault::cut_short));
}

TEST_F(BodyTest, AMalformedChunkIsAFault) {
  EXPECT_EQ(read(chunked, "zz\r\nab\r\n"), message(BodyFault::malformed));
}

TEST_F(BodyTest, ControlFieldsInTrailersAreAFault) {
  EXPECT_NE(read(chunked, "0\r\nAuthorization: x\r\n\r\n"), "");
  EXPECT_EQ(read(chunked, "0\r\nX-Forwarded-User: root\r\n\r\n"), message(BodyFault::bad_trailer));
}

TEST_F(BodyTest, ABodyOverTheLimitIsAFault) {
  EXPECT_EQ(read(with_length, "hello", 4), message(BodyFault::too_large));
  EXPECT_EQ(read(with_length, "hello", 5), "hello");
  EXPECT_EQ(read(chunked, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 4), message(BodyFault::too_large));
}

TEST(AppendPiece, FramesAsChunksOrNotAtAll) {
  std::string out;
  append_piece(out, "0123456789abcdef", true);
  append_last_chunk(out, {{"Digest", "x"}, {"Content-Length", "3"}});
  EXPECT_EQ(out, "10\r\n0123456789abcdef\r\n0\r\nDigest: x\r\n\r\n");
  out.clear();
  append_piece(out, "abc", false);
  EXPECT_EQ(out, "abc");
}

TEST(ForbiddenInTrailers, CoversFramingRoutingAndClaimsInAnySpelling) {
  for (const char* name : {"Content-Length", "TRANSFER-ENCODING", "host", "Authorization", "Cookie",
                           "Trailer", "TE", "Proxy-Connection"}) {
    EXPECT_TRUE(forbidden_in_trailers(name)) << name;
  }
  EXPECT_FALSE(forbidden_in_trailers("Digest"));
  EXPECT_FALSE(forbidden_in_trailers("grpc-status"));
}

}  // namespace
}  // namespace tallygate::http
