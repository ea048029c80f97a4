#include "gateway/http2/client_framing.hpp"

#include "tests/gateway/http2/frames.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace tallygate::http2 {
namespace {

using testing::block;
using testing::end_headers;
using testing::end_stream;
using testing::Frame;
using testing::frame;
using testing::frames_of;
using testing::number;
using testing::Pairs;

constexpr std::size_t plenty = std::size_t{1024} * 1024;

std::string setting(std::uint16_t id, std::uint32_t value) {
  return std::string{static_cast<char>(id >> 8), static_cast<char>(id)} + number(value);
}

/// A connection to a server that says what the test has it say.
class Connection : public ClientEvents {
 public:
  explicit Connection(const std::string& settings = {}, Limits limits = {})
      : framing(limits, *this, buffers_) {
    greeting = sent();
    feed(frame(testing::settings, 0, 0, settings));
    sent();
  }

  bool feed(std::string_view bytes) { return framing.feed(bytes, now); }
  ClientStream* get(bool ended = true, bool to_head = false) {
    return framing.request(this, fields_, ended, to_head);
  }
  bool answer(const ClientStream& stream, const Pairs& head, bool ended = true) {
    return feed(frame(testing::headers, static_cast<std::uint8_t>(end_headers | (ended ? end_stream : 0)),
                      static_cast<std::uint32_t>(stream.id), block(head)));
  }
  bool body(const ClientStream& stream, std::string_view bytes, bool ended = false) {
    return feed(frame(testing::data, ended ? end_stream : 0, static_cast<std::uint32_t>(stream.id), bytes));
  }
  std::string sent() {
    std::string out;
    framing.pull(out, plenty);
    return out;
  }
  std::vector<Frame> frames(std::uint8_t type) {
    std::vector<Frame> found = frames_of(sent());
    std::erase_if(found, [type](const Frame& one) { return one.type != type; });
    return found;
  }

  void on_answer(ClientStream& /*stream*/) override { ++answers; }
  void on_sent(ClientStream& /*stream*/) override {}
  void on_settings() override {}
  void on_goaway() override { gone = true; }

