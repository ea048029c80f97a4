#include "gateway/net/buffer.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace tallygate::net {
namespace {

constexpr std::size_t block = 16;

void put(Buffer& buffer, std::string_view text, std::size_t limit = block) {
  const auto room = buffer.prepare(limit);
  ASSERT_GE(room.size(), text.size());
  std::copy(text.begin(), text.end(), room.begin());
  buffer.commit(text.size());
}

TEST(Buffer, HoldsNoMemoryUntilItIsWrittenTo) {
  BufferPool pool(block, 4);
  const Buffer buffer(pool);
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.readable(), "");
}

TEST(Buffer, MovesWhatIsReadableToTheFrontWhenItReachesTheEnd) {
  BufferPool pool(block, 4);
  Buffer buffer(pool);
  put(buffer, "0123456789abcdef");
  buffer.consume(10);
  put(buffer, "ghij");
  EXPECT_EQ(buffer.readable(), "abcdefghij");
}

TEST(Buffer, GrowsUpToTheLimitAndNoFurther) {
  BufferPool pool(block, 4);
  Buffer buffer(pool);
  put(buffer, "0123456789abcdef", 20);
  put(buffer, "ghij", 20);
  EXPECT_EQ(buffer.readable(), "0123456789abcdefghij");
  EXPECT_TRUE(buffer.prepare(20).empty());
}

TEST(Buffer, GivesItsBlockBackForTheNextOne) {
  BufferPool pool(block, 4);
  const char* first = nullptr;
  {
    Buffer buffer(pool);
    first = buffer.prepare(block).data();
  }
  Buffer next(pool);
  EXPECT_EQ(next.prepare(block).data(), first);
}

TEST(Buffer, KeepsItsBlockWhileSomethingIsReadable) {
  BufferPool pool(block, 4);
  Buffer buffer(pool);
  put(buffer, "x");
  buffer.release_if_empty();
  EXPECT_EQ(buffer.readable(), "x");
}

}  // namespace
}  // namespace tallygate::net
