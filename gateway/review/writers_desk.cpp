#include "gateway/review/writers_desk.hpp"

#include <boost/asio/post.hpp>

#include <chrono>
#include <utility>

namespace tallygate::review {
namespace {

AdminAnswer refused(unsigned status, std::string_view title, unsigned retry_after_s) {
  AdminAnswer answer = problem(status, title);
  answer.retry_after_s = retry_after_s;
  return answer;
}

AdminAnswer token_answer(TokenState state) {
  if (state == TokenState::good || state == TokenState::not_needed) {
    return {};
  }
  AdminAnswer answer =
      problem(401, "A reader's token is needed",
              "Authorization: Bearer tgr_... of a reader that is enrolled; see tallygate keys enrol");
  answer.authenticate = state == TokenState::absent ? "Bearer" : "Bearer error=\"invalid_token\"";
  return answer;
}

}  // namespace

WritersDesk::WritersDesk(boost::asio::io_context& io, WritersRecord record,
                         std::function<void(std::string)> alarm)
    : io_(io), record_(std::move(record)), alarm_(std::move(alarm)), thread_([this] { run(); }) {}

WritersDesk::~WritersDesk() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.request_stop();
  wake_.notify_one();
  thread_.join();
}

void WritersDesk::put(Question question) {
  {
    const std::lock_guard lock(mutex_);
    questions_.push_back(std::move(question));
  }
  wake_.notify_one();
}

void WritersDesk::submit(PostedRecord posted, IngestTerms terms, IngestDone done) {
  std::unique_lock lock(mutex_);
  const bool full = questions_.size() >= desk_questions_max || bytes_ + posted.body.size() > desk_bytes_max;
  bytes_ += full ? 0 : posted.body.size();
  lock.unlock();
  if (full) {
    IngestVerdict verdict;
    verdict.answer = refused(503, "Too many requests at once", 1);
    done(std::move(verdict));
    return;
  }
  put(Post{std::move(posted), std::move(terms), std::move(done)});
}

void WritersDesk::check_token(std::string authorization, TokenDone done) {
  std::unique_lock lock(mutex_);
  const bool full = questions_.size() >= desk_questions_max;
  lock.unlock();
  if (full) {
    done(refused(503, "Too many requests at once", 1), TokenState::refused);
    return;
  }
  put(Token{std::move(authorization), std::move(done)});
}

// Never refused: there is one for each post at most.
void WritersDesk::release(std::string writer, std::string key) {
  put(Release{std::move(writer), std::move(key)});
}

void WritersDesk::keep(const IngestEvent& event, std::uint64_t seq, const audit::Digest& leaf) {
  using std::chrono::system_clock;
  const std::chrono::nanoseconds sent(audit::parse_sent_time(event.sent).value_or(0));
  put(Keep{event.writer, event.key, KeptRecord{event.sha256, seq, leaf},
           system_clock::time_point(std::chrono::duration_cast<system_clock::duration>(sent))});
}

void WritersDesk::run() {
  std::vector<Question> questions;
  while (next(questions)) {
    const auto read = record_.catch_up(stop_.get_token());
    behind_ = read && !*read;
    const bool ready = read && *read;
    const AdminAnswer not_now = ready ? AdminAnswer() : unavailable(read);
    for (Question& question : questions) {
      answer(std::move(question), ready ? nullptr : &not_now);
    }
  }
}

// Waits for questions, or for nothing while the record is still to be read. False: the end.
bool WritersDesk::next(std::vector<Question>& questions) {
  questions.clear();
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return stopping_ || !questions_.empty() || behind_; });
  for (Question& question : questions_) {
    questions.push_back(std::move(question));
  }
  questions_.clear();
  bytes_ = 0;
  return !stopping_;
}

AdminAnswer WritersDesk::unavailable(const audit::Result<bool>& read) {
  if (read) {
    return refused(503, "The record is being read", 2);
  }
  // The same thing is told once, however often somebody asks.
  if (raised_ != read.error().message) {
    raised_ = read.error().message;
    boost::asio::post(io_, [tell = alarm_, what = raised_] { tell(what); });
  }
  return refused(503, "The record cannot be read", 2);
}

void WritersDesk::answer(Question question, const AdminAnswer* unavailable) {
  if (auto* post = std::get_if<Post>(&question)) {
    answer_post(std::move(*post), unavailable);
  } else if (auto* token = std::get_if<Token>(&question)) {
    answer_token(std::move(*token), unavailable);
  } else if (const auto* release = std::get_if<Release>(&question)) {
    record_.keys().release(release->writer, release->key);
  } else if (const auto* keep = std::get_if<Keep>(&question)) {
    record_.keep(keep->writer, keep->key, keep->record, keep->sent);
  }
}

void WritersDesk::answer_post(Post post, const AdminAnswer* unavailable) {
  IngestVerdict verdict;
  if (unavailable != nullptr) {
    verdict.answer = *unavailable;
  } else {
    const IngestTime now{std::chrono::steady_clock::now(), std::chrono::system_clock::now()};
    verdict = judge(std::move(post.posted), post.terms, record_, rates_, now);
  }
  boost::asio::post(
      io_, [done = std::move(post.done), judged = std::move(verdict)]() mutable { done(std::move(judged)); });
}

void WritersDesk::answer_token(Token token, const AdminAnswer* unavailable) {
  const TokenState state =
      unavailable == nullptr ? judge_token(token.authorization, *record_.enrolments()) : TokenState::absent;
  AdminAnswer answer = unavailable == nullptr ? token_answer(state) : *unavailable;
  boost::asio::post(io_, [done = std::move(token.done), state, told = std::move(answer)]() mutable {
    done(std::move(told), state);
  });
}

}  // namespace tallygate::review
