// Events of people who are known, and of newcomers, on their way to the record.

#include "audit/sealing/sealer.hpp"

#include "audit/journal/sqlite_memory.hpp"
#include "audit/journal/uuid.hpp"
#include "audit/sealing/unsealer.hpp"
#include "audit/search/reader.hpp"
#include "tests/audit/support/collector.hpp"
#include "tests/audit/support/home.hpp"
#include "tests/audit/support/memory_scan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <thread>

namespace tallygate::audit {
namespace {

using testing::Collector;
using ::testing::HasSubstr;
using testing::Home;
using testing::Needle;

class Sealing : public ::testing::Test {
 protected:
  void start(const SealerOptions& options = {}) {
    auto journal = Journal::open(home_.options());
    ASSERT_TRUE(journal) << journal.error().message;
    const std::string origin = (*journal)->origin();
    writer_ = std::make_unique<Writer>(std::move(*journal), WriterOptions{}, collector_);
    sealer_ = std::make_unique<Sealer>(origin, *writer_, collector_, options);
  }

  void stop() {
    sealer_.reset();
    writer_.reset();
  }

  Result<std::optional<Writer::Refusal>> submit(std::uintptr_t number, const std::string& who,
                                                const std::string& text = "x") {
    const std::string id = time_uuid(system_clock()()).value();
    const std::string actor = R"({"subject":")" + who + "\"}";
    const std::string request = R"({"path":")" + text + "\"}";
    const std::array<Member, 3> members = {
        {{"actor", actor}, {"client", R"({"address":"192.0.2.7"})"}, {"request", request}}};
    return sealer_->submit({"access.allow", id, members}, Collector::ticket(number), true);
  }

  std::string body(std::uint64_t seq) {
    auto reader = JournalReader::open(home_.journal()).value();
    return reader.entry(seq).value().value();
  }

  Unsealer unsealer() { return Unsealer::open(home_.keyring(), home_.options().kek).value(); }

  Needle needle_of(const std::string& uuid) {
    const auto kek = load_kek(home_.options().kek).value();
    const auto subject = Keyring::open_reading(home_.keyring()).value().subject(uuid, kek).value().value();
    return Needle(subject.key.bytes());
  }

  // Keeps the writer's thread until the promise is kept.
  std::future<void> hold_writer(std::promise<void>& release) {
    auto entered = std::make_shared<std::promise<void>>();
    auto held = entered->get_future();
    thread_ = std::thread([this, &release, entered] {
      static_cast<void>(writer_->perform([&](Journal&) -> Result<std::string> {
        entered->set_value();
        release.get_future().wait();
        return std::string();
      }));
    });
    return held;
  }

  void TearDown() override {
    if (thread_.joinable()) {
      thread_.join();
    }
    stop();
  }

  Home home_;
  Collector collector_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Sealer> sealer_;
  std::thread thread_;
};

TEST_F(Sealing, TwoPeopleHaveTwoKeysAndOneKeepsHisOverAReopening) {
  start();
  std::uintptr_t number = 0;
  for (const char* who : {"alice", "bob", "alice"}) {
    ASSERT_FALSE(submit(++number, who).value());
    ASSERT_EQ(collector_.wait(number).outcome, Outcome::durable);
  }
  stop();
  start();
  ASSERT_FALSE(submit(++number, "alice").value());
  ASSERT_EQ(collector_.wait(number).outcome, Outcome::durable);
  auto open = unsealer();
  std::map<std::string, std::set<std::string>> subjects;
  for (const auto& [one, answer] : collector_.all()) {
    const std::string stored = body(answer.receipt.seq);
    EXPECT_THAT(stored, ::testing::Not(HasSubstr("192.0.2.7")));
    const auto whole = open.unseal(stored);
    ASSERT_TRUE(whole);
    const std::string who = whole->find("alice") != std::string::npos ? "alice" : "bob";
    const auto at = stored.find(R"("subject":")");
    subjects[who].insert(stored.substr(at + 11, 36));
  }
  EXPECT_EQ(subjects["alice"].size(), 1U);
  EXPECT_EQ(subjects["bob"].size(), 1U);
  EXPECT_NE(subjects["alice"], subjects["bob"]);
  EXPECT_EQ(open.subject_of("alice").value(), *subjects["alice"].begin());
  EXPECT_FALSE(open.subject_of("carol").value());
}

TEST_F(Sealing, NewcomersAreRecordedInTheOrderInWhichTheyCame) {
  start();
  std::promise<void> release;
  hold_writer(release).wait();
  constexpr std::uintptr_t count = 60;
  for (std::uintptr_t i = 1; i <= count; ++i) {
    ASSERT_FALSE(submit(i, "person-" + std::to_string(i % 7)).value());
  }
  EXPECT_EQ(sealer_->waiting(), count);
  release.set_value();
  std::uint64_t last = 0;
  for (std::uintptr_t i = 1; i <= count; ++i) {
    const auto answer = collector_.wait(i);
    ASSERT_EQ(answer.outcome, Outcome::durable) << answer.reason;
    EXPECT_GT(answer.receipt.seq, last);
    last = answer.receipt.seq;
  }
}

