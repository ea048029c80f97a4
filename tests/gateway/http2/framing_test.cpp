#include "gateway/http2/framing.hpp"

#include "tests/gateway/http2/frames.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace tallygate::http2 {
namespace {

using testing::block;
using ::testing::ElementsAre;
using testing::end_headers;
using testing::end_stream;
using testing::Frame;
using testing::frame;
using testing::frames_of;
using testing::get;
using ::testing::IsEmpty;
using testing::number;
using testing::Pairs;
using testing::post;

constexpr std::size_t plenty = std::size_t{1024} * 1024;

/// A connection whose owner notes what it is told.
class Connection : public Events {
 public:
  explicit Connection(Limits limits = {}) : framing(limits, *this, buffers_) {
    feed(std::string(testing::preface) + frame(testing::settings, 0, 0));
    greeting = frames();
    feed(frame(testing::settings, testing::ack, 0));
  }

  bool feed(std::string_view bytes) {
    const bool more = framing.feed(bytes, now);
    return more;
  }
  bool request(std::uint32_t id, const Pairs& fields, bool ended = true) {
    return feed(frame(testing::headers, static_cast<std::uint8_t>(end_headers | (ended ? end_stream : 0)), id,
                      block(fields)));
  }
  std::vector<Frame> frames() {
    std::string out;
    framing.pull(out, plenty);
    return frames_of(out);
  }
  /// The frames of one type that are to be sent now.
  std::vector<Frame> frames(std::uint8_t type) {
    std::vector<Frame> found = frames();
    std::erase_if(found, [type](const Frame& one) { return one.type != type; });
    return found;
  }
  /// The code that the connection ends with; none if it does not.
  std::optional<std::uint32_t> goaway() {
    const auto found = frames(testing::goaway);
    return found.empty() ? std::nullopt : std::optional(found.back().word(4));
  }
  Stream& stream(std::uint32_t id) { return *streams.at(id); }

  void on_request(Stream& stream) override {
    stream.owner = this;
    streams[static_cast<std::uint32_t>(stream.id)] = &stream;
    requests.push_back(std::string(stream.block.line()));
  }
  void on_body(Stream& /*stream*/) override { ++bodies; }
  void on_sent(Stream& /*stream*/) override { ++sent; }
  void on_reset(Stream& stream) override {
    resets.push_back(static_cast<std::uint32_t>(stream.id));
    busy = framing.busy();
  }
  void on_probe() override { ++probes; }

 private:
  net::BufferPool buffers_{64 * 1024, 4};

 public:
  Framing framing;
  net::Clock::time_point now{std::chrono::hours{1}};
  std::vector<Frame> greeting;
  std::map<std::uint32_t, Stream*> streams;
  std::vector<std::string> requests;
  std::vector<std::uint32_t> resets;
  bool busy = false;  // when a stream was reset
  int bodies = 0;
  int sent = 0;
  int probes = 0;
};

TEST(Framing, SaysItsLimitsFirst) {
  Connection connection;
  ASSERT_FALSE(connection.greeting.empty());
  const Frame& settings = connection.greeting.front();
  ASSERT_EQ(settings.type, testing::settings);
  std::map<std::uint32_t, std::uint32_t> said;
  for (std::size_t at = 0; at < settings.payload.size(); at += 6) {
    said[settings.word(at) >> 16] = settings.word(at + 2);
  }
  EXPECT_EQ(said[3], 100U);                 // SETTINGS_MAX_CONCURRENT_STREAMS
  EXPECT_EQ(said[4], stream_window);        // SETTINGS_INITIAL_WINDOW_SIZE
  EXPECT_EQ(said[6], Limits{}.head.bytes);  // SETTINGS_MAX_HEADER_LIST_SIZE
}

TEST(Framing, TellsOfSeveralRequestsOnOneConnection) {
  Connection connection;
  connection.request(1, get("/one"));
  connection.request(3, get("/two"));
  EXPECT_THAT(connection.requests, ElementsAre("GET /one HTTP/2.0", "GET /two HTTP/2.0"));
  EXPECT_TRUE(connection.stream(3).ended);
}

TEST(Framing, ReadsARequestThatComesByteByByte) {
  Connection connection;
  const std::string bytes =
      frame(testing::headers, end_headers, 1, block(post("/x", {{"content-length", "3"}}))) +
      frame(testing::data, end_stream, 1, "abc");
  for (const char byte : bytes) {
    ASSERT_TRUE(connection.feed({&byte, 1}));
  }
  EXPECT_EQ(connection.stream(1).arrived.readable(), "abc");
  EXPECT_TRUE(connection.stream(1).ended);
}

TEST(Framing, SendsAResponseWithItsBodyAndTrailers) {
  Connection connection;
  connection.request(1, get());
  Stream& stream = connection.stream(1);
  const std::vector<http::Field> fields{{"Content-Type", "text/plain"}};
  connection.framing.respond(stream, fields, 200, false);
  const http::Trailers trailers{{"Sum", "3"}, {"Content-Length", "9"}};
  stream.sending = "hello";
  stream.last = &trailers;
  const auto frames = connection.frames();
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_EQ(frames[0].type, testing::headers);
  EXPECT_EQ(frames[0].flags & end_stream, 0);
  EXPECT_EQ(frames[1].type, testing::data);
  EXPECT_EQ(frames[1].payload, "hello");
  EXPECT_EQ(frames[1].flags & end_stream, 0);
  EXPECT_EQ(frames[2].type, testing::headers);
  EXPECT_NE(frames[2].flags & end_stream, 0);
  EXPECT_TRUE(stream.finished);
  EXPECT_TRUE(stream.idle());
}

TEST(Framing, EndsTheStreamWithTheLastByteWhereThereAreNoTrailers) {
  Connection connection;
  connection.request(1, get());
  Stream& stream = connection.stream(1);
  connection.framing.respond(stream, {}, 200, false);
  EXPECT_EQ(connection.frames().size(), 1U);
  EXPECT_FALSE(stream.finished);
  const http::Trailers none;
  stream.sending = "hello";
  stream.last = &none;
  connection.framing.resume(stream);
  const auto frames = connection.frames();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].flags, end_stream);
  EXPECT_TRUE(stream.finished);
}

