// Where WebSocket frames end, and the frame that closes.
#include "gateway/http/websocket_frames.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace tallygate::http {
namespace {

std::string frame(std::size_t size, bool mask) {
  std::string out = "\x82";
  const char flag = static_cast<char>(mask ? 0x80 : 0);
  if (size < 126) {
    out += static_cast<char>(flag | static_cast<char>(size));
  } else if (size < 65'536) {
    out += static_cast<char>(flag | 126);
    out += static_cast<char>(size >> 8U);
    out += static_cast<char>(size & 0xFFU);
  } else {
    out += static_cast<char>(flag | 127);
    for (int shift = 56; shift >= 0; shift -= 8) {
      out += static_cast<char>(size >> static_cast<unsigned>(shift) & 0xFFU);
    }
  }
  return out.append(mask ? 4 : 0, 'm').append(size, '\x88');
}

TEST(FrameEnds, NothingYetIsBetweenFrames) {
  EXPECT_TRUE(FrameEnds().between());
}

TEST(FrameEnds, OfEachLengthItKnowsTheLastByteAlone) {
  for (const bool mask : {false, true}) {
    for (const std::size_t size : {0U, 1U, 125U, 126U, 65'535U, 65'536U}) {
      const std::string bytes = frame(size, mask);
      FrameEnds ends;
      ends.take(std::string_view(bytes).substr(0, bytes.size() - 1));
      EXPECT_FALSE(ends.between()) << size;
      ends.take(std::string_view(bytes).substr(bytes.size() - 1));
      EXPECT_TRUE(ends.between()) << size;
    }
  }
}

TEST(FrameEnds, HowTheBytesWereCutMakesNoDifference) {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    std::string stream;
    std::vector<bool> between{true};
    for (int count = 0; count < 20; ++count) {
      const std::string one = frame(random() % 300, random() % 2 == 0);
      stream += one;
      between.resize(stream.size() + 1, false);
      between.back() = true;
    }
    FrameEnds ends;
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t size = 1 + random() % 200;
      ends.take(std::string_view(stream).substr(at, size));
      at = std::min(at + size, stream.size());
      ASSERT_EQ(ends.between(), between[at]) << "byte " << at << " of round " << round;
    }
  }
}

TEST(FrameEnds, ALengthThatNeverComesToAnEndIsNoEnd) {
  FrameEnds ends;
  ends.take(std::string("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 10));
  ends.take(std::string(100'000, '\0'));
  EXPECT_FALSE(ends.between());
}

TEST(CloseFrame, CarriesCodeAndReason) {
  EXPECT_EQ(close_frame(CloseCode::policy_violation, "policy-changed"),
            std::string("\x88\x10\x03\xf0policy-changed"));
  EXPECT_EQ(close_frame(CloseCode::going_away, ""), std::string("\x88\x02\x03\xe9"));
}

TEST(CloseFrame, StaysAControlFrame) {
  const std::string longest = close_frame(CloseCode::going_away, std::string(500, 'x'));
  EXPECT_EQ(longest.size(), 127U);
  EXPECT_EQ(longest[1], 125);
  FrameEnds ends;
  ends.take(longest);
  EXPECT_TRUE(ends.between());
}

}  // namespace
}  // namespace tallygate::http
