// What enrolled writers post: how it is read, how fast, how often, and by whom. Nothing here needs a socket.
#include "gateway/review/ingest_judge.hpp"
#include "gateway/review/ingest_keys.hpp"
#include "gateway/review/ingest_rate.hpp"
#include "gateway/review/ingest_request.hpp"
#include "gateway/review/writers_record.hpp"
#include "tests/audit/proof/reference_support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tallygate::review {
namespace {

using reference::Folder;
using reference::Journal;
using reference::Key;
using reference::Members;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

using Time = std::chrono::steady_clock::time_point;
constexpr WriterRate fast{1'000, 1'000};

std::string quoted(const std::string& text) {
  return '"' + text + '"';
}

Members merged(Members members, const Members& more) {
  members.insert(more.begin(), more.end());
  return members;
}

std::string token_key(const std::string& token) {
  return "sha256:" + reference::hex(reference::sha256(token));
}

TEST(RecordBody, SaysWhatIsRecordedAndNothingElse) {
  const auto full =
      parse_record_body(R"({"record":{"a":1.5},"source":"vault","time":"2026-02-28T23:59:59.5Z"})");
  ASSERT_TRUE(full) << full.error().detail;
  EXPECT_EQ(full->source, "vault");
  EXPECT_EQ(full->observed, "2026-02-28T23:59:59.5Z");
  EXPECT_TRUE(parse_record_body(R"({"record":"a line"})"));
  const std::vector<std::pair<std::string, std::string>> refused = {
      {R"({"record":"x","more":1})", "'more' is not known"},
      {R"({"source":"x"})", "'record' is missing"},
      {R"({"record":""})", "'record' must be"},
      {R"({"record":[1]})", "'record' must be"},
      {R"({"record":"x","source":""})", "'source' must be"},
      {R"({"record":"x","source":"a\nb"})", "'source' must be"},
      {R"({"record":"x","time":1})", "'time' must be"},
      {R"({"record":"x","record":"y"})", "the same name"},
      {R"({"record":"x"} {})", "something follows"},
      {"{\"record\":\"\xff\"}", "one JSON object"},
      {"", "one JSON object"}};
  for (const auto& [body, why] : refused) {
    const auto read = parse_record_body(body);
    ASSERT_FALSE(read) << body;
    EXPECT_EQ(read.error().status, 400U);
    EXPECT_THAT(read.error().detail, HasSubstr(why)) << body;
  }
}

TEST(RecordBody, IsRefusedWhereItWouldNotFitAnEntry) {
  const auto of_size = [](std::size_t size, char filling) {
    const std::string empty = R"({"record":""})";
    return R"({"record":")" + std::string(size - empty.size(), filling) + R"("})";
  };
  EXPECT_TRUE(parse_record_body(of_size(ingest_body_max, 'x')));
  EXPECT_EQ(parse_record_body(of_size(ingest_body_max + 1, 'x')).error().status, 413U);
  // Each backslash of a pair is escaped once more.
  EXPECT_EQ(parse_record_body(of_size(ingest_body_max - 1, '\\')).error().status, 413U);
}

TEST(RecordBody, TimesAreThoseOfRfc3339) {
  for (const char* good : {"2026-11-25T03:52:32Z", "2024-02-29T00:00:00+05:30", "1990-12-31T23:59:60Z",
                           "2026-11-25T03:52:32.123456789-00:00"}) {
    EXPECT_TRUE(is_rfc3339(good)) << good;
  }
  for (const char* bad :
       {"2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-25t03:52:32Z", "2026-11-25",
        "2026-11-25T24:00:00Z", "2026-11-25T03:52:32", "2026-11-25T03:52:32.Z",
        "2026-11-25T03:52:32.1234567890Z", "2026-11-25T03:52:32+24:00", "2026-11-25T03:52:32Z ", ""}) {
    EXPECT_FALSE(is_rfc3339(bad)) << bad;
  }
}

TEST(SignedMessage, BindsJournalWriterKeyAndEveryByteOfTheBody) {
  EXPECT_EQ(signed_message("uuid", "vault", "k-1", "{}\n"), "tallygate record v1\nuuid\nvault\nk-1\n{}\n");
  EXPECT_FALSE(is_ingest_key("a\nb"));
  EXPECT_FALSE(is_ingest_key(""));
  EXPECT_FALSE(is_ingest_key(std::string(129, 'k')));
  EXPECT_TRUE(is_ingest_key(std::string(128, 'k')));
}

TEST(WriterRates, LetABurstThroughAndThenSoManyASecond) {
  WriterRates rates;
  const WriterRate rate{10, 3};
  const Time start{1h};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(rates.take("a", rate, start), 0ns);
  }
  EXPECT_EQ(rates.take("a", rate, start), 100ms);
  EXPECT_EQ(rates.take("b", rate, start), 0ns);
  EXPECT_EQ(rates.take("a", rate, start + 99ms), 1ms);
  EXPECT_EQ(rates.take("a", rate, start + 100ms), 0ns);
  EXPECT_GT(rates.take("a", rate, start + 100ms), 0ns);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(rates.take("a", rate, start + 1h), 0ns);
  }
  EXPECT_GT(rates.take("a", rate, start + 1h), 0ns);
}