TEST_F(Sealing, AFullQueueRefusesAndKeepsWhatItTook) {
  SealerOptions options;
  options.waiting_max = 3;
  start(options);
  std::promise<void> release;
  hold_writer(release).wait();
  for (std::uintptr_t i = 1; i <= 3; ++i) {
    ASSERT_FALSE(submit(i, "person-" + std::to_string(i)).value());
  }
  const auto refused = submit(4, "person-4");
  ASSERT_TRUE(refused && *refused);
  EXPECT_EQ((*refused)->outcome, Outcome::overloaded);
  release.set_value();
  for (std::uintptr_t i = 1; i <= 3; ++i) {
    EXPECT_EQ(collector_.wait(i).outcome, Outcome::durable);
  }
  EXPECT_FALSE(collector_.all().contains(4));
}

TEST_F(Sealing, PeopleBeyondTheCacheAreReadAgainUnderTheSameKey) {
  SealerOptions options;
  options.people = 2;
  start(options);
  std::uintptr_t number = 0;
  for (int round = 0; round < 3; ++round) {
    for (int who = 0; who < 5; ++who) {
      ASSERT_FALSE(submit(++number, "person-" + std::to_string(who)).value());
      ASSERT_EQ(collector_.wait(number).outcome, Outcome::durable);
    }
  }
  stop();
  EXPECT_EQ(Keyring::open(home_.keyring()).value().subject_count().value(), 5U);
}

TEST_F(Sealing, AKeyThatCannotBeKeptRefusesTheEvent) {
  start();
  std::filesystem::remove(home_.kek());
  ASSERT_FALSE(submit(1, "alice").value());
  const auto answer = collector_.wait(1);
  EXPECT_EQ(answer.outcome, Outcome::unwritable);
  EXPECT_THAT(answer.reason, HasSubstr("kek"));
  EXPECT_EQ(answer.times, 1);
}

TEST_F(Sealing, WhatWaitsAtTheEndIsStillRecorded) {
  start();
  std::promise<void> release;
  hold_writer(release).wait();
  ASSERT_FALSE(submit(1, "alice").value());
  release.set_value();
  sealer_->close();
  EXPECT_EQ(collector_.wait(1).outcome, Outcome::durable);
  EXPECT_EQ(submit(2, "newcomer").value()->outcome, Outcome::closed);
}

TEST_F(Sealing, WhoHasNoNameIsSealedUnderAnotherKeyInEachSegment) {
  start();
  const auto subject_at = [&](std::uintptr_t number) {
    const std::string id = time_uuid(system_clock()()).value();
    const std::array<Member, 2> members = {
        {{"actor", R"({"method":"anonymous"})"}, {"client", R"({"address":"192.0.2.7"})"}}};
    EXPECT_FALSE(sealer_->submit({"access.allow", id, members}, Collector::ticket(number), true).value());
    const auto answer = collector_.wait(number);
    EXPECT_EQ(answer.outcome, Outcome::durable);
    return read_seal(body(answer.receipt.seq)).value().subject;
  };
  const auto seal = [this] {
    ASSERT_TRUE(writer_->perform([](Journal& journal) -> Result<std::string> {
      EXPECT_TRUE(journal.seal());
      return std::string();
    }));
  };
  const std::string first = subject_at(1);
  EXPECT_EQ(subject_at(2), first);
  seal();
  const std::string second = subject_at(3);
  EXPECT_NE(second, first);
  stop();
  start();
  EXPECT_EQ(subject_at(4), second) << "as long as the segment lasts";
  EXPECT_EQ(unsealer().subject_of("").value(), std::nullopt) << "no name leads to either";
  EXPECT_TRUE(unsealer().knows(first).value());
  seal();
  EXPECT_NE(subject_at(5), second);
}

TEST_F(Sealing, AnErasedPersonsKeyIsNowhereInMemory) {
  start();
  std::uintptr_t number = 0;
  for (const char* who : {"mallory", "mallory", "trent"}) {
    ASSERT_FALSE(submit(++number, who).value());
    ASSERT_EQ(collector_.wait(number).outcome, Outcome::durable);
  }
  const std::string uuid = unsealer().subject_of("mallory").value().value();
  const Needle key = needle_of(uuid);
  EXPECT_GE(key.in_memory(), 1U) << "the scan finds what is there";
  ASSERT_TRUE(writer_->perform([&](Journal& journal) -> Result<std::string> {
    const std::string member = '"' + uuid + '"';
    const std::array<Member, 1> members = {{{"subject", member}}};
    EXPECT_TRUE(journal.begin_erasure(uuid));
    EXPECT_TRUE(journal.append_own("journal.erase", members));
    EXPECT_TRUE(journal.settle_erasures());
    sealer_->forget(uuid);
    return std::string();
  }));
  EXPECT_EQ(key.in_memory(), 0U);
}

