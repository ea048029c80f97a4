#include "gateway/net/stream.hpp"

#include "tests/support/run.hpp"
#include "tests/support/wire.hpp"

#include <boost/asio/error.hpp>
#include <gtest/gtest.h>

#include <array>

namespace tallygate::net {
namespace {

using test::run;
using test::Wire;

class StreamTest : public testing::Test {
 protected:
  boost::asio::io_context io;
  Deadlines deadlines{io};
  Wire wire{io, deadlines};
  std::array<char, 64> bytes{};
};

TEST_F(StreamTest, ReadsWhatIsThereWithoutWaiting) {
  wire.send("hello");
  ASSERT_FALSE(run(io, wire.stream().readable()));
  const auto io_result = wire.stream().read_now(bytes);
  EXPECT_EQ(io_result.now, Stream::Now::done);
  EXPECT_EQ(std::string_view(bytes.data(), io_result.bytes), "hello");
}

TEST_F(StreamTest, SaysThatItWouldHaveToWait) {
  EXPECT_EQ(wire.stream().read_now(bytes).now, Stream::Now::wait_read);
}

TEST_F(StreamTest, ReportsTheEndOfTheStreamAsZeroBytes) {
  wire.finish();
  const auto got = run(io, wire.stream().read_some(bytes));
  ASSERT_TRUE(got);
  EXPECT_EQ(*got, 0U);
}

TEST_F(StreamTest, AnExpiredDeadlineEndsAWaitWithTimedOut) {
  wire.stream().expires_in(Milliseconds{1});
  boost::asio::post(io, [&] { deadlines.sweep(Clock::now() + Milliseconds{2}); });
  const auto got = run(io, wire.stream().read_some(bytes));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error(), boost::asio::error::timed_out);
}

TEST_F(StreamTest, ALiftedDeadlineDoesNotExpire) {
  wire.stream().expires_in(Milliseconds{1});
  wire.stream().expires_in(Milliseconds{0});
  deadlines.sweep(Clock::now() + std::chrono::hours{1});
  EXPECT_FALSE(wire.stream().timed_out());
}

TEST_F(StreamTest, CancelWakesAWaiterAndEveryLaterOne) {
  boost::asio::post(io, [&] { wire.stream().cancel(); });
  EXPECT_EQ(run(io, wire.stream().read_some(bytes)).error(), boost::asio::error::operation_aborted);
  EXPECT_EQ(run(io, wire.stream().read_some(bytes)).error(), boost::asio::error::operation_aborted);
}

TEST_F(StreamTest, AnIdleConnectionWithBytesOrAnEndIsNoticed) {
  EXPECT_FALSE(wire.stream().has_input());
  wire.send("x");
  ASSERT_FALSE(run(io, wire.stream().readable()));
  EXPECT_TRUE(wire.stream().has_input());
}

TEST_F(StreamTest, AConnectionThatThePeerClosedIsNoticed) {
  wire.finish();
  ASSERT_FALSE(run(io, wire.stream().readable()));
  EXPECT_TRUE(wire.stream().has_input());
}

}  // namespace
}  // namespace tallygate::net
