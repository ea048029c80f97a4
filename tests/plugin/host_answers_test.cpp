/// How the host treats answers, honest and not.
#include "tests/plugin/recording_sink.hpp"
#include "tests/support/fake_plugin.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <thread>

namespace tallygate::plugin {
namespace {

using test::Answered;
using test::event_of;
using test::RecordingSink;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;

auto durable(std::uint32_t slot) {
  return AllOf(Field(&Answered::slot, slot), Field(&Answered::status, TG_OK),
               Field(&Answered::has_receipt, true));
}
auto refused(std::uint32_t slot, tg_status status, const std::string& reason) {
  return AllOf(Field(&Answered::slot, slot), Field(&Answered::status, status),
               Field(&Answered::has_receipt, false), Field(&Answered::reason, reason));
}

std::unique_ptr<PluginHost> opened(const std::string& name, HostOptions options = {}) {
  const auto path = std::filesystem::path(TALLYGATE_BINARY_DIR) / "bin/test-plugins" / (name + ".so");
  auto host = PluginHost::load(path, "{}", [](tg_log_level, std::string_view) {}, options);
  EXPECT_TRUE(host.has_value()) << host.error().message;
  return std::move(*host);
}
std::unique_ptr<PluginHost> attached(const tallygate::test::FakePlugin& fake, HostOptions options = {}) {
  auto host = PluginHost::attach(fake.table(), fake.config(), [](tg_log_level, std::string_view) {}, options);
  EXPECT_TRUE(host.has_value()) << host.error().message;
  return std::move(*host);
}

TEST(PluginAnswers, AReceiptReachesTheSlotThatAskedForIt) {
  tallygate::test::FakePlugin fake;
  RecordingSink sink;
  const auto host = attached(fake);
  host->submit(event_of("access.allow"), sink, 7);
  host->submit(event_of("access.deny"), sink, 9);
  EXPECT_THAT(sink.answers(), ElementsAre(durable(7), durable(9)));
  EXPECT_EQ(sink.answers()[1].seq, 1U);
  EXPECT_EQ(host->counts().outstanding, 0U);
}

TEST(PluginAnswers, ARefusalBringsItsReasonAndNoReceipt) {
  RecordingSink sink;
  const auto host = opened("refuses");
  host->submit(event_of("access.allow"), sink, 3);
  EXPECT_THAT(sink.answers(), ElementsAre(refused(3, TG_UNWRITABLE, "the test disk is full")));
  EXPECT_EQ(host->health().status, TG_UNWRITABLE);
  EXPECT_STREQ(host->health().reason, "the test disk is full");
}

TEST(PluginAnswers, ASecondAnswerIsIgnoredAndCounted) {
  RecordingSink sink;
  const auto host = opened("careless");
  host->submit(event_of("twice"), sink, 1);
  host->submit(event_of("once"), sink, 2);
  EXPECT_THAT(sink.answers(), ElementsAre(durable(1), durable(2)));
  EXPECT_EQ(host->counts().ignored, 1U);
}

TEST(PluginAnswers, AnAnswerAfterItsCallerGaveUpIsIgnoredEvenWhenItsPlaceIsInUseAgain) {
  RecordingSink sink;
  const auto host = opened("careless", {.max_outstanding = 1});
  const Submission late = host->submit(event_of("hold"), sink, 1);
  EXPECT_TRUE(host->abandon(late));
  EXPECT_FALSE(host->abandon(late));
  // The only place is taken again, by an event that is answered before the late answer comes.
  host->submit(event_of("then the held one"), sink, 2);
  EXPECT_THAT(sink.answers(), ElementsAre(durable(2)));
  EXPECT_EQ(host->counts().abandoned, 1U);
  EXPECT_EQ(host->counts().ignored, 1U);
}

TEST(PluginAnswers, AbandoningAnAnsweredSubmissionSaysThatTheAnswerCame) {
  RecordingSink sink;
  const auto host = opened("careless");
  const Submission answered = host->submit(event_of("once"), sink, 1);
  EXPECT_FALSE(host->abandon(answered));
  EXPECT_FALSE(host->abandon(Submission{}));
}

TEST(PluginAnswers, OkWithoutAWholeReceiptIsNotOk) {
  RecordingSink sink;
  const auto host = opened("careless");
  host->submit(event_of("no receipt"), sink, 1);
  host->submit(event_of("short receipt"), sink, 2);
  EXPECT_THAT(sink.answers(), ElementsAre(refused(1, TG_INVALID, "the plugin said TG_OK without a receipt"),
                                          refused(2, TG_INVALID, "the plugin said TG_OK without a receipt")));
}

TEST(PluginAnswers, AStatusThatDoesNotExistIsARefusal) {
  RecordingSink sink;
  const auto host = opened("careless");
  host->submit(event_of("odd status"), sink, 1);
  EXPECT_THAT(sink.answers(), ElementsAre(Field(&Answered::status, TG_INVALID)));
}

TEST(PluginAnswers, AnAnswerWithoutATokenTouchesNothing) {
  RecordingSink sink;
  const auto host = opened("careless");
  host->submit(event_of("no token"), sink, 1);
  EXPECT_THAT(sink.answers(), ElementsAre(durable(1)));
}

TEST(PluginAnswers, MoreThanTheTableHoldsIsRefusedAtOnceAndRoomComesBack) {
  tallygate::test::FakePlugin fake;
  fake.hold();
  RecordingSink sink;
  const auto host = attached(fake, {.max_outstanding = 2});
  host->submit(event_of("a"), sink, 1);
  host->submit(event_of("b"), sink, 2);
  host->submit(event_of("c"), sink, 3);
  EXPECT_THAT(sink.answers(), ElementsAre(refused(3, TG_OVERLOADED, "too many events are under way")));
  EXPECT_EQ(fake.release(), 2U);
  fake.answer_at_once();
  host->submit(event_of("d"), sink, 4);
  EXPECT_THAT(sink.answers(), ElementsAre(refused(3, TG_OVERLOADED, "too many events are under way"),
                                          durable(1), durable(2), durable(4)));
}

TEST(PluginAnswers, AnEventNobodyWaitsForIsCountedWhenItIsNotKept) {
  tallygate::test::FakePlugin fake;
  const auto host = attached(fake, {.max_outstanding = 1});
  host->submit(event_of("access.end"));
  EXPECT_EQ(host->counts().unkept, 0U);
  fake.refuse_with(TG_UNWRITABLE, "no");
  host->submit(event_of("access.end"));
  EXPECT_EQ(host->counts().unkept, 1U);
  fake.hold();
  host->submit(event_of("access.end"));
  host->submit(event_of("access.end"));  // no place left
  EXPECT_EQ(host->counts().unkept, 2U);
}

TEST(PluginAnswers, ClosingCompletesWhatThePluginAccepted) {
  tallygate::test::FakePlugin fake;
  fake.hold();
  RecordingSink sink;
  auto host = attached(fake);
  host->submit(event_of("a"), sink, 1);
  EXPECT_THAT(sink.answers(), IsEmpty());
  host.reset();
  EXPECT_TRUE(fake.closed());
  EXPECT_THAT(sink.answers(), ElementsAre(durable(1)));
}

TEST(PluginAnswers, WhatAPluginLeavesUnansweredAtCloseIsRefusedByTheHostAndLogged) {
  RecordingSink sink;
  std::vector<std::string> lines;
  auto host =
      PluginHost::load(std::filesystem::path(TALLYGATE_BINARY_DIR) / "bin/test-plugins/hangs.so", "{}",
                       [&lines](tg_log_level, std::string_view line) { lines.emplace_back(line); });
  ASSERT_TRUE(host.has_value()) << host.error().message;
  (*host)->submit(event_of("a"), sink, 5);
  EXPECT_TRUE((*host)->abandon((*host)->submit(event_of("b"), sink, 6)));
  EXPECT_EQ((*host)->health().status, TG_OK) << "a plugin that hangs need not know it";
  host->reset();
  EXPECT_THAT(sink.answers(), ElementsAre(refused(5, TG_CLOSED, "the plugin closed without an answer")));
  EXPECT_THAT(lines, ElementsAre("the plugin closed and left 2 events unanswered; it stays loaded until the "
                                 "process ends"));
}

TEST(PluginAnswers, AHealthReasonWithoutAnEndIsTerminated) {
  const auto host = opened("careless");
  EXPECT_EQ(std::string_view(host->health().reason).size(), sizeof(tg_health::reason) - 1);
}

TEST(PluginAnswers, ACppPluginAnswersOnceWhateverItsSubmitDoes) {
  RecordingSink sink;
  const auto host = opened("counter");
  EXPECT_STREQ(host->health().reason, "nothing counted yet");
  host->submit(event_of("count"), sink, 1);
  host->submit(event_of("throw"), sink, 2);
  host->submit(event_of("drop"), sink, 3);
  tg_event refusal = event_of("refuse");
  const tg_member why = {.name = test::bytes_of("why"), .json = test::bytes_of("\"busy\"")};
  refusal.members = &why;
  refusal.member_count = 1;
  host->submit(refusal, sink, 4);
  EXPECT_THAT(sink.answers(),
              ElementsAre(durable(1), refused(2, TG_UNWRITABLE, "the plugin dropped the event"),
                          refused(3, TG_UNWRITABLE, "the plugin dropped the event"),
                          refused(4, TG_OVERLOADED, "\"busy\"")));
  EXPECT_EQ(host->health().entries, 2U);
}

/// Gives every submission an answer from another thread while some are abandoned meanwhile.
class CountingSink : public CompletionSink {
 public:
  explicit CountingSink(std::size_t slots) : answers_(slots) {}
  void complete(std::uint32_t slot, tg_status /*status*/, const tg_receipt* /*receipt*/,
                tg_bytes /*reason*/) noexcept override {
    answers_[slot].fetch_add(1, std::memory_order_relaxed);
  }
  [[nodiscard]] int answers(std::size_t slot) const { return answers_[slot].load(std::memory_order_relaxed); }

