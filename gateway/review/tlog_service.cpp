#include "gateway/review/tlog_service.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace tallygate::review {
namespace {

AdminAnswer busy() {
  AdminAnswer answer = problem(503, "Too many requests at once");
  answer.retry_after_s = 1;
  return answer;
}

}  // namespace

TlogService::TlogService(boost::asio::io_context& io, TlogReader reader,
                         std::function<void(std::string)> alarm)
    : io_(io), reader_(std::move(reader)), alarm_(std::move(alarm)), thread_([this] { run(); }) {}

TlogService::~TlogService() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void TlogService::ask(const TlogRequest& request, bool entries, TlogDone done) {
  if (static_cast<std::size_t>(place_.use_count()) > tlog_answers_max) {
    done(busy());
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back({request, entries, std::move(done), place_});
  }
  wake_.notify_one();
}

void TlogService::run() {
  std::optional<Job> job;
  while (next(job)) {
    if (job) {
      AdminAnswer answer = reader_.answer(job->request, job->entries);
      deliver(std::move(*job), std::move(answer));
    } else {
      reader_.advance();
    }
    if (std::string alarm = reader_.take_alarm(); !alarm.empty()) {
      boost::asio::post(io_, [tell = alarm_, what = std::move(alarm)] { tell(what); });
    }
  }
}

// Waits for something to do: a job, or none where the reader has work of its own. False: the end.
bool TlogService::next(std::optional<Job>& job) {
  job.reset();
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return stopping_ || !jobs_.empty() || reader_.behind(); });
  if (!stopping_ && !jobs_.empty()) {
    job = std::move(jobs_.front());
    jobs_.pop_front();
  }
  return !stopping_;
}

void TlogService::deliver(Job job, AdminAnswer answer) {
  answer.lease = std::move(job.lease);
  boost::asio::post(io_, [done = std::move(job.done), answered = std::move(answer)]() mutable {
    done(std::move(answered));
  });
}

}  // namespace tallygate::review
