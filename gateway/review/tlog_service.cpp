#include "gateway/review/tlog_service.hpp"

#include <boost/asio/post.hpp>

#include <exception>
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
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (jobs_.empty()) {
      if (!reader_.behind()) {
        wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
        continue;
      }
      lock.unlock();
      reader_.advance();
    } else {
      Job job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      AdminAnswer answer = reader_.answer(job.request, job.entries);
      deliver(std::move(job), std::move(answer));
    }
    if (std::string alarm = reader_.take_alarm(); !alarm.empty()) {
      boost::asio::post(io_, [tell = alarm_, what = std::move(alarm)] { tell(what); });
    }
    lock.lock();
  }
}

void TlogService::deliver(Job job, AdminAnswer answer) {
  answer.lease = std::move(job.lease);
  boost::asio::post(io_, [done = std::move(job.done), answered = std::move(answer)]() mutable {
    done(std::move(answered));
  });
}

}  // namespace tallygate::review
