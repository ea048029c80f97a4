#include "gateway/access/recorder.hpp"

#include "tests/support/fake_plugin.hpp"
#include "tests/support/run.hpp"

#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include <thread>

namespace tallygate::access {
namespace {

using test::run;

tg_bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

tg_event event_of(std::string_view kind) {
  tg_event event{};
  event.size = sizeof event;
  event.kind = bytes_of(kind);
  event.id = bytes_of("019aa3f2-0000-7000-8000-000000000001");
  event.flags = TG_EVENT_AWAITED;
  return event;
}

class RecorderTest : public testing::Test {
 protected:
  RecorderTest() {
    auto host = plugin::PluginHost::attach(plugin.table(), plugin.config(), {});
    recorder.set_host(std::shared_ptr<plugin::PluginHost>(std::move(*host)));
  }
  ~RecorderTest() override { recorder.set_host(nullptr); }

  boost::asio::io_context io;
  net::Deadlines deadlines{io};
  test::FakePlugin plugin;
  Recorder recorder{io, deadlines, net::Milliseconds{1'000}};
};

TEST_F(RecorderTest, AReceiptMeansDurable) {
  const Answer answer = run(io, recorder.wait(recorder.begin(event_of("access.allow"))));
  EXPECT_TRUE(answer.durable());
  ASSERT_EQ(plugin.events().size(), 1U);
  EXPECT_EQ(plugin.events()[0].kind, "access.allow");
}

TEST_F(RecorderTest, ARefusalIsNoReceipt) {
  plugin.refuse_with(TG_OVERLOADED, "full");
  const Answer answer = run(io, recorder.wait(recorder.begin(event_of("access.allow"))));
  EXPECT_FALSE(answer.durable());
  EXPECT_EQ(answer.status, TG_OVERLOADED);
}

TEST_F(RecorderTest, AnswersOfAnotherThreadResumeTheWaiterOnItsOwn) {
  plugin.hold();
  auto pending = recorder.begin(event_of("access.allow"));
  std::thread other([this] { plugin.release(); });
  const Answer answer = run(io, recorder.wait(std::move(pending)));
  other.join();
  EXPECT_TRUE(answer.durable());
}

TEST_F(RecorderTest, APluginThatKeepsSilentIsARefusalAfterTheLimit) {
  plugin.hold();
  recorder.set_limit(net::Milliseconds{0});
  auto pending = recorder.begin(event_of("access.allow"));
  boost::asio::post(io, [this] { deadlines.sweep(net::Clock::now() + net::Milliseconds{1}); });
  const Answer answer = run(io, recorder.wait(std::move(pending)));
  EXPECT_FALSE(answer.durable());
  EXPECT_TRUE(answer.timed_out);
  EXPECT_EQ(recorder.counts().timed_out, 1U);
}

TEST_F(RecorderTest, AnAnswerThatComesTooLateReachesNobody) {
  plugin.hold();
  recorder.set_limit(net::Milliseconds{0});
  auto late = recorder.begin(event_of("access.allow"));
  boost::asio::post(io, [this] { deadlines.sweep(net::Clock::now() + net::Milliseconds{1}); });
  EXPECT_TRUE(run(io, recorder.wait(std::move(late))).timed_out);
  recorder.set_limit(net::Milliseconds{1'000});
  auto next = recorder.begin(event_of("access.deny"));
  EXPECT_EQ(plugin.release(), 2U);
  const Answer answer = run(io, recorder.wait(std::move(next)));
  EXPECT_TRUE(answer.durable());
  EXPECT_EQ(recorder.waiting(), 0U);
}

TEST_F(RecorderTest, WithoutAPluginEverythingIsRefusedAtOnce) {
  recorder.set_host(nullptr);
  auto pending = recorder.begin(event_of("access.allow"));
  ASSERT_TRUE(recorder.ready(pending));
  EXPECT_FALSE(recorder.ready(pending)->durable());
  recorder.forget(std::move(pending));
  EXPECT_EQ(recorder.waiting(), 0U);
}

TEST_F(RecorderTest, AForgottenEventIsStillWritten) {
  plugin.hold();
  recorder.forget(recorder.begin(event_of("access.allow")));
  EXPECT_EQ(plugin.release(), 1U);
  io.run();
  EXPECT_EQ(recorder.waiting(), 0U);
  EXPECT_EQ(plugin.events().size(), 1U);
}

TEST_F(RecorderTest, WhatNobodyWaitsForIsHandedOver) {
  recorder.note(event_of("access.end"));
  EXPECT_EQ(plugin.events().size(), 1U);
}

}  // namespace
}  // namespace tallygate::access
