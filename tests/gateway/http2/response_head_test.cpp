#include "gateway/http2/response_head.hpp"

#include "tests/gateway/http2/frames.hpp"

#include <gtest/gtest.h>

namespace tallygate::http2 {
namespace {

using http::HeadFault;
using testing::Pairs;
using Kind = http::Framing::Kind;

struct Options {
  bool ended = false;
  bool to_head = false;
};

ResponseBlock read(const Pairs& fields, Options options = {}) {
  ResponseBlock block;
  block.clear();
  for (const auto& [name, value] : fields) {
    block.add(name, value, {});
  }
  block.finish(options.ended, options.to_head);
  return block;
}

HeadFault fault_of(const Pairs& fields, Options options = {}) {
  return read(fields, options).rules().fault;
}

TEST(ResponseBlock, GivesStatusAndFieldsAsTheyCame) {
  const ResponseBlock block = read({{":status", "404"}, {"content-type", "text/plain"}, {"x-one", "1"}});
  EXPECT_EQ(block.rules().fault, HeadFault::none);
  EXPECT_EQ(block.head().status, 404U);
  EXPECT_EQ(block.head().fields.find("x-one"), "1");
  EXPECT_EQ(block.head().fields.find(boost::beast::http::field::content_type), "text/plain");
  EXPECT_FALSE(block.interim());
}

TEST(ResponseBlock, SaysHowItsBodyEnds) {
  EXPECT_EQ(read({{":status", "200"}}).rules().framing.kind, Kind::chunked);
  EXPECT_EQ(read({{":status", "200"}}).length(), std::nullopt);
  EXPECT_EQ(read({{":status", "200"}, {"content-length", "7"}}).rules().framing.kind, Kind::length);
  EXPECT_EQ(read({{":status", "200"}, {"content-length", "7"}}).length(), 7U);
  for (const ResponseBlock& bodiless :
       {read({{":status", "200"}}, {true, false}), read({{":status", "204"}}), read({{":status", "304"}}),
        read({{":status", "304"}, {"content-length", "7"}}, {true, false}),
        read({{":status", "200"}, {"content-length", "7"}}, {true, true}),
        read({{":status", "200"}, {"content-length", "0"}})}) {
    EXPECT_EQ(bodiless.rules().fault, HeadFault::none);
    EXPECT_EQ(bodiless.rules().framing.kind, Kind::none);
    EXPECT_EQ(bodiless.length(), 0U);
  }
}

TEST(ResponseBlock, RefusesAStatusThatIsNone) {
  for (const Pairs& fields :
       {Pairs{}, Pairs{{"x", "1"}}, Pairs{{":status", "20"}}, Pairs{{":status", "2000"}},
        Pairs{{":status", "2x0"}}, Pairs{{":status", "099"}}, Pairs{{":status", "101"}},
        Pairs{{":status", "200"}, {":status", "200"}}, Pairs{{"x", "1"}, {":status", "200"}},
        Pairs{{":status", "200"}, {":path", "/"}}, Pairs{{":status", ""}}, Pairs{{":status", "600"}},
        Pairs{{":status", "999"}}}) {
    EXPECT_EQ(fault_of(fields), HeadFault::pseudo_field);
  }
}

TEST(ResponseBlock, RefusesFieldsThatCouldBeReadInTwoWays) {
  EXPECT_EQ(fault_of({{":status", "200"}, {"connection", "close"}}), HeadFault::connection_field);
  EXPECT_EQ(fault_of({{":status", "200"}, {"transfer-encoding", "chunked"}}), HeadFault::connection_field);
  EXPECT_EQ(fault_of({{":status", "200"}, {"X-Upper", "1"}}), HeadFault::name_case);
  EXPECT_EQ(fault_of({{":status", "200"}, {"x", "a\r\nset-cookie: b"}}), HeadFault::control_byte);
  EXPECT_EQ(fault_of({{":status", "200"}, {"content-length", "1"}, {"content-length", "1"}}),
            HeadFault::content_length);
  EXPECT_EQ(fault_of({{":status", "200"}, {"content-length", "+1"}}), HeadFault::content_length);
  EXPECT_EQ(fault_of({{":status", "200"}, {"content-length", "1"}}, {true, false}),
            HeadFault::content_length);
}

TEST(ResponseBlock, AnInterimHeadIsFollowedByAnother) {
  EXPECT_TRUE(read({{":status", "103"}}).interim());
  EXPECT_EQ(fault_of({{":status", "103"}}), HeadFault::none);
  EXPECT_EQ(fault_of({{":status", "103"}}, {true, false}), HeadFault::pseudo_field);
}

}  // namespace
}  // namespace tallygate::http2
