// A client's WebSocket taken apart, and what it is answered with.
#include "gateway/http/websocket_messages.hpp"

#include "gateway/http/websocket_frames.hpp"

#include <gtest/gtest.h>

#include <random>

namespace tallygate::http {
namespace {

using State = ClientFrames::State;

/// A frame as clients send it.
std::string frame(unsigned char first, std::string_view payload, unsigned char flag = 0x80) {
  constexpr std::string_view mask = "\x11\x22\x33\x44";
  std::string out(1, static_cast<char>(first));
  if (payload.size() < 126) {
    out += static_cast<char>(flag | payload.size());
  } else if (payload.size() < 65'536) {
    out += static_cast<char>(flag | 126U);
    out += static_cast<char>(payload.size() >> 8U);
    out += static_cast<char>(payload.size() & 0xFFU);
  } else {
    out += static_cast<char>(flag | 127U);
    for (int shift = 56; shift >= 0; shift -= 8) {
      out += static_cast<char>(static_cast<std::uint64_t>(payload.size()) >> static_cast<unsigned>(shift) &
                               0xFFU);
    }
  }
  if (flag == 0) {
    return out.append(payload);
  }
  out.append(mask);
  for (std::size_t at = 0; at < payload.size(); ++at) {
    out += static_cast<char>(payload[at] ^ mask[at % 4]);
  }
  return out;
}

constexpr unsigned char binary = 0x82;
constexpr unsigned char first_part = 0x02;
constexpr unsigned char middle_part = 0x00;
constexpr unsigned char last_part = 0x80;
constexpr unsigned char ping = 0x89;
constexpr unsigned char pong = 0x8A;
constexpr unsigned char close_it = 0x88;

TEST(ClientFrames, MessagesOfEveryLengthBecomeTheirBytes) {
  ClientFrames frames;
  std::string sent;
  std::string got;
  for (const std::size_t size : {1U, 125U, 126U, 65'535U, 65'536U}) {
    const std::string payload(size, 'x');
    sent += payload;
    EXPECT_EQ(frames.take(frame(binary, payload), got), State::open);
  }
  EXPECT_EQ(got, sent);
  EXPECT_FALSE(frames.data_ended());
}

TEST(ClientFrames, HowTheBytesWereCutMakesNoDifference) {
  std::mt19937 random(11);
  for (int round = 0; round < 100; ++round) {
    std::string stream;
    std::string sent;
    for (int count = 0; count < 20; ++count) {
      std::string payload(1 + random() % 400, '\0');
      for (char& c : payload) {
        c = static_cast<char>(random());
      }
      sent += payload;
      const std::size_t half = random() % payload.size();
      if (half == 0) {
        stream += frame(binary, payload);
      } else {
        stream += frame(first_part, payload.substr(0, half)) + frame(pong, "between") +
                  frame(last_part, payload.substr(half));
      }
    }
    ClientFrames frames;
    std::string got;
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t size = 1 + random() % 300;
      ASSERT_EQ(frames.take(std::string_view(stream).substr(at, size), got), State::open);
      at += size;
    }
    ASSERT_EQ(got, sent) << round;
  }
}

TEST(ClientFrames, AMessageOfNoBytesEndsTheDataAndNothingElse) {
  for (const std::string& end :
       {frame(binary, ""), frame(first_part, "") + frame(middle_part, "") + frame(last_part, "")}) {
    ClientFrames frames;
    std::string got;
    frames.take(frame(binary, "a") + end, got);
    EXPECT_TRUE(frames.data_ended());
    EXPECT_EQ(frames.take(frame(ping, "p"), got), State::open);
    EXPECT_EQ(frames.take_ping(), "p");
    EXPECT_EQ(frames.take(frame(binary, "more"), got), State::broken);
    EXPECT_EQ(got, "a");
  }
  ClientFrames frames;
  std::string got;
  frames.take(frame(first_part, "") + frame(last_part, "b"), got);
  EXPECT_FALSE(frames.data_ended());
}

TEST(ClientFrames, OfSeveralPingsTheNewestIsAnsweredOnce) {
  ClientFrames frames;
  std::string got;
  EXPECT_FALSE(frames.has_ping());
  frames.take(frame(ping, "one") + frame(ping, "two"), got);
  EXPECT_TRUE(frames.has_ping());
  EXPECT_EQ(frames.take_ping(), "two");
  EXPECT_EQ(frames.take_ping(), std::nullopt);
}

TEST(ClientFrames, AGoodbyeEndsItAndWhatFollowsIsNotRead) {
  ClientFrames frames;
  std::string got;
  EXPECT_EQ(frames.take(frame(binary, "a") + frame(close_it, "\x03\xe8") + frame(binary, "b"), got),
            State::closed);
  EXPECT_EQ(got, "a");
}

TEST(ClientFrames, WhatNoClientMaySendBreaksIt) {
  const std::string long_head("\x82\xff\x00\x00\x00\x00\x00\x00\x00\x05mask", 14);
  const std::string endless("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xffmask", 14);
  for (const auto& [what, bytes] : std::initializer_list<std::pair<const char*, std::string>>{
           {"no mask", frame(binary, "a", 0)},
           {"text", frame(0x81, "a")},
           {"a reserved bit", frame(0xC2, "a")},
           {"an opcode nobody knows", frame(0x83, "a")},
           {"a control opcode nobody knows", frame(0x8B, "a")},
           {"a ping in parts", frame(0x09, "a")},
           {"a ping too long", frame(ping, std::string(126, 'x'))},
           {"a part of no message", frame(last_part, "a")},
           {"a message inside a message", frame(first_part, "a") + frame(binary, "b")},
           {"a length longer than needed", long_head},
           {"a length below nothing", endless}}) {
    ClientFrames frames;
    std::string got;
    EXPECT_EQ(frames.take(bytes, got), State::broken) << what;
    EXPECT_EQ(frames.take(frame(binary, "later"), got), State::broken) << what;
    EXPECT_EQ(got.find("later"), std::string::npos) << what;
  }
}

TEST(ServerFrames, AreFramesOfTheirLength) {
  for (const std::size_t size : {0U, 125U, 126U, 65'535U, 65'536U}) {
    std::string out;
    append_binary_head(out, size);
    FrameEnds ends;
    ends.take(out);
    EXPECT_EQ(ends.between(), size == 0);
    ends.take(std::string(size, 'x'));
    EXPECT_TRUE(ends.between()) << size;
    EXPECT_EQ(out.front(), static_cast<char>(binary));
  }
  std::string out;
  append_pong(out, "abc");
  EXPECT_EQ(out, std::string("\x8a\x03") + "abc");
}

}  // namespace
}  // namespace tallygate::http