TEST(IngestKeys, TellTheSameFromAnotherAndAreGivenBack) {
  IngestKeys keys;
  audit::Digest one{};
  audit::Digest two{};
  two[0] = 1;
  const Time now{1h};
  EXPECT_EQ(keys.reserve("w", "k", one, now).state, KeyState::fresh);
  EXPECT_EQ(keys.reserve("w", "k", one, now).state, KeyState::pending);
  EXPECT_EQ(keys.reserve("w", "k", two, now).state, KeyState::different);
  EXPECT_EQ(keys.reserve("v", "k", two, now).state, KeyState::fresh);
  keys.release("w", "k");
  EXPECT_EQ(keys.reserve("w", "k", two, now).state, KeyState::fresh);
  keys.keep("w", "k", {two, 7, one});
  keys.keep("w", "k", {one, 8, one});
  keys.release("w", "k");
  const auto kept = keys.reserve("w", "k", two, now);
  EXPECT_EQ(kept.state, KeyState::kept);
  EXPECT_EQ(kept.kept.seq, 7U);
  EXPECT_EQ(keys.reserve("w", "k", one, now).state, KeyState::different);
}

TEST(IngestKeys, AReservationWithoutARecordLapses) {
  IngestKeys keys;
  const audit::Digest body{};
  const Time now{1h};
  EXPECT_EQ(keys.reserve("w", "k", body, now).state, KeyState::fresh);
  EXPECT_EQ(keys.reserve("w", "k", body, now + ingest_pending_max).state, KeyState::pending);
  EXPECT_EQ(keys.reserve("w", "k", body, now + ingest_pending_max + 1s).state, KeyState::fresh);
  EXPECT_EQ(keys.reserve("w", "k", body, now + ingest_pending_max + 2s).state, KeyState::pending);
}

TEST(IngestKeys, TheOldestOfWhoeverHasMostAreForgottenFirst) {
  IngestKeys keys(10);
  const audit::Digest body{};
  keys.keep("quiet", "k", {body, 1, body});
  for (int i = 0; i < 100; ++i) {
    keys.keep("loud", std::to_string(i), {body, 2, body});
  }
  EXPECT_EQ(keys.size(), 10U);
  EXPECT_EQ(keys.reserve("quiet", "k", body, Time{}).state, KeyState::kept);
  EXPECT_EQ(keys.reserve("loud", "91", body, Time{}).state, KeyState::kept);
  EXPECT_EQ(keys.reserve("loud", "90", body, Time{}).state, KeyState::fresh);
}

