// What enrolled writers post: how it is read, how fast, how often, and by whom. Nothing here needs a socket.
#include "audit/journal/time_text.hpp"
#include "gateway/review/ingest_judge.hpp"
#include "gateway/review/ingest_keys.hpp"
#include "gateway/review/ingest_rate.hpp"
#include "gateway/review/ingest_request.hpp"
#include "gateway/review/writers_record.hpp"
#include "tests/audit/proof/reference_support.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
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
      {"{\"record\":\"x\",\"source\":\"Z\xC3\xBCrich\"}", "of ASCII; a name with other letters"},
      {R"({"record":"x","source":"g\u0077-\u0661"})", "of ASCII"},
      {R"({"record":"x","source":1})", "'source' must be"},
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

std::string body_of_size(std::size_t size, char filling) {
  const std::string empty = R"({"record":""})";
  return R"({"record":")" + std::string(size - empty.size(), filling) + R"("})";
}

TEST(RecordBody, IsRefusedWhereItIsLongerThanIsRead) {
  EXPECT_TRUE(parse_record_body(body_of_size(ingest_body_max, 'x')));
  EXPECT_EQ(parse_record_body(body_of_size(ingest_body_max + 1, 'x')).error().status, 413U);
}

TEST(RecordBody, IsRecordedWholeOrCutWithItsLengthAndHash) {
  const auto value = [](const std::string& body) {
    std::string out;
    append_record(out, body);
    return boost::json::parse(out);
  };
  const std::string whole = body_of_size(audit::ingest_record_max, 'x');
  EXPECT_EQ(value(whole).as_string(), whole);
  // The last is short enough, but each of its backslashes is escaped once more.
  for (const std::string& body :
       {body_of_size(audit::ingest_record_max + 1, 'x'), body_of_size(ingest_body_max, 'x'),
        body_of_size(audit::ingest_record_max - 1, '\\')}) {
    const auto cut = value(body).as_object();
    EXPECT_EQ(cut.at("bytes").as_int64(), static_cast<std::int64_t>(body.size()));
    EXPECT_EQ(cut.at("sha256").as_string(), reference::hex(reference::sha256(body)));
    EXPECT_TRUE(body.starts_with(std::string_view(cut.at("cut").as_string())));
    EXPECT_LE(boost::json::serialize(cut).size(), audit::ingest_json_max + 128);
  }
}

TEST(RecordBody, TimesAreThoseOfRfc3339) {
  for (const char* good : {"2026-11-25T03:52:32Z", "2024-02-29T00:00:00+05:30", "1990-12-31T23:59:60Z",
                           "2026-11-25T03:52:32.123456789-00:00"}) {
    EXPECT_TRUE(audit::is_rfc3339(good)) << good;
  }
  for (const char* bad :
       {"2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-25t03:52:32Z", "2026-11-25",
        "2026-11-25T24:00:00Z", "2026-11-25T03:52:32", "2026-11-25T03:52:32.Z",
        "2026-11-25T03:52:32.1234567890Z", "2026-11-25T03:52:32+24:00", "2026-11-25T03:52:32Z ", ""}) {
    EXPECT_FALSE(audit::is_rfc3339(bad)) << bad;
  }
}