 private:
  net::BufferPool buffers_{std::size_t{64} * 1024, 4};
  std::vector<http::Field> fields_{
      {":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}, {"X-One", "1"}};

 public:
  net::Clock::time_point now{std::chrono::hours{1}};
  ClientFraming framing;
  std::string greeting;
  std::size_t answers = 0;
  bool gone = false;
};

TEST(ClientFraming, GreetsWithAWindowForEachStreamAndWithoutPush) {
  const Connection connection;
  EXPECT_TRUE(connection.greeting.starts_with(testing::preface));
  const auto frames = frames_of(std::string_view(connection.greeting).substr(testing::preface.size()));
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_THAT(frames[0].payload, ::testing::HasSubstr(setting(2, 0)));
  EXPECT_THAT(frames[0].payload, ::testing::HasSubstr(setting(4, stream_window)));
  EXPECT_EQ(frames[1].type, testing::window_update);
  EXPECT_EQ(frames[1].word(), 100 * stream_window - 65'535);
}

TEST(ClientFraming, OpensNothingBeforeTheServerHasToldItsSettings) {
  net::BufferPool buffers(std::size_t{64} * 1024, 4);
  struct Nobody final : ClientEvents {
    void on_answer(ClientStream& /*stream*/) override {}
    void on_sent(ClientStream& /*stream*/) override {}
    void on_settings() override {}
    void on_goaway() override {}
  } nobody;
  ClientFraming framing({}, nobody, buffers);
  EXPECT_EQ(framing.room(), 0U);
  EXPECT_EQ(framing.request(nullptr, {}, true, false), nullptr);
}

TEST(ClientFraming, OpensNoMoreStreamsThanTheServerAllows) {
  Connection connection(setting(3, 2));
  EXPECT_EQ(connection.framing.room(), 2U);
  ClientStream* first = connection.get();
  ASSERT_NE(first, nullptr);
  ASSERT_NE(connection.get(), nullptr);
  EXPECT_EQ(connection.get(), nullptr);
  connection.sent();
  connection.answer(*first, {{":status", "200"}});
  connection.framing.release(*first);
  EXPECT_EQ(connection.framing.room(), 1U);
}

TEST(ClientFraming, NoServerMakesItOpenMoreThanItsOwnLimit) {
  const Connection connection(setting(3, 1'000'000));
  EXPECT_EQ(connection.framing.room(), Limits{}.streams);
}

TEST(ClientFraming, GivesHeadBodyAndTrailers) {
  Connection connection;
  ClientStream* stream = connection.get();
  connection.sent();
  EXPECT_TRUE(connection.answer(*stream, {{":status", "103"}, {"link", "x"}}, false));
  EXPECT_FALSE(stream->answered);
  EXPECT_TRUE(connection.answer(*stream, {{":status", "200"}, {"x", "1"}}, false));
  EXPECT_TRUE(stream->answered);
  EXPECT_EQ(stream->block.head().fields.find("x"), "1");
  EXPECT_EQ(stream->block.head().fields.find("link"), std::nullopt);
  connection.body(*stream, "hello");
  EXPECT_EQ(stream->arrived.readable(), "hello");
  EXPECT_FALSE(stream->ended);
  connection.answer(*stream, {{"grpc-status", "0"}});
  EXPECT_TRUE(stream->ended);
  EXPECT_EQ(stream->trailers, (http::Trailers{{"grpc-status", "0"}}));
  EXPECT_FALSE(stream->broken);
  EXPECT_EQ(stream->block.head().fields.find("x"), "1");
}

TEST(ClientFraming, SendsAsManyFieldsAndTrailersAsItIsGiven) {
  constexpr std::size_t many = 1'000;
  Connection connection;
  std::vector<http::Field> fields{
      {":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}};
  fields.resize(many, {"x", "1"});
  ClientStream* stream = connection.framing.request(nullptr, fields, false, false);
  ASSERT_NE(stream, nullptr);
  const http::Trailers trailers(many, {"name", "a value"});
  stream->last = &trailers;
  const std::vector<Frame> frames = connection.frames(testing::headers);
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_GE(frames[0].payload.size(), many - 4);
  EXPECT_GE(frames[1].payload.size(), many);
  EXPECT_TRUE(stream->finished);
}

TEST(ClientFraming, ARequestGivenUpBeforeItWasSentIsNothingToTheServer) {
  for (const bool released : {false, true}) {
    Connection connection;
    ClientStream* gone = connection.get();
    ClientStream* other = connection.get();
    if (released) {
      connection.framing.release(*gone);
    } else {
      connection.framing.reset(*gone, Code::cancel);
    }
    const std::vector<Frame> frames = frames_of(connection.sent());
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].type, testing::headers);
    EXPECT_EQ(frames[0].stream, static_cast<std::uint32_t>(other->id));
    EXPECT_FALSE(gone->open);
    connection.answer(*other, {{":status", "200"}});
    EXPECT_TRUE(other->answered);
    EXPECT_TRUE(connection.frames(testing::rst_stream).empty());
  }
}

TEST(ClientFraming, AnAnswerThatIsNoneBreaksItsStreamAlone) {
  const auto broken_by = [](auto&& say) {
    Connection connection;
    ClientStream* stream = connection.get();
    ClientStream* other = connection.get();
    connection.sent();
    say(connection, *stream);
    const bool reset = !connection.frames(testing::rst_stream).empty();
    connection.answer(*other, {{":status", "200"}});
    return reset && stream->broken == http::make_error_code(http::BodyFault::malformed) && other->answered;
  };
  EXPECT_TRUE(broken_by([](Connection& to, ClientStream& s) { to.answer(s, {{"x", "1"}}); }));
  EXPECT_TRUE(broken_by([](Connection& to, ClientStream& s) {
    to.answer(s, {{":status", "200"}, {"content-length", "1"}}, false);
    to.body(s, "xy");
  }));
  EXPECT_TRUE(broken_by([](Connection& to, ClientStream& s) {
    to.answer(s, {{":status", "200"}, {"content-length", "3"}}, false);
    to.body(s, "xy", true);
  }));
  EXPECT_TRUE(broken_by([](Connection& to, ClientStream& s) {
    to.answer(s, {{":status", "204"}}, false);
    to.body(s, "x", true);
  }));
  EXPECT_TRUE(broken_by([](Connection& to, ClientStream& s) {
    for (int i = 0; i < 20; ++i) {
      to.answer(s, {{":status", "103"}}, false);
    }
  }));
}

TEST(ClientFraming, ABodyBeforeItsHeadEndsTheConnection) {
  Connection connection;
  ClientStream* stream = connection.get();
  connection.sent();
  connection.body(*stream, "x");
  EXPECT_FALSE(connection.frames(testing::goaway).empty());
  EXPECT_FALSE(stream->answered);
}

TEST(ClientFraming, SaysThatAStreamBeyondTheLastOneWasNotBegun) {
  Connection connection;
  ClientStream* first = connection.get();
  ClientStream* second = connection.get();
  connection.sent();
  connection.feed(frame(testing::goaway, 0, 0, number(static_cast<std::uint32_t>(first->id)) + number(0)));
  EXPECT_TRUE(connection.gone);
  EXPECT_TRUE(second->refused());
  EXPECT_TRUE(first->open);
  EXPECT_EQ(connection.framing.room(), 0U);
  connection.answer(*first, {{":status", "200"}});
  EXPECT_TRUE(first->answered);
}

TEST(ClientFraming, TellsARefusalFromOtherResets) {
  Connection connection;
  ClientStream* refused = connection.get();
  ClientStream* failed = connection.get();
  connection.sent();
  connection.feed(frame(testing::rst_stream, 0, static_cast<std::uint32_t>(refused->id), number(7)) +
                  frame(testing::rst_stream, 0, static_cast<std::uint32_t>(failed->id), number(2)));
  EXPECT_TRUE(refused->refused());
  EXPECT_FALSE(failed->refused());
  EXPECT_FALSE(failed->open);
}

TEST(ClientFraming, SendsABodyAsFarAsTheServersWindowGoes) {
  Connection connection(setting(4, 10));
  ClientStream* stream = connection.get(false);
  const http::Trailers trailers{{"sum", "1"}};
  const std::string bytes(15, 'b');
  stream->sending = bytes;
  stream->last = &trailers;
  connection.framing.resume(*stream);
  EXPECT_EQ(connection.frames(testing::data).at(0).payload.size(), 10U);
  EXPECT_FALSE(stream->idle());
  connection.feed(frame(testing::window_update, 0, static_cast<std::uint32_t>(stream->id), number(100)));
  const auto rest = frames_of(connection.sent());
  EXPECT_EQ(rest.at(0).payload.size(), 5U);
  EXPECT_EQ(rest.at(1).type, testing::headers);
  EXPECT_TRUE(stream->finished);
}

TEST(ClientFraming, SecretsAreKeptOutOfTheTableThatRequestsShare) {
  Connection connection;
  const std::vector<http::Field> fields{{":method", "GET"},
                                        {":scheme", "http"},
                                        {":path", "/"},
                                        {":authority", "a"},
                                        {"authorization", "Basic YWRhOnNlY3JldA=="},
                                        {"Cookie", "session=of-more-than-twenty-bytes"},
                                        {"X-Tallygate-Assertion", "signed"}};
  for (int i = 0; i < 2; ++i) {
    ASSERT_NE(connection.framing.request(&connection, fields, true, false), nullptr);
    const auto heads = connection.frames(testing::headers);
    // 0001xxxx: a literal that nobody may remember (RFC 7541 §6.2.3), the name of the static table or spelt
    // out.
    EXPECT_THAT(heads.at(0).payload, ::testing::HasSubstr("\x1f\x08")) << "authorization";
    EXPECT_THAT(heads.at(0).payload, ::testing::HasSubstr("\x1f\x11")) << "cookie";
    EXPECT_THAT(heads.at(0).payload, ::testing::HasSubstr("\x10"));
  }
}

TEST(ClientFraming, AStreamThatIsLetGoIsCancelled) {
  Connection connection;
  ClientStream* stream = connection.get(false);
  connection.sent();
  connection.framing.release(*stream);
  EXPECT_EQ(connection.frames(testing::rst_stream).at(0).word(), static_cast<std::uint32_t>(Code::cancel));
}

TEST(ClientFraming, AStreamThatIsLetGoBeforeItsHeadWentIsNeverSeen) {
  Connection connection;
  ClientStream* stream = connection.get(false);
  connection.framing.release(*stream);
  for (const Frame& one : frames_of(connection.sent())) {
    EXPECT_NE(one.type, testing::headers);
    EXPECT_NE(one.type, testing::data);
  }
  ClientStream* next = connection.get();
  ASSERT_NE(next, nullptr);
  connection.sent();
  connection.answer(*next, {{":status", "200"}});
  EXPECT_TRUE(next->answered);
}

TEST(ClientFraming, FloodsEndTheConnection) {
  const auto ended_by = [](const std::string& one) {
    Connection connection;
    for (int i = 0; i < 20'000; ++i) {
      if (!connection.feed(one)) {
        return true;
      }
      if (i % 50 == 0) {
        connection.sent();
      }
    }
    return false;
  };
  EXPECT_TRUE(ended_by(frame(testing::settings, 0, 0)));
  EXPECT_TRUE(ended_by(frame(testing::ping, 0, 0, "12345678")));
  EXPECT_TRUE(ended_by(frame(testing::priority, 0, 1, std::string(5, '\0'))));
  EXPECT_TRUE(ended_by(frame(testing::push_promise, end_headers, 1, number(2))));
}

TEST(ClientFraming, ResetsOfStreamsThatAreOverAreAFloodToo) {
  Connection connection;
  ClientStream* stream = connection.get();
  connection.sent();
  const std::string reset = frame(testing::rst_stream, 0, static_cast<std::uint32_t>(stream->id), number(2));
  int sent = 0;
  while (sent < 20'000 && connection.feed(reset)) {
    ++sent;
    connection.sent();
  }
  EXPECT_LT(sent, 20'000);
}

/// Asks, and has the server reset that, so many times; how often until no more is asked.
int resets_until_gone(Connection& connection, int most) {
  for (int i = 0; i < most; ++i) {
    ClientStream* stream = connection.get();
    if (stream == nullptr) {
      return i;
    }
    connection.sent();
    connection.feed(frame(testing::rst_stream, 0, static_cast<std::uint32_t>(stream->id), number(2)));
    connection.framing.release(*stream);
  }
  return most;
}

TEST(ClientFraming, AServerThatResetsAllStreamsOfAConnectionIsAskedOnAnother) {
  Connection connection;
  ClientStream* slow = connection.get();
  EXPECT_EQ(resets_until_gone(connection, 100), 16);
  EXPECT_TRUE(connection.gone);
  EXPECT_EQ(connection.framing.room(), 0U);
  connection.answer(*slow, {{":status", "200"}});
  EXPECT_TRUE(slow->ended) << "what is under way goes on";
}

TEST(ClientFraming, AnAnswerBetweenResetsShowsThatTheConnectionIsWell) {
  Connection connection;
  for (int round = 0; round < 5; ++round) {
    ASSERT_EQ(resets_until_gone(connection, 10), 10);
    ClientStream* stream = connection.get();
    ASSERT_NE(stream, nullptr);
    connection.sent();
    connection.answer(*stream, {{":status", "200"}});
    connection.framing.release(*stream);
  }
  EXPECT_FALSE(connection.gone);
}

TEST(ClientFraming, AHeadWithoutEndEndsTheConnection) {
  Connection connection;
  ClientStream* stream = connection.get();
  connection.sent();
  const auto id = static_cast<std::uint32_t>(stream->id);
  bool more = connection.feed(frame(testing::headers, 0, id, block({{":status", "200"}})));
  for (int i = 0; i < 100'000 && more; ++i) {
    more = connection.feed(frame(testing::continuation, 0, id, block({{"x", std::string(1000, 'y')}})));
  }
  EXPECT_FALSE(more);
}

TEST(ClientFraming, AConnectionThatIsLostEndsItsStreams) {
  Connection connection;
  ClientStream* stream = connection.get();
  connection.sent();
  connection.framing.lose();
  EXPECT_FALSE(stream->open);
  EXPECT_EQ(stream->broken, http::make_error_code(http::BodyFault::cut_short));
  EXPECT_FALSE(stream->refused());
  EXPECT_EQ(connection.get(), nullptr);
  connection.framing.release(*stream);
}

}  // namespace
}  // namespace tallygate::http2