class Writers : public ::testing::Test {
 protected:
  void enrol(const std::string& name, const std::string& role, const std::string& key,
             const std::string& nonce) {
    const Members what = {{"key", quoted(key)}, {"role", quoted(role)}, {"writer", quoted(name)}};
    journal_.add("writer.enrol", merged(what, journal_.grant("writer.enrol", what, nonce)));
    journal_.checkpoint();
  }
  void revoke(const std::string& name, const std::string& nonce) {
    const Members what = {{"writer", quoted(name)}};
    journal_.add("writer.revoke", merged(what, journal_.grant("writer.revoke", what, nonce)));
    journal_.checkpoint();
  }
  WritersRecord read(std::uint64_t step = WritersRecord::step_entries) {
    journal_.write();
    WritersRecord record(folder_.path, step);
    for (;;) {
      const auto done = record.catch_up();
      EXPECT_TRUE(done) << (done ? "" : done.error().message);
      if (!done || *done) {
        return record;
      }
    }
  }
  PostedRecord posted(const WritersRecord& record, const std::string& key, const std::string& body) const {
    PostedRecord one{"vault", key, {}, body, "192.0.2.1"};
    one.signature = reference::base64(key_.sign(signed_message(record.journal_id(), "vault", key, body)));
    return one;
  }
  IngestVerdict judged(WritersRecord& record, PostedRecord one, WriterRate rate = fast) {
    return judge(std::move(one), rate, record, rates_, Time{1h});
  }

  Folder folder_;
  Journal journal_{folder_.path};
  Key key_{"vault", "the vault's key"};
  WriterRates rates_;
};

TEST_F(Writers, WhatAnEnrolledWriterSignedIsTaken) {
  enrol("vault", "writer", key_.vkey(), "n1");
  auto record = read();
  auto verdict = judged(record, posted(record, "k", R"({"record":"x","time":"2026-11-25T03:52:32Z"})"));
  ASSERT_TRUE(verdict.event) << verdict.answer.body;
  EXPECT_EQ(verdict.event->source, "vault");
  EXPECT_EQ(verdict.event->observed, "2026-11-25T03:52:32Z");
  EXPECT_FALSE(verdict.refusal);
  // Until it is on record, or given back, it is not taken twice.
  verdict = judged(record, posted(record, "k", R"({"record":"x","time":"2026-11-25T03:52:32Z"})"));
  EXPECT_EQ(verdict.answer.status, 409U);
  EXPECT_GT(verdict.answer.retry_after_s, 0U);
  EXPECT_FALSE(verdict.refusal);
}

TEST_F(Writers, EveryoneElseHearsTheSame401AndTheRecordHearsWhy) {
  enrol("vault", "writer", key_.vkey(), "n1");
  enrol("siem", "reader", token_key("tgr_token"), "n2");
  enrol("old", "writer", Key("old", "another key").vkey(), "n3");
  revoke("old", "n4");
  auto record = read();
  const std::string body = R"({"record":"x"})";
  const auto as = [&](const std::string& name) {
    PostedRecord one = posted(record, "k", body);
    one.writer = name;
    return judged(record, one);
  };
  std::set<std::string> answers;
  for (const auto& [name, reason] :
       std::vector<std::pair<std::string, std::string>>{{"nobody", "unknown-writer"},
                                                        {"siem", "not-a-writer"},
                                                        {"old", "revoked"},
                                                        {"", "unknown-writer"}}) {
    const auto verdict = as(name);
    EXPECT_EQ(verdict.answer.status, 401U) << name;
    ASSERT_TRUE(verdict.refusal) << name;
    EXPECT_EQ(verdict.refusal->reason, reason);
    EXPECT_EQ(verdict.refusal->writer, name);
    EXPECT_EQ(verdict.refusal->sha256, reference::hex(reference::sha256(body)));
    answers.insert(verdict.answer.body);
  }
  for (const std::size_t changed : {std::size_t{0}, std::size_t{40}}) {
    PostedRecord one = posted(record, "k", body);
    one.signature[changed] = one.signature[changed] == 'A' ? 'B' : 'A';
    EXPECT_EQ(judged(record, one).refusal->reason, "bad-signature");
  }
  PostedRecord moved = posted(record, "k", body);
  moved.key = "k2";
  const auto verdict = judged(record, moved);
  EXPECT_EQ(verdict.refusal->reason, "bad-signature");
  answers.insert(verdict.answer.body);
  EXPECT_EQ(answers.size(), 1U);
}

