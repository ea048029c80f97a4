// A desk that cannot keep up: whoever finds the queue full is told so at once and when to come again, and
// whatever was let in is answered.
#include "gateway/review/writers_desk.hpp"

#include "audit/journal/time_text.hpp"
#include "tests/audit/proof/reference_support.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tallygate::review {
namespace {

using reference::Folder;
using reference::Journal;
using reference::Key;
using reference::Members;

const IngestTerms unlimited{{1'000'000, 1'000'000}, "gw"};
constexpr unsigned soon = 1;  // second, after which somebody is asked to come again

// What a caller of the desk knows of one record it posts.
struct Posting {
  std::string key;
  std::string sent;
  std::string signature;
  int answers = 0;
  unsigned status = 0;
  unsigned retry_after_s = 0;
  int taken = 0;
};

class Desk : public ::testing::Test {
 protected:
  Desk() {
    Members what = {{"key", '"' + key_.vkey() + '"'}, {"role", "\"writer\""}, {"writer", "\"vault\""}};
    const Members grant = journal_.grant("writer.enrol", what, "n1");
    what.insert(grant.begin(), grant.end());
    journal_.add("writer.enrol", what);
    journal_.checkpoint();
    journal_.write();
    WritersRecord record(journal_.folder);
    EXPECT_TRUE(record.catch_up());
    journal_id_ = record.journal_id();
  }

  // Whoever opens the journal waits, as for a disk that hangs, until let_go().
  void hold_journal() {
    ASSERT_EQ(::sqlite3_open(journal_.segment_file(0).c_str(), &holder_), SQLITE_OK);
    ASSERT_EQ(
        run("PRAGMA journal_mode=WAL; PRAGMA locking_mode=EXCLUSIVE; INSERT INTO leaf VALUES (99, x'00')"),
        SQLITE_OK);
  }
  void let_go() { ASSERT_EQ(run("PRAGMA locking_mode=NORMAL; SELECT count(*) FROM entry"), SQLITE_OK); }
  ~Desk() override { ::sqlite3_close(holder_); }

  int run(const char* script) { return ::sqlite3_exec(holder_, script, nullptr, nullptr, nullptr); }

  void sign(Posting& posting, std::string key) const {
    posting.key = std::move(key);
    posting.sent = audit::time_text(std::chrono::system_clock::now());
    posting.signature = reference::base64(key_.sign(
        audit::ingest_message(journal_id_, "vault", posting.key, posting.sent, reference::sha256(body))));
  }
  void post(WritersDesk& desk, Posting& posting) {
    PostedRecord one{"vault", posting.key, posting.sent, posting.signature, body, "192.0.2.1"};
    desk.submit(std::move(one), unlimited, [&posting](const IngestVerdict& verdict) {
      ++posting.answers;
      posting.status = verdict.event ? 0 : verdict.answer.status;
      posting.retry_after_s = verdict.answer.retry_after_s;
      posting.taken += verdict.event ? 1 : 0;
    });
  }

  // Whoever was not taken comes again, no more at once than there is room for, and is answered. False:
  // nobody.
  bool ask_again(WritersDesk& desk, std::vector<Posting>& postings) {
    std::vector<std::pair<Posting*, int>> asked;
    for (Posting& posting : postings) {
      if (posting.taken == 0 && asked.size() < desk_questions_max) {
        asked.emplace_back(&posting, posting.answers);
        sign(posting, std::move(posting.key));
        post(desk, posting);
      }
    }
    for (const auto& [posting, before] : asked) {
      while (posting->answers == before) {
        io_.run_one();
      }
    }
    return !asked.empty();
  }

  static constexpr const char* body = R"({"record":"x"})";
  Folder folder_;
  Journal journal_{folder_.path / "journal"};
  Key key_{"vault", "the vault's key"};
  std::string journal_id_;
  sqlite3* holder_ = nullptr;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_ = make_work_guard(io_);
};

TEST_F(Desk, ThatIsFullRefusesAtOnceAndLosesNothingThatItTook) {
  // The thread takes all that waits at once, and is at the journal meanwhile: sooner or later nothing more
  // gets in.
  constexpr std::size_t rounds_max = 12;
  std::vector<Posting> postings(rounds_max * desk_questions_max);
  for (std::size_t i = 0; i < postings.size(); ++i) {
    sign(postings[i], "k-" + std::to_string(i));
  }
  hold_journal();
  WritersDesk desk(io_, WritersRecord(journal_.folder), [](const std::string&) {});
  std::vector<Posting*> let_in;
  std::size_t posted = 0;
  bool token_refused = false;
  while (!token_refused && posted < postings.size()) {
    Posting& posting = postings[posted++];
    post(desk, posting);
    if (posting.answers == 0) {
      let_in.push_back(&posting);
      continue;
    }
    EXPECT_EQ(posting.status, 503U);
    EXPECT_EQ(posting.retry_after_s, soon);
    const auto answer = std::make_shared<AdminAnswer>();
    answer->status = 0;
    desk.check_token("Bearer tgr_x", [answer](const AdminAnswer& told, TokenState) { *answer = told; });
    token_refused = answer->status == 503U;
    EXPECT_TRUE(!token_refused || answer->retry_after_s == soon);
  }
  EXPECT_TRUE(token_refused);
  EXPECT_GE(let_in.size(), desk_questions_max);
  postings.resize(posted);

  let_go();
  for (const Posting* posting : let_in) {
    while (posting->answers == 0) {
      io_.run_one();
    }
  }
  // Each is taken, or was told to come again; and whoever does, and signs anew, is taken, once.
  for (const Posting& posting : postings) {
    ASSERT_TRUE(posting.taken == 1 || (posting.status == 503 && posting.retry_after_s > 0)) << posting.key;
  }
  while (ask_again(desk, postings)) {
  }
  while (io_.poll() > 0) {
  }
  for (const Posting& posting : postings) {
    EXPECT_EQ(posting.taken, 1) << posting.key;
  }
}

}  // namespace
}  // namespace tallygate::review