 private:
  std::vector<std::atomic<int>> answers_;
};

constexpr std::uint32_t threads = 4;
constexpr std::uint32_t events_each = 20000;
constexpr std::size_t events_all = std::size_t{threads} * events_each;

/// Submits the events of one thread and gives up every third.
void submit_and_abandon(PluginHost& host, CountingSink& sink, std::vector<std::atomic<bool>>& abandoned,
                        std::uint32_t thread) {
  const tg_event event = event_of("access.allow");
  for (std::uint32_t i = 0; i < events_each; ++i) {
    const std::uint32_t slot = (thread * events_each) + i;
    const Submission submission = host.submit(event, sink, slot);
    if (i % 3 == 0) {
      abandoned[slot] = host.abandon(submission);
    }
  }
}

TEST(PluginAnswers, ManyThreadsGetExactlyOneOutcomeForEachSubmission) {
  tallygate::test::FakePlugin fake;
  fake.hold();
  const auto host = attached(fake, {.max_outstanding = 512});
  CountingSink sink(events_all);
  std::vector<std::atomic<bool>> abandoned(events_all);
  std::atomic<std::uint32_t> running{threads};
  std::thread answering([&] {
    while (running.load() != 0 || fake.held() != 0) {
      fake.release();
    }
  });
  std::vector<std::thread> submitting(threads);
  for (std::uint32_t thread = 0; thread < threads; ++thread) {
    submitting[thread] = std::thread([&, thread] {
      submit_and_abandon(*host, sink, abandoned, thread);
      running.fetch_sub(1);
    });
  }
  for (std::thread& thread : submitting) {
    thread.join();
  }
  answering.join();
  std::uint64_t given_up = 0;
  for (std::size_t slot = 0; slot < events_all; ++slot) {
    ASSERT_EQ(sink.answers(slot), abandoned[slot] ? 0 : 1) << "slot " << slot;
    given_up += abandoned[slot] ? 1 : 0;
  }
  EXPECT_EQ(host->counts().outstanding, 0U);
  EXPECT_EQ(host->counts().abandoned, given_up);
  EXPECT_EQ(host->counts().ignored, given_up) << "every abandoned submission was answered late";
}

}  // namespace
}  // namespace tallygate::plugin