TEST_F(Writers, WhatIsOnRecordIsAnsweredFromThere) {
  enrol("vault", "writer", key_.vkey(), "n1");
  const std::uint64_t seq = journal_.add("ingest.record", {{"key", R"("k")"},
                                                           {"record", R"("{\"record\":\"x\"}")"},
                                                           {"signature", R"("")"},
                                                           {"source", R"("vault")"},
                                                           {"writer", R"("vault")"}});
  journal_.checkpoint();
  auto record = read(2);
  const auto again = judged(record, posted(record, "k", R"({"record":"x"})"));
  EXPECT_FALSE(again.event);
  EXPECT_EQ(again.answer.status, 200U);
  EXPECT_EQ(again.answer.body, R"({"leaf":")" + reference::hex(reference::leaf_hash(journal_.bodies[seq])) +
                                   R"(","seq":)" + std::to_string(seq) + "}\n");
  const auto other = judged(record, posted(record, "k", R"({"record":"y"})"));
  EXPECT_EQ(other.answer.status, 409U);
  EXPECT_EQ(other.refusal->reason, "key-reused");
}

TEST_F(Writers, TheRateIsTakenFromWhoeverSignedAndFromNobodyElse) {
  enrol("vault", "writer", key_.vkey(), "n1");
  auto record = read();
  const WriterRate slow{1, 1};
  PostedRecord forged = posted(record, "k", R"({"record":"x"})");
  forged.signature = "AAAA";
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(judged(record, forged, slow).answer.status, 401U);
  }
  EXPECT_TRUE(judged(record, posted(record, "k", R"({"record":"x"})"), slow).event);
  const auto next = judged(record, posted(record, "k2", R"({"record":"x"})"), slow);
  EXPECT_EQ(next.answer.status, 429U);
  EXPECT_EQ(next.answer.retry_after_s, 1U);
  EXPECT_FALSE(next.refusal);
}

TEST_F(Writers, AnEnrolmentWithoutAGoodGrantCountsForNothing) {
  const Members what = {{"key", quoted(key_.vkey())}, {"role", R"("writer")"}, {"writer", R"("vault")"}};
  journal_.add("writer.enrol", what);
  Members other = what;
  other["writer"] = R"("other")";
  journal_.add("writer.enrol", merged(what, journal_.grant("writer.enrol", other, "n1")));
  journal_.add("writer.enrol",
               merged(what, journal_.grant("writer.enrol", what, "n2", "2000-01-01T00:00:00.000000000Z")));
  // A record that quotes such an entry is no such entry.
  journal_.add("ingest.record", {{"record", R"("\"kind\":\"writer.enrol\"")"}, {"writer", R"("vault")"}});
  journal_.checkpoint();
  auto record = read();
  EXPECT_TRUE(record.enrolments()->all().empty());
  EXPECT_EQ(judged(record, posted(record, "k", R"({"record":"x"})")).answer.status, 401U);
}

TEST_F(Writers, AGrantIsUsedOnceAndARevokedNameMayComeAgain) {
  enrol("vault", "writer", key_.vkey(), "n1");
  revoke("vault", "n2");
  enrol("vault", "writer", key_.vkey(), "n1");
  auto record = read();
  EXPECT_EQ(record.enrolments()->find("vault"), nullptr);
  enrol("vault", "writer", Key("vault", "a new key").vkey(), "n3");
  EXPECT_NE(read().enrolments()->find("vault"), nullptr);
}

TEST_F(Writers, TokensAreAskedForOnceAReaderWasEnrolledAndEverAfter) {
  EXPECT_EQ(judge_token("", *read().enrolments()), TokenState::not_needed);
  enrol("siem", "reader", token_key("tgr_token"), "n1");
  const auto record = read();
  const audit::Enrolments& book = *record.enrolments();
  EXPECT_EQ(judge_token("Bearer tgr_token", book), TokenState::good);
  EXPECT_EQ(judge_token("bearer tgr_token", book), TokenState::good);
  EXPECT_EQ(judge_token("", book), TokenState::absent);
  for (const char* bad :
       {"Bearer tgr_other", "Bearer tgr_", "tgr_token", "Basic tgr_token", "Bearer  tgr_token"}) {
    EXPECT_EQ(judge_token(bad, book), TokenState::refused) << bad;
  }
  revoke("siem", "n2");
  const auto later = read();
  EXPECT_EQ(judge_token("Bearer tgr_token", *later.enrolments()), TokenState::refused);
  EXPECT_EQ(judge_token("", *later.enrolments()), TokenState::absent);
}

}  // namespace
}  // namespace tallygate::review
