// What a client may send without end, and where that ends.
#include "gateway/http2/framing.hpp"
#include "tests/gateway/http2/frames.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>

namespace tallygate::http2 {
namespace {

using testing::block;
using testing::end_headers;
using testing::end_stream;
using testing::frame;
using testing::Frame;
using testing::frames_of;
using testing::get;
using testing::number;
using testing::post;

constexpr std::uint32_t calm = static_cast<std::uint32_t>(Code::enhance_your_calm);
constexpr int many = 20'000;

class Flood : public ::testing::Test, private Events {
 protected:
  Flood() : framing_({}, *this, buffers_) {
    feed(std::string(testing::preface) + frame(testing::settings, 0, 0) +
         frame(testing::settings, testing::ack, 0));
    (void)pull();
  }

  bool feed(std::string_view bytes) { return framing_.feed(bytes, now_); }
  std::string pull() {
    std::string out;
    framing_.pull(out, std::size_t{16} * 1024 * 1024);
    return out;
  }
  bool request(std::uint32_t id, bool ended = true) {
    return feed(frame(testing::headers, static_cast<std::uint8_t>(end_headers | (ended ? end_stream : 0)), id,
                      block(ended ? get() : post())));
  }
  /// Sends until the connection ends; the code it ends with, none if it goes on all the same.
  std::optional<std::uint32_t> ends(const std::function<std::string(int)>& next, bool reads = true) {
    std::optional<std::uint32_t> code;
    for (sent_ = 0; sent_ < many && feed(next(sent_)); ++sent_) {
      if (reads) {
        code = goaway(pull());
      }
    }
    return code ? code : goaway(pull());
  }
  /// The same for requests of a client that never acknowledges the settings, and reads nothing.
  int requests_before_the_end_unread() {
    Framing fresh({}, *this, buffers_);
    int sent = 0;
    bool more = fresh.feed(std::string(testing::preface) + frame(testing::settings, 0, 0), now_);
    for (; more && sent < many; ++sent) {
      more = fresh.feed(frame(testing::headers, end_headers | end_stream,
                              static_cast<std::uint32_t>(2 * sent + 1), block(get())),
                        now_);
    }
    return sent;
  }
  static std::optional<std::uint32_t> goaway(const std::string& bytes) {
    const auto frames = frames_of(bytes);
    return !frames.empty() && frames.back().type == testing::goaway ? std::optional(frames.back().word(4))
                                                                    : std::nullopt;
  }

  void on_request(Stream& stream) override {
    ++requests_;
    stream.owner = this;
    last_ = &stream;
  }
  void on_body(Stream& /*stream*/) override {}
  void on_sent(Stream& /*stream*/) override {}
  void on_reset(Stream& stream) override { framing_.release(stream); }
  void on_probe() override {}

