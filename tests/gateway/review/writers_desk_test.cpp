// A desk that cannot keep up: whoever finds the queue full is told so at once and when to come again, and
// whatever was let in is answered.
#include "gateway/review/writers_desk.hpp"

#include "tests/audit/proof/reference_support.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace tallygate::review {
namespace {

using reference::Folder;
using reference::Journal;
using reference::Key;
using reference::Members;
using ::testing::Each;

constexpr WriterRate unlimited{1'000'000, 1'000'000};
constexpr unsigned soon = 1;  // second, after which somebody is asked to come again

// What a caller of the desk knows of one record it posts.
struct Posting {
  std::string key;
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
    std::filesystem::rename(journal_.segment_file(0), kept_);
    ASSERT_EQ(::mkfifo(pipe_.c_str(), 0600), 0);
    std::filesystem::create_hard_link(pipe_, journal_.segment_file(0));
  }
  void let_go() {
    std::filesystem::rename(kept_, journal_.segment_file(0));
    opened_ = ::open(pipe_.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    ASSERT_GE(opened_, 0);
  }
  ~Desk() override { ::close(opened_); }

  void post(WritersDesk& desk, Posting& posting) {
    const std::string body = R"({"record":"x"})";
    PostedRecord one{"vault", posting.key, {}, body, "192.0.2.1"};
    one.signature = reference::base64(key_.sign(signed_message(journal_id_, "vault", posting.key, body)));
    desk.submit(std::move(one), unlimited, [&posting](const IngestVerdict& verdict) {
      ++posting.answers;
      posting.status = verdict.event ? 0 : verdict.answer.status;
      posting.retry_after_s = verdict.answer.retry_after_s;
      posting.taken += verdict.event ? 1 : 0;
    });
  }

  Folder folder_;
  Journal journal_{folder_.path / "journal"};
  std::filesystem::path kept_ = folder_.path / "kept.db";
  std::filesystem::path pipe_ = folder_.path / "pipe";
  Key key_{"vault", "the vault's key"};
  std::string journal_id_;
  int opened_ = -1;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_ = make_work_guard(io_);
};

TEST_F(Desk, ThatIsFullRefusesAtOnceAndLosesNothingThatItTook) {
  hold_journal();
  WritersDesk desk(io_, WritersRecord(journal_.folder), [](const std::string&) {});
  // The thread takes what waits, once, and then hangs at the journal: no more than twice the queue gets in.
  std::vector<Posting> postings(2 * desk_questions_max + 2);
  std::vector<Posting*> let_in;
  std::vector<unsigned> statuses;
  std::vector<unsigned> retries;
  for (std::size_t i = 0; i < postings.size(); ++i) {
    postings[i].key = "k-" + std::to_string(i);
    post(desk, postings[i]);
    if (postings[i].answers == 0) {
      let_in.push_back(&postings[i]);
    } else {
      statuses.push_back(postings[i].status);
      retries.push_back(postings[i].retry_after_s);
    }
  }
  EXPECT_GE(let_in.size(), desk_questions_max);
  EXPECT_GE(statuses.size(), 2U);
  EXPECT_THAT(statuses, Each(503U));
  EXPECT_THAT(retries, Each(soon));
  AdminAnswer token_answer;
  desk.check_token("Bearer tgr_x", [&](const AdminAnswer& answer, TokenState) { token_answer = answer; });
  EXPECT_EQ(token_answer.status, 503U);
  EXPECT_EQ(token_answer.retry_after_s, soon);

  let_go();
  for (const Posting* posting : let_in) {
    while (posting->answers == 0) {
      io_.run_one();
    }
  }
  // Each is taken, or was told to come again; and whoever does is taken, once.
  for (Posting& posting : postings) {
    ASSERT_TRUE(posting.taken == 1 || (posting.status == 503 && posting.retry_after_s > 0)) << posting.key;
    for (int before = posting.answers; posting.taken == 0; before = posting.answers) {
      post(desk, posting);
      while (posting.answers == before) {
        io_.run_one();
      }
    }
  }
  while (io_.poll() > 0) {
  }
  for (const Posting& posting : postings) {
    EXPECT_EQ(posting.taken, 1) << posting.key;
  }
}

}  // namespace
}  // namespace tallygate::review
