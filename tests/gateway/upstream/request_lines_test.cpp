#include "gateway/upstream/request_lines.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace tallygate::upstream {
namespace {

using ::testing::ElementsAre;
using Pair = std::pair<std::string, std::string>;

std::vector<Pair> listed(std::string_view head, std::string_view scheme = "http") {
  std::vector<http::Field> fields;
  list_request_fields(fields, head, scheme);
  std::vector<Pair> out;
  for (const http::Field& line : fields) {
    out.emplace_back(line.name, line.value);
  }
  return out;
}

TEST(RequestLines, BecomeFieldsWithThePseudoHeaderFieldsFirst) {
  EXPECT_THAT(
      listed("POST /a?b=c HTTP/1.1\r\nHost: wiki.example.com:8443\r\nX-One: 1\r\nX-Two: a: b\r\n\r\n"),
      ElementsAre(Pair(":method", "POST"), Pair(":scheme", "http"), Pair(":path", "/a?b=c"),
                  Pair(":authority", "wiki.example.com:8443"), Pair("X-One", "1"), Pair("X-Two", "a: b")));
}

TEST(RequestLines, SayNothingOfTheConnection) {
  EXPECT_THAT(listed("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: Upgrade\r\n"
                     "Upgrade: websocket\r\nTE: trailers\r\nContent-Length: 3\r\n\r\n",
                     "https"),
              ElementsAre(Pair(":method", "GET"), Pair(":scheme", "https"), Pair(":path", "/"),
                          Pair(":authority", "a"), Pair("TE", "trailers"), Pair("Content-Length", "3")));
}

TEST(RequestLines, AnEmptyValueStaysOne) {
  EXPECT_THAT(listed("GET / HTTP/1.1\r\nHost: a\r\nX-Empty: \r\nX-Last: z\r\n\r\n").back(),
              Pair("X-Last", "z"));
}

}  // namespace
}  // namespace tallygate::upstream