  net::BufferPool buffers_{64 * 1024, 4};
  Framing framing_;
  net::Clock::time_point now_{std::chrono::hours{1}};
  Stream* last_ = nullptr;
  int requests_ = 0;
  int sent_ = 0;
};

std::uint32_t odd(int count) {
  return static_cast<std::uint32_t>(2 * count + 1);
}

TEST_F(Flood, OfStreamsThatAreResetAtOnceEndsTheConnection) {
  EXPECT_EQ(ends([](int i) {
              return frame(testing::headers, end_headers | end_stream, odd(i), block(get())) +
                     frame(testing::rst_stream, 0, odd(i), number(8));
            }),
            calm);
  EXPECT_EQ(sent_, static_cast<int>(Limits{}.resets));
}

TEST_F(Flood, OfStreamsThatTheGatewayIsMadeToResetEndsTheConnection) {
  EXPECT_EQ(ends([](int i) {
              return frame(testing::headers, end_headers, odd(i),
                           block(post("/", {{"content-length", "1"}}))) +
                     frame(testing::data, end_stream, odd(i), "too much");
            }),
            calm);
  EXPECT_LE(sent_, static_cast<int>(Limits{}.resets) + 1);
}

TEST_F(Flood, OfStreamsOverTheirNumberEndsTheConnection) {
  EXPECT_TRUE(
      ends([](int i) { return frame(testing::headers, end_headers, odd(i), block(post())); }).has_value());
  EXPECT_EQ(requests_, 100);
}

TEST_F(Flood, OfStreamsThatNobodyAnswersHeapsUpNothing) {
  // What is refused must cost when it comes, not when its refusal is sent.
  EXPECT_LT(requests_before_the_end_unread(), 2'000);
}

TEST_F(Flood, OfLargeHeadsIsRefusedBeforeTheyHoldMuch) {
  std::string head = block(post()) + std::string(1, '\x40') +
                     std::string(
                         "\x01"
                         "a",
                         2) +
                     testing::length_of(3'000) + std::string(3'000, 'x');
  head += std::string(6, '\xbe');
  for (std::uint32_t id = 1; id < 200; id += 2) {
    ASSERT_TRUE(feed(frame(testing::headers, end_headers, id, head)));
  }
  EXPECT_LE(requests_, 30) << "each holds some twenty kilobytes";
  EXPECT_GT(requests_, 10);
}

TEST_F(Flood, OfPingsEndsTheConnectionWhetherTheirAnswersAreReadOrNot) {
  const std::string ping = frame(testing::ping, 0, 0, "12345678");
  EXPECT_EQ(ends([&](int) { return ping; }), calm);
}

TEST_F(Flood, OfPingsWhoseAnswersAreNotReadEndsSoon) {
  const std::string ping = frame(testing::ping, 0, 0, "12345678");
  EXPECT_EQ(ends([&](int) { return ping; }, false), calm);
  EXPECT_LE(sent_, static_cast<int>(acks_waiting_max) + 1);
}

TEST_F(Flood, OfSettingsEndsTheConnection) {
  const std::string settings = frame(testing::settings, 0, 0, std::string("\0\4", 2) + number(1'000));
  EXPECT_EQ(ends([&](int) { return settings; }), calm);
}

TEST_F(Flood, OfEmptyDataEndsTheConnection) {
  ASSERT_TRUE(request(1, false));
  const std::string empty = frame(testing::data, 0, 1);
  EXPECT_EQ(ends([&](int) { return empty; }), calm);
}

TEST_F(Flood, OfWindowUpdatesEndsTheConnection) {
  const std::string update = frame(testing::window_update, 0, 0, number(1));
  EXPECT_EQ(ends([&](int) { return update; }), calm);
}

TEST_F(Flood, OfPrioritiesEndsTheConnection) {
  EXPECT_EQ(ends([&](int i) { return frame(testing::priority, 0, odd(i), number(0) + "\x10"); }), calm);
}

TEST_F(Flood, OfContinuationsEndsTheConnection) {
  ASSERT_TRUE(feed(frame(testing::headers, end_stream, 1, block(get()))));
  EXPECT_TRUE(framing_.in_block());
  bool more = true;
  int sent = 0;
  for (; more && sent < many; ++sent) {
    more = feed(frame(testing::continuation, 0, 1, block({{"a", "b"}})));
  }
  EXPECT_LE(sent, static_cast<int>(continuations_min) + 6);
  EXPECT_EQ(requests_, 0);
}

TEST_F(Flood, OfFieldsFromTheTableEndsTheConnectionBeforeMuchIsKept) {
  // A large entry is put into the table once, and then named by one byte each time.
  std::string bomb = block(get());
  const std::string large(3'000, 'x');
  bomb += std::string(
              "\x40\x01"
              "a",
              3) +
          testing::length_of(large.size()) + large;
  bomb += std::string(10'000, '\xbe');
  EXPECT_FALSE(feed(frame(testing::headers, end_headers | end_stream, 1, bomb)));
  const auto frames = frames_of(pull());
  ASSERT_FALSE(frames.empty());
  EXPECT_EQ(frames.back().type, testing::goaway);
  EXPECT_EQ(frames.back().word(4), calm);
  EXPECT_EQ(requests_, 0);
}

TEST_F(Flood, IsNotWhatAClientDoesThatMovesMuch) {
  // A client that gives room for each piece, and resets a stream now and then.
  const std::string piece(16'384, 'x');
  const http::Trailers none;
  for (int i = 0; i < 3'000; ++i) {
    ASSERT_TRUE(request(odd(i)));
    framing_.respond(*last_, {}, 200, false);
    last_->sending = piece;
    last_->last = &none;
    (void)pull();
    ASSERT_TRUE(last_->finished);
    framing_.release(*last_);
    ASSERT_TRUE(feed(frame(testing::window_update, 0, 0, number(8'192)) +
                     frame(testing::window_update, 0, 0, number(8'192)) +
                     frame(testing::ping, 0, 0, "12345678")))
        << i;
    (void)pull();
  }
}

}  // namespace
}  // namespace tallygate::http2