TEST(Framing, SendsNoMoreOfABodyThanTheClientHasRoomFor) {
  Connection connection;
  connection.feed(frame(testing::settings, 0, 0, std::string("\0\4", 2) + number(10)));
  connection.request(1, get());
  Stream& stream = connection.stream(1);
  connection.framing.respond(stream, {}, 200, false);
  stream.sending = "a body of more than ten bytes";
  EXPECT_EQ(connection.frames(testing::data).front().payload, "a body of ");
  EXPECT_EQ(stream.sending, "more than ten bytes");
  EXPECT_THAT(connection.frames(), IsEmpty());
  connection.feed(frame(testing::window_update, 0, 1, number(5)));
  EXPECT_EQ(connection.frames(testing::data).front().payload, "more ");
}

TEST(Framing, LetsResponsesTakeTurns) {
  Connection connection;
  const std::string much(100'000, 'x');
  for (const std::uint32_t id : {1U, 3U}) {
    connection.request(id, get());
    connection.framing.respond(connection.stream(id), {}, 200, false);
    connection.stream(id).sending = much;
  }
  std::vector<std::uint32_t> order;
  for (const Frame& one : connection.frames(testing::data)) {
    order.push_back(one.stream);
  }
  ASSERT_GE(order.size(), 4U);  // the window of the connection is 65,535 at first
  EXPECT_NE(order[0], order[1]);
  EXPECT_NE(order[1], order[2]);
}

TEST(Framing, StopsToPullAtWhatIsEnough) {
  Connection connection;
  connection.request(1, get());
  connection.framing.respond(connection.stream(1), {}, 200, false);
  const std::string much(60'000, 'x');
  connection.stream(1).sending = much;
  std::string out;
  connection.framing.pull(out, 20'000);
  EXPECT_GE(out.size(), 20'000U);
  EXPECT_LT(out.size(), 40'000U);
}

TEST(Framing, GivesTheClientRoomOnlyAsItsBodyIsTaken) {
  Connection connection;
  connection.request(1, post(), false);
  const std::string piece(16'384, 'x');
  for (std::uint32_t sent = 0; sent < stream_window; sent += 16'384) {
    connection.feed(frame(testing::data, 0, 1, piece));
  }
  EXPECT_THAT(connection.frames(testing::window_update), IsEmpty());
  Stream& stream = connection.stream(1);
  EXPECT_EQ(stream.arrived.readable().size(), stream_window);
  stream.arrived.consume(stream_window);
  connection.framing.consume(stream, stream_window);
  const auto updates = connection.frames(testing::window_update);
  EXPECT_TRUE(std::any_of(updates.begin(), updates.end(),
                          [](const Frame& one) { return one.stream == 1 && one.word() == stream_window; }));
}

TEST(Framing, RefusesABodyOverTheWindow) {
  Connection connection;
  connection.request(1, post(), false);
  const std::string piece(16'384, 'x');
  for (std::uint32_t sent = 0; sent < stream_window + 16'384; sent += 16'384) {
    connection.feed(frame(testing::data, 0, 1, piece));
  }
  const auto frames = connection.frames();
  EXPECT_TRUE(std::any_of(frames.begin(), frames.end(), [](const Frame& one) {
    return one.type == testing::rst_stream || one.type == testing::goaway;
  }));
  EXPECT_LE(connection.stream(1).arrived.readable().size(), stream_window);
}

TEST(Framing, GivesBackTheRoomOfBodiesThatNobodyWants) {
  Connection connection;
  const std::string piece(16'384, 'x');
  std::uint32_t given = 0;
  for (std::uint32_t id = 1; id < 201; id += 2) {
    connection.request(id, post(), false);
    connection.feed(frame(testing::data, 0, id, piece));
    connection.framing.release(connection.stream(id));
    connection.feed(frame(testing::data, 0, id, piece));  // was on its way already
    for (const Frame& one : connection.frames(testing::window_update)) {
      given += one.stream == 0 ? one.word() : 0;
    }
  }
  EXPECT_GE(given + connection_window, 100U * 2 * 16'384);
}

TEST(Framing, ResetsAStreamWhoseBodyIsNotAsLongAsAnnounced) {
  for (const std::string body : {"ab", "abcd"}) {
    Connection connection;
    connection.request(1, post("/", {{"content-length", "3"}}), false);
    connection.feed(frame(testing::data, end_stream, 1, body));
    EXPECT_EQ(connection.stream(1).broken, http::make_error_code(http::BodyFault::malformed));
    const auto reset = connection.frames(testing::rst_stream);
    ASSERT_EQ(reset.size(), 1U);
    EXPECT_EQ(reset[0].word(), static_cast<std::uint32_t>(Code::protocol_error));
    EXPECT_TRUE(connection.request(3, get("/others-go-on")));
    EXPECT_EQ(connection.requests.size(), 2U);
  }
}

TEST(Framing, TakesTrailersAndLeavesTheHeadAsItWas) {
  Connection connection;
  connection.request(1, post("/x"), false);
  connection.feed(frame(testing::data, 0, 1, "abc"));
  connection.request(1, {{"checksum", "42"}});
  Stream& stream = connection.stream(1);
  EXPECT_TRUE(stream.ended);
  EXPECT_EQ(stream.trailers, (http::Trailers{{"checksum", "42"}}));
  EXPECT_EQ(stream.block.head().target, "/x");
}

TEST(Framing, ResetsAStreamWhoseTrailersAreMalformedOrNotTheEnd) {
  for (const bool ended : {true, false}) {
    Connection connection;
    connection.request(1, post(), false);
    connection.request(1, {{ended ? "authorization" : "checksum", "42"}}, ended);
    EXPECT_EQ(connection.stream(1).broken, http::make_error_code(http::BodyFault::bad_trailer));
    EXPECT_EQ(connection.frames(testing::rst_stream).size(), 1U);
  }
}

TEST(Framing, TellsOfAResetByTheClient) {
  Connection connection;
  connection.request(1, get());
  connection.feed(frame(testing::rst_stream, 0, 1, number(8)));
  EXPECT_THAT(connection.resets, ElementsAre(1U));
  EXPECT_FALSE(connection.stream(1).open);
  connection.framing.respond(connection.stream(1), {}, 200, true);
  EXPECT_THAT(connection.frames(), IsEmpty());
  connection.framing.release(connection.stream(1));
}

TEST(Framing, TellsNothingOfAStreamThatItsOwnerGaveUp) {
  Connection connection;
  connection.request(1, get());
  connection.framing.reset(connection.stream(1), Code::internal_error);
  connection.framing.reset(connection.stream(1), Code::cancel);
  const auto reset = connection.frames(testing::rst_stream);
  ASSERT_EQ(reset.size(), 1U);
  EXPECT_EQ(reset[0].word(), static_cast<std::uint32_t>(Code::internal_error));
  EXPECT_THAT(connection.resets, IsEmpty());
}

TEST(Framing, AsksForNoMoreOfABodyOnceTheAnswerIsWhole) {
  Connection connection;
  connection.request(1, post(), false);
  connection.framing.respond(connection.stream(1), {}, 413, true);
  EXPECT_EQ(connection.frames().size(), 1U);
  connection.framing.release(connection.stream(1));
  const auto reset = connection.frames(testing::rst_stream);
  ASSERT_EQ(reset.size(), 1U);
  EXPECT_EQ(reset[0].word(), static_cast<std::uint32_t>(Code::no_error));
}

TEST(Framing, EndsInTwoStepsSoThatNoRequestIsLost) {
  Connection connection;
  connection.request(1, get());
  connection.framing.announce_end();
  const auto first = connection.frames();
  const auto notice =
      std::find_if(first.begin(), first.end(), [](const Frame& one) { return one.type == testing::goaway; });
  ASSERT_NE(notice, first.end());
  EXPECT_EQ(notice->word(), 0x7fffffffU);
  const auto probe =
      std::find_if(first.begin(), first.end(), [](const Frame& one) { return one.type == testing::ping; });
  ASSERT_NE(probe, first.end());
  connection.request(3, get("/was-on-its-way"));
  connection.feed(frame(testing::ping, testing::ack, 0, probe->payload));
  EXPECT_EQ(connection.probes, 1);
  connection.framing.end();
  EXPECT_EQ(connection.frames(testing::goaway).front().word(), 3U);
  connection.request(5, get("/too-late"));
  EXPECT_EQ(connection.requests.size(), 2U);
  for (const std::uint32_t id : {1U, 3U}) {
    EXPECT_FALSE(connection.framing.over());
    connection.framing.respond(connection.stream(id), {}, 200, true);
    EXPECT_EQ(connection.frames(testing::headers).size(), 1U);
    connection.framing.release(connection.stream(id));
  }
  EXPECT_TRUE(connection.framing.over());
}

TEST(Framing, EndsWithASentenceWhereNoHttp2IsSpoken) {
  net::BufferPool buffers(64 * 1024, 4);
  struct Deaf : Events {
    void on_request(Stream&) override {}
    void on_body(Stream&) override {}
    void on_sent(Stream&) override {}
    void on_reset(Stream&) override {}
    void on_probe() override {}
  } deaf;
  Framing framing({}, deaf, buffers);
  EXPECT_FALSE(framing.feed("GET / HTTP/1.1\r\nHost: a\r\n\r\n", net::Clock::time_point{}));
  std::string out;
  framing.pull(out, plenty);
  EXPECT_TRUE(framing.over());
  EXPECT_EQ(frames_of(out).back().type, testing::goaway);
}

TEST(Framing, APriorityOfTheConnectionEndsIt) {
  Connection connection;
  EXPECT_TRUE(connection.feed(frame(testing::priority, 0, 3, number(1) + "\x10")));
  connection.feed(frame(testing::priority, 0, 0, number(1) + "\x10"));
  EXPECT_EQ(connection.goaway(), 1U);
  EXPECT_TRUE(connection.framing.over());
}

TEST(Framing, ANumberThatWasPassedOverEndsTheConnection) {
  for (const std::uint32_t back : {1U, 3U, 7U, 9U, 11U}) {
    Connection connection;
    connection.request(5, get());
    connection.request(13, get());
    connection.request(back, get());
    EXPECT_EQ(connection.goaway(), 1U) << back;
    EXPECT_EQ(connection.requests.size(), 2U);
  }
}

TEST(Framing, ANumberOfAStreamThatEndedEndsNothing) {
  Connection connection;
  for (const std::uint32_t id : {1U, 5U, 7U}) {
    connection.request(id, get());
    connection.framing.release(connection.stream(id));
  }
  (void)connection.frames();
  for (const std::uint32_t id : {1U, 5U, 7U}) {
    EXPECT_TRUE(connection.request(id, get()));
  }
  EXPECT_EQ(connection.goaway(), std::nullopt);
  EXPECT_EQ(connection.requests.size(), 3U);
}

TEST(Framing, AStreamThatWasRefusedWasNotPassedOver) {
  Limits limits;
  limits.streams = 1;
  Connection connection(limits);
  connection.request(1, post(), false);
  connection.request(3, post(), false);  // one too many
  connection.framing.release(connection.stream(1));
  (void)connection.frames();
  connection.request(5, get());
  connection.request(3, {{"x", "trailer"}});  // on its way before the client knew
  EXPECT_EQ(connection.goaway(), std::nullopt);
}

TEST(Framing, NumbersThatWerePassedOverAreNotKeptWithoutEnd) {
  Connection connection;
  for (std::uint32_t id = 5; id < 5 + 4 * 50; id += 4) {
    connection.request(id, get());
    connection.framing.release(connection.stream(id));
    (void)connection.frames();
  }
  EXPECT_TRUE(connection.request(3, get()));
  EXPECT_EQ(connection.goaway(), std::nullopt) << "it was forgotten";
  connection.request(5 + 4 * 49 - 2, get());
  EXPECT_EQ(connection.goaway(), 1U);
}

TEST(Framing, SaysWhereFramesAreBeingMadeThatNoneMayBeAskedFor) {
  Connection connection;
  connection.request(1, get());
  connection.feed(frame(testing::window_update, 0, 1, number(0x7fffffff)));  // more than a window can hold
  EXPECT_EQ(connection.frames(testing::rst_stream).at(0).word(), 3U);
  EXPECT_THAT(connection.resets, ElementsAre(1U));
  EXPECT_TRUE(connection.busy);
  EXPECT_FALSE(connection.framing.busy());
}

}  // namespace
}  // namespace tallygate::http2