TEST_F(Sealing, AnErasedPersonsWrappedKeyIsNowhereInMemoryEither) {
  ASSERT_EQ(sqlite3_shutdown(), SQLITE_OK);
  ASSERT_TRUE(wipe_sqlite_memory());
  start();
  std::uintptr_t number = 0;
  for (const char* who : {"mallory", "trent", "mallory"}) {
    ASSERT_FALSE(submit(++number, who).value());
    ASSERT_EQ(collector_.wait(number).outcome, Outcome::durable);
  }
  const std::string uuid = unsealer().subject_of("mallory").value().value();
  std::optional<Needle> wrapped;
  {
    auto database = Database::open(home_.keyring(), SQLITE_OPEN_READONLY).value();
    auto row = database.prepare("SELECT wrapped FROM subject_key WHERE uuid = ?").value();
    row.bind(1, std::string_view(uuid));
    ASSERT_EQ(row.step(), SQLITE_ROW);
    wrapped.emplace(row.blob(0));
    EXPECT_GE(wrapped->in_memory(), 1U) << "the scan finds what is there";
  }
  ASSERT_TRUE(writer_->perform([&](Journal& journal) -> Result<std::string> {
    const std::string member = '"' + uuid + '"';
    const std::array<Member, 1> members = {{{"subject", member}}};
    EXPECT_TRUE(journal.begin_erasure(uuid));
    EXPECT_TRUE(journal.append_own("journal.erase", members));
    EXPECT_TRUE(journal.settle_erasures());
    sealer_->forget(uuid);
    return std::string();
  }));
  EXPECT_EQ(wrapped->in_memory(), 0U);
}

// The event names somebody whose key is at hand, and a newcomer, for whom it has to wait.
TEST_F(Sealing, WhoIsErasedWhileAnEventWaitsForAnotherPersonIsNotCalledByTheOldName) {
  start();
  ASSERT_FALSE(submit(1, "mallory").value());
  ASSERT_EQ(collector_.wait(1).outcome, Outcome::durable);
  const std::string uuid = unsealer().subject_of("mallory").value().value();
  std::promise<void> release;
  std::promise<void> entered;
  thread_ = std::thread([&] {
    static_cast<void>(writer_->perform([&](Journal& journal) -> Result<std::string> {
      entered.set_value();
      release.get_future().wait();
      const std::string member = '"' + uuid + '"';
      const std::array<Member, 1> members = {{{"subject", member}}};
      EXPECT_TRUE(journal.begin_erasure(uuid));
      sealer_->forget(uuid);
      EXPECT_TRUE(journal.append_own("journal.erase", members));
      EXPECT_TRUE(journal.settle_erasures());
      return std::string();
    }));
  });
  entered.get_future().wait();
  const std::string id = time_uuid(system_clock()()).value();
  const std::array<Member, 1> flood = {
      {{"accounts", R"([{"count":1,"user":"mallory"},{"count":2,"user":"newcomer"}])"}}};
  ASSERT_FALSE(sealer_->submit({"journal.suppress", id, flood}, Collector::ticket(2), true).value());
  for (int i = 0; i < 10'000; ++i) {
    std::this_thread::yield();  // so that the sealer has most likely looked for both and waits for its turn
  }
  release.set_value();
  const auto answer = collector_.wait(2);
  ASSERT_EQ(answer.outcome, Outcome::durable) << answer.reason;
  EXPECT_THAT(body(answer.receipt.seq), ::testing::Not(HasSubstr(uuid)));
  EXPECT_THAT(body(answer.receipt.seq), HasSubstr(unsealer().subject_of("mallory").value().value()));
}

TEST(People, WhoIsForgottenIsForgottenUnderEveryName) {
  People people;
  const auto person = [](const char* uuid) {
    return std::make_shared<const SubjectKey>(SubjectKey{uuid, AesKey::random().value()});
  };
  people.put("alice", person("u-1"));
  people.put("bob", person("u-2"));
  people.put("alice@example.com", person("u-1"));
  people.forget("u-1");
  EXPECT_EQ(people.size(), 1U);
  EXPECT_FALSE(people.find("alice"));
  EXPECT_FALSE(people.find("alice@example.com"));
  EXPECT_TRUE(people.find("bob"));
}

TEST_F(Sealing, AnEventThatIsNotAcceptableIsRefusedAtOnce) {
  start();
  const std::array<Member, 1> members = {{{"actor", "{"}}};
  EXPECT_FALSE(sealer_->submit({"access.allow", "x", members}, Collector::ticket(1), true));
  const std::array<Member, 1> good = {{{"actor", "{}"}}};
  EXPECT_FALSE(sealer_->submit({"access.maybe", "x", good}, Collector::ticket(2), true));
  EXPECT_TRUE(collector_.all().empty());
}

}  // namespace
}  // namespace tallygate::audit
