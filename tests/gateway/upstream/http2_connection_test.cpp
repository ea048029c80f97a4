#include "gateway/upstream/http2_connection.hpp"

#include "tests/support/run.hpp"
#include "tests/support/wire.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gtest/gtest.h>

#include <array>

namespace tallygate::upstream {
namespace {

using test::run;

/// SETTINGS that say nothing, and the acknowledgement of ours.
constexpr std::string_view greeting("\0\0\0\4\0\0\0\0\0\0\0\0\4\1\0\0\0\0", 18);
constexpr std::array<http::Field, 4> request{
    {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}}};

class Nobody final : public StreamWatcher {
 public:
  void on_answer() noexcept override { ++told; }
  void on_sent() noexcept override {}
  int told = 0;
};

class Http2ConnectionTest : public testing::Test {
 protected:
  boost::asio::io_context io;
  net::Deadlines deadlines{io};
  net::BufferPool buffers{std::size_t{64} * 1024, 4};
  test::Wire wire{io, deadlines};
  std::shared_ptr<Http2Connection> connection = std::make_shared<Http2Connection>(
      io, deadlines, buffers, std::move(wire.stream_owner),
      Http2Connection::Timeouts{net::Milliseconds{60'000}, net::Milliseconds{60'000}});
  Nobody watcher;

  template <class End>
  void ends_and_sends_nothing_more(End end);
};

/// A stream is held beyond the end of its connection, which comes with `end`.
template <class End>
void Http2ConnectionTest::ends_and_sends_nothing_more(End end) {
  boost::asio::co_spawn(io, connection->run(), boost::asio::detached);
  wire.send(greeting);
  ASSERT_TRUE(run(io, connection->greeted()));
  http2::ClientStream* stream = connection->request(watcher, request, false, false);
  ASSERT_NE(stream, nullptr);
  end();
  io.restart();
  io.run();  // nothing waits any more
  EXPECT_GT(watcher.told, 0);
  EXPECT_FALSE(stream->open);
  wire.received();

  io.restart();
  connection->resume(*stream);
  connection->consume(*stream, 0);
  connection->reset(*stream, http2::Code::cancel);
  EXPECT_EQ(connection->request(watcher, request, true, false), nullptr);
  connection->release(*stream);
  connection->retire();
  EXPECT_EQ(io.poll(), 0U) << "what was begun now would outlive the connection";
  EXPECT_EQ(wire.received(), "");
}

TEST_F(Http2ConnectionTest, ThatTheServerClosedSendsNothingMoreForWhoeverHoldsAStreamOfIt) {
  ends_and_sends_nothing_more([this] { wire.finish(); });
}

TEST_F(Http2ConnectionTest, ThatTheServerBrokeSendsNothingMoreForWhoeverHoldsAStreamOfIt) {
  constexpr std::string_view ping_on_a_stream(
      "\0\0\x08\x06\0\0\0\0\x01"
      "12345678",
      17);
  ends_and_sends_nothing_more([&] { wire.send(ping_on_a_stream); });
}

}  // namespace
}  // namespace tallygate::upstream
