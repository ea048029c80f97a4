#include "gateway/http/websocket.hpp"

#include <gtest/gtest.h>

namespace tallygate::http {
namespace {

TEST(WebsocketKey, IsAnsweredAsTheProtocolSays) {
  EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(WebsocketKey, IsSixteenBytesAndAnotherEachTime) {
  const std::string key = make_websocket_key();
  EXPECT_EQ(key.size(), 24U);
  EXPECT_TRUE(key.ends_with("=="));
  EXPECT_NE(key, make_websocket_key());
}

}  // namespace
}  // namespace tallygate::http