TEST(SignedMessage, BindsJournalWriterKeyTimeAndTheHashOfTheBody) {
  EXPECT_EQ(audit::ingest_message("uuid", "vault", "k-1", "2026-11-25T03:52:32Z", audit::Digest{}),
            "tallygate record v2\nuuid\nvault\nk-1\n2026-11-25T03:52:32Z\n" + std::string(64, '0') + "\n");
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

const IngestKeys::Time wall{1'790'000'000s};

Submission one_of(const audit::Digest& body, IngestKeys::Time sent = wall) {
  return {body, sent, true};
}

TEST(IngestKeys, TellTheSameFromAnotherAndAreGivenBack) {
  IngestKeys keys;
  audit::Digest one{};
  audit::Digest two{};
  two[0] = 1;
  const Time now{1h};
  EXPECT_EQ(keys.reserve("w", "k", one_of(one), now).state, KeyState::fresh);
  EXPECT_EQ(keys.reserve("w", "k", one_of(one), now).state, KeyState::pending);
  EXPECT_EQ(keys.reserve("w", "k", one_of(two), now).state, KeyState::different);
  EXPECT_EQ(keys.reserve("v", "k", one_of(two), now).state, KeyState::fresh);
  keys.release("w", "k");
  EXPECT_EQ(keys.reserve("w", "k", one_of(two), now).state, KeyState::fresh);
  keys.keep("w", "k", {two, 7, one}, wall);
  keys.keep("w", "k", {one, 8, one}, wall);
  keys.release("w", "k");
  const auto kept = keys.reserve("w", "k", {two, wall - 1h, false}, now);
  EXPECT_EQ(kept.state, KeyState::kept) << "whenever it was signed, it is there";
  EXPECT_EQ(kept.kept.seq, 7U);
  EXPECT_EQ(keys.reserve("w", "k", one_of(one), now).state, KeyState::different);
}

TEST(IngestKeys, AReservationWithoutARecordLapsesForWhatIsSignedAnew) {
  IngestKeys keys;
  const audit::Digest body{};
  const Time now{1h};
  EXPECT_EQ(keys.reserve("w", "k", one_of(body), now).state, KeyState::fresh);
  EXPECT_EQ(keys.reserve("w", "k", one_of(body, wall + 1s), now + 61s).state, KeyState::pending);
  EXPECT_EQ(keys.reserve("w", "k", one_of(body), now + ingest_pending_max).state, KeyState::pending);
  EXPECT_EQ(keys.reserve("w", "k", one_of(body), now + ingest_pending_max + 1s).state, KeyState::untimely)
      << "what was signed once is taken once";
  EXPECT_EQ(keys.reserve("w", "k", one_of(body, wall + 1s), now + ingest_pending_max + 1s).state,
            KeyState::fresh);
}

TEST(IngestKeys, WhatWasNotSignedJustNowIsNotFresh) {
  IngestKeys keys;
  EXPECT_EQ(keys.reserve("w", "k", {{}, wall, false}, Time{}).state, KeyState::untimely);
  keys.miss({}, wall);
  const auto answer = keys.reserve("w", "k", one_of({}), Time{});
  EXPECT_EQ(answer.state, KeyState::untimely) << "it may be among those that nobody knows any more";
  EXPECT_EQ(answer.after, wall);
  EXPECT_EQ(keys.reserve("w", "k", one_of({}, wall + 1ns), Time{}).state, KeyState::fresh);
}

TEST(IngestKeys, WhatIsForgottenOfAClockThatWasAheadShutsNobodyOutUntilThen) {
  IngestKeys keys(1);
  const audit::Digest body{};
  keys.keep("w", "ahead", {body, 1, body}, wall + 87'600h);
  keys.keep("w", "now", {body, 2, body}, wall);
  keys.keep("w", "later", {body, 3, body}, wall + 2h);
  EXPECT_EQ(keys.reserve("w", "new", one_of(body, wall + 2h), Time{}).state, KeyState::fresh);
  EXPECT_EQ(keys.reserve("w", "now", one_of(body, wall), Time{}).state, KeyState::untimely);
  EXPECT_EQ(keys.reserve("w", "ahead", one_of(body, wall + 87'600h), Time{}).state, KeyState::untimely);
}

TEST(IngestKeys, TheOldestOfWhoeverHasMostAreForgottenFirstAndNeverTakenAgain) {
  IngestKeys keys(10);
  const audit::Digest body{};
  keys.keep("quiet", "k", {body, 1, body}, wall);
  for (int i = 0; i < 100; ++i) {
    keys.keep("loud", std::to_string(i), {body, 2, body}, wall + std::chrono::seconds(i));
  }
  EXPECT_EQ(keys.size(), 10U);
  EXPECT_EQ(keys.reserve("quiet", "k", one_of(body), Time{}).state, KeyState::kept);
  EXPECT_EQ(keys.reserve("loud", "91", one_of(body), Time{}).state, KeyState::kept);
  EXPECT_EQ(keys.reserve("loud", "90", one_of(body, wall + 90s), Time{}).state, KeyState::untimely);
  EXPECT_EQ(keys.reserve("loud", "90", one_of(body, wall + 91s), Time{}).state, KeyState::fresh)
      << "signed anew";
}

TEST(IngestKeys, OnlySoManyWaitForTheJournal) {
  IngestKeys keys;
  for (std::size_t i = 0; i < ingest_pending_keys_max; ++i) {
    ASSERT_EQ(keys.reserve("w", std::to_string(i), one_of({}), Time{}).state, KeyState::fresh);
  }
  EXPECT_EQ(keys.reserve("w", "more", one_of({}), Time{}).state, KeyState::crowded);
  keys.release("w", "7");
  EXPECT_EQ(keys.reserve("w", "more", one_of({}), Time{}).state, KeyState::fresh);
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
  // Takes a body out of the first segment, which is sealed; gives what the entry of its retirement says.
  Members retire(std::uint64_t seq) {
    const auto file = journal_.segment_file(0);
    reference::sql_against_triggers(file, "DELETE FROM entry WHERE seq = " + std::to_string(seq));
    return {{"first", "0"},
            {"last", std::to_string(journal_.segment_first() - 1)},
            {"stub", quoted(reference::hex(reference::sha256(reference::read_file(file))))}};
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
    return posted_at(record, key, body, "2026-09-21T14:13:20Z");
  }
  PostedRecord posted_at(const WritersRecord& record, const std::string& key, const std::string& body,
                         const std::string& sent) const {
    PostedRecord one{"vault", key, sent, {}, body, "192.0.2.1"};
    const std::string message =
        audit::ingest_message(record.journal_id(), "vault", key, sent, reference::sha256(body));
    one.signature = reference::base64(key_.sign(message));
    return one;
  }
  IngestVerdict judged(WritersRecord& record, PostedRecord one, WriterRate rate = fast) {
    return judge(std::move(one), {rate, "gw-1"}, record, rates_, {Time{1h}, wall});
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
    EXPECT_EQ(verdict.refusal->writer, "") << "nobody signed it";
    EXPECT_EQ(verdict.refusal->claimed, name);
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
  PostedRecord unsigned_one = posted(record, "", body);
  unsigned_one.signature.clear();
  const auto nobodys = judged(record, unsigned_one);
  EXPECT_EQ(nobodys.refusal->reason, "unsigned") << "not a malformed record of the vault's";
  EXPECT_EQ(nobodys.refusal->writer, "");
  EXPECT_EQ(nobodys.refusal->claimed, "vault");
  answers.insert(nobodys.answer.body);
  EXPECT_EQ(answers.size(), 1U);
}

TEST_F(Writers, WhatTheySignedAndIsNotRightIsPutDownToThem) {
  enrol("vault", "writer", key_.vkey(), "n1");
  auto record = read();
  for (const auto& [one, why] : std::vector<std::pair<PostedRecord, std::string>>{
           {posted(record, "", R"({"record":"x"})"), "Idempotency-Key"},
           {posted(record, "k", "[]"), "one JSON object"},
           {posted_at(record, "k", R"({"record":"x"})", "yesterday"), "X-Tallygate-Time"},
           {posted_at(record, "k", R"({"record":"x"})", "2026-09-21T16:13:20+02:00"), "in UTC"}}) {
    const auto verdict = judged(record, one);
    EXPECT_EQ(verdict.answer.status, 400U);
    EXPECT_THAT(verdict.answer.body, HasSubstr(why));
    ASSERT_TRUE(verdict.refusal);
    EXPECT_EQ(verdict.refusal->reason, "malformed");
    EXPECT_EQ(verdict.refusal->writer, "vault");
  }
}

TEST_F(Writers, ARecordIsTakenOnlyWhereItWasSignedJustNow) {
  enrol("vault", "writer", key_.vkey(), "n1");
  auto record = read();
  const std::string body = R"({"record":"x"})";
  for (const char* sent : {"2026-09-21T14:08:19Z", "2026-09-21T14:13:51Z"}) {
    const auto verdict = judged(record, posted_at(record, "k", body, sent));
    EXPECT_FALSE(verdict.event) << sent;
    EXPECT_EQ(verdict.answer.status, 409U);
    ASSERT_TRUE(verdict.refusal);
    EXPECT_EQ(verdict.refusal->reason, "untimely");
  }
  const auto verdict = judged(record, posted_at(record, "k", body, "2026-09-21T14:08:20.000000001Z"));
  ASSERT_TRUE(verdict.event);
  EXPECT_EQ(verdict.event->sent, "2026-09-21T14:08:20.000000001Z");
  PostedRecord moved = posted(record, "k2", body);
  moved.sent = "2026-09-21T14:13:21Z";
  EXPECT_EQ(judged(record, moved).refusal->reason, "bad-signature");
}

TEST_F(Writers, NobodyWritesUnderSomebodyElsesName) {
  enrol("vault", "writer", key_.vkey(), "n1");
  enrol("old", "writer", Key("old", "another key").vkey(), "n2");
  revoke("old", "n3");
  auto record = read();
  for (const char* source : {"gw-1", " GW-1", "old", "gw.example.com/journal"}) {
    const auto verdict =
        judged(record, posted(record, "k", R"({"record":"x","source":")" + std::string(source) + "\"}"));
    EXPECT_EQ(verdict.answer.status, 403U) << source;
    ASSERT_TRUE(verdict.refusal) << source;
    EXPECT_EQ(verdict.refusal->reason, "source");
    EXPECT_EQ(verdict.refusal->writer, "vault");
  }
  EXPECT_TRUE(judged(record, posted(record, "k1", R"({"record":"x","source":"vault"})")).event);
  EXPECT_TRUE(judged(record, posted(record, "k2", R"({"record":"x","source":"vault-1"})")).event);
}

TEST_F(Writers, WhatWasRecordedBeforeABodyWasRetiredIsNotTakenAgain) {
  enrol("vault", "writer", key_.vkey(), "n1");
  const std::uint64_t seq = journal_.add("ingest.record", {{"writer", R"("vault")"}});
  journal_.checkpoint();
  journal_.seal();
  journal_.add("journal.retire", retire(seq));
  journal_.requests(1);
  journal_.write();
  WritersRecord record(folder_.path);
  EXPECT_TRUE(*record.catch_up());
  const auto verdict = judged(record, posted_at(record, "k", R"({"record":"x"})", "2026-09-21T14:13:25Z"));
  EXPECT_EQ(verdict.answer.status, 409U) << "it may be the one whose body is gone";
  EXPECT_GT(verdict.answer.retry_after_s, 0U);
  const auto later = judge(posted_at(record, "k", R"({"record":"x"})", "2026-09-21T14:15:00Z"),
                           {fast, "gw-1"}, record, rates_, {Time{1h}, wall + 100s});
  EXPECT_TRUE(later.event) << "signed after all that was retired";
}

// The clock goes back as far as it may while the gateway is away, and the entry after what was retired is
// older than those before it.
TEST_F(Writers, AClockSetBackBesideARetirementLetsNothingBeTakenTwice) {
  enrol("vault", "writer", key_.vkey(), "n1");
  const auto second_of = [this] { return wall + std::chrono::seconds(journal_.clock_s - 1'790'000'000); };
  const auto text_of = [](std::chrono::system_clock::time_point time) {
    return audit::time_text(std::chrono::time_point_cast<std::chrono::nanoseconds>(time));
  };
  const std::uint64_t seq = journal_.add("ingest.record", {{"writer", R"("vault")"}});
  const auto taken_at = second_of();
  const std::string sent = text_of(taken_at + ingest_ahead_max);  // as far ahead as may be
  journal_.checkpoint();
  journal_.clock_s -= 6;  // one goes by with the next entry
  journal_.seal();
  journal_.add("journal.retire", retire(seq));
  journal_.requests(1);
  journal_.write();
  WritersRecord record(folder_.path);
  EXPECT_TRUE(*record.catch_up());
  const auto post = [&](const std::string& signed_at) {
    return judge(posted_at(record, "k", R"({"record":"x"})", signed_at), {fast, "gw-1"}, record, rates_,
                 {Time{1h}, taken_at});
  };
  const auto again = post(sent);
  EXPECT_FALSE(again.event) << "it is the one whose body is gone";
  EXPECT_EQ(again.answer.status, 409U);
  const auto later = judge(posted_at(record, "k", R"({"record":"x"})", text_of(taken_at + 37s)),
                           {fast, "gw-1"}, record, rates_, {Time{1h}, taken_at + 37s});
  EXPECT_TRUE(later.event) << "signed after all that may have been taken";
}

// The same after a step of hours, where an entry that is still there tells of it.
TEST_F(Writers, TheLargestTimeOnRecordCountsAndNotTheNewest) {
  enrol("vault", "writer", key_.vkey(), "n1");
  journal_.clock_s += 3'600;
  journal_.add("journal.heartbeat", {{"every", "600"}});
  const std::uint64_t seq = journal_.add("ingest.record", {{"writer", R"("vault")"}});
  const auto taken_at = wall + std::chrono::seconds(journal_.clock_s - 1'790'000'000);
  journal_.checkpoint();
  journal_.clock_s -= 3'600;
  journal_.seal();
  journal_.add("journal.retire", retire(seq));
  journal_.requests(1);
  journal_.write();
  WritersRecord record(folder_.path);
  EXPECT_TRUE(*record.catch_up());
  const std::string sent = audit::time_text(std::chrono::time_point_cast<std::chrono::nanoseconds>(taken_at));
  const auto again = judge(posted_at(record, "k", R"({"record":"x"})", sent), {fast, "gw-1"}, record, rates_,
                           {Time{1h}, taken_at});
  EXPECT_FALSE(again.event);
}

// A step of hours, and nothing that is left tells of it but the entry of the retirement.
class RetiredWriters : public Writers {
 protected:
  using Moment = std::chrono::system_clock::time_point;

  Moment now() const { return wall + std::chrono::seconds(journal_.clock_s - 1'790'000'000); }
  static std::string text_of(Moment time) {
    return audit::time_text(std::chrono::time_point_cast<std::chrono::nanoseconds>(time));
  }
  static std::string times_of(Moment from, Moment to) {
    return "[[" + quoted(text_of(from)) + "," + quoted(text_of(to)) + "]]";
  }
  // A record that is taken a while ahead of the time, sealed, and retired when the clock is right again.
  void record_ahead(std::chrono::seconds by) {
    enrol("vault", "writer", key_.vkey(), "n1");
    journal_.clock_s += by.count();
    seq_ = journal_.add("ingest.record", {{"writer", R"("vault")"}});
    taken_at_ = now();
    journal_.checkpoint();
    journal_.clock_s -= by.count();
    journal_.seal();
    journal_.requests(1);
  }
  WritersRecord retired(const std::string& times) {
    Members what = retire(seq_);
    if (!times.empty()) {
      what["times"] = times;
    }
    journal_.add("journal.retire", what);
    journal_.checkpoint();
    journal_.write();
    WritersRecord record(folder_.path, 3);
    while (!record.catch_up().value()) {
    }
    return record;
  }
  IngestVerdict post_at(WritersRecord& record, Moment time) {
    return judge(posted_at(record, "k", R"({"record":"x"})", text_of(time)), {fast, "gw-1"}, record, rates_,
                 {Time{1h}, time});
  }

  std::uint64_t seq_ = 0;
  Moment taken_at_;
};

TEST_F(RetiredWriters, WhatARetirementSaysOfTheClockLetsNothingBeTakenTwice) {
  record_ahead(3h);
  auto record = retired(times_of(taken_at_ - 3s, taken_at_));
  EXPECT_EQ(post_at(record, taken_at_).answer.status, 409U) << "the clock has come there once more";
  EXPECT_EQ(post_at(record, taken_at_ + 30s).answer.status, 409U) << "it may have been signed ahead";
  EXPECT_EQ(post_at(record, taken_at_ - 5min).answer.status, 409U) << "or some time before";
  EXPECT_TRUE(post_at(record, taken_at_ + 37s).event);
}

TEST_F(RetiredWriters, AClockThatWasYearsAheadShutsNobodyOutButForThatWhile) {
  record_ahead(std::chrono::hours(24 * 3'650));
  auto record = retired(times_of(taken_at_, taken_at_));
  EXPECT_TRUE(post_at(record, now()).event);
  EXPECT_EQ(post_at(record, taken_at_).answer.status, 409U);
}

TEST_F(RetiredWriters, WhereAnEarlierVersionRetiredTheLargestTimeThatIsLeftCounts) {
  record_ahead(3h);
  auto record = retired("");
  EXPECT_EQ(post_at(record, now()).answer.status, 409U);
  EXPECT_TRUE(post_at(record, now() + 40s).event);
}

TEST_F(RetiredWriters, TimesThatCannotBeReadAreNone) {
  record_ahead(std::chrono::hours(24 * 3'650));
  auto record = retired(R"([["2026-01-01T00:00:00.000000000Z","yesterday"]])");
  EXPECT_EQ(post_at(record, now()).answer.status, 409U);
  EXPECT_TRUE(post_at(record, now() + 40s).event);
}

TEST_F(RetiredWriters, WhoIsShutOutForLongIsToldWhereTheOperatorFindsWhatToDo) {
  enrol("vault", "writer", key_.vkey(), "n1");
  journal_.clock_s += 7'200;
  journal_.add("journal.heartbeat", {{"every", "600"}});
  seq_ = journal_.add("ingest.record", {{"writer", R"("vault")"}});
  journal_.checkpoint();
  journal_.clock_s -= 7'200;
  journal_.seal();
  auto record = retired("");
  EXPECT_THAT(post_at(record, now()).answer.body, HasSubstr("SECURITY.md"));
}

// Whoever moves a file away takes no revocation out of the record.
TEST_F(Writers, NobodyIsTakenForEnrolledWhileASegmentIsMissingAndTheRevokedStayRevoked) {
  enrol("vault", "writer", key_.vkey(), "n1");
  journal_.seal();
  revoke("vault", "n2");
  const auto revoked = journal_.segment_file(journal_.segment_first());
  journal_.seal();
  journal_.requests(1);
  journal_.write();
  const auto aside = folder_.path.parent_path() / (folder_.path.filename().string() + ".aside");
  std::filesystem::rename(revoked, aside);
  WritersRecord record(folder_.path);
  for (int i = 0; i < 3; ++i) {
    const auto read = record.catch_up();
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().kind, audit::FailureKind::tampered);
    EXPECT_THAT(read.error().message, HasSubstr(revoked.filename().string() + " is not there"));
  }
  std::filesystem::rename(aside, revoked);
  while (!record.catch_up().value()) {
  }
  EXPECT_EQ(judged(record, posted(record, "k", R"({"record":"x"})")).answer.status, 401U);
}

TEST_F(Writers, NobodyIsTakenForEnrolledWhereARevocationWasMadeAnotherEntry) {
  enrol("vault", "writer", key_.vkey(), "n1");
  revoke("vault", "n2");
  journal_.seal();
  journal_.requests(1);
  journal_.write();
  const auto file = journal_.segment_file(0);
  std::string bytes = reference::read_file(file);
  const auto at = bytes.find(R"("kind":"writer.revoke")");
  ASSERT_NE(at, std::string::npos);
  reference::write_file(file, bytes.replace(at, 22, R"("kind":"writer.rev0ke")"));
  WritersRecord record(folder_.path);
  EXPECT_EQ(record.catch_up().error().kind, audit::FailureKind::tampered);
  EXPECT_EQ(record.enrolments(), nullptr) << "nothing of it was believed";
}

TEST_F(Writers, AnEntryThatIsMissingAndWasNotRetiredIsAnError) {
  enrol("vault", "writer", key_.vkey(), "n1");
  journal_.requests(3);
  journal_.write();
  reference::sql_against_triggers(journal_.segment_file(0), "DELETE FROM entry WHERE seq = 3");
  WritersRecord record(folder_.path);
  const auto read = record.catch_up();
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, audit::FailureKind::tampered);
  EXPECT_THAT(read.error().message, HasSubstr("entry 3 is missing, and was not retired"));
}

TEST_F(Writers, AReceiptIsEnoughToKnowARecord) {
  enrol("vault", "writer", key_.vkey(), "n1");
  auto record = read();
  const auto first = judged(record, posted(record, "k", R"({"record":"x"})"));
  ASSERT_TRUE(first.event);
  record.keep("vault", "k", {first.event->sha256, 6, {}}, wall);
  const auto again = judged(record, posted(record, "k", R"({"record":"x"})"));
  EXPECT_EQ(again.answer.status, 200U);
  EXPECT_THAT(again.answer.body, HasSubstr(R"("seq":6)"));
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
