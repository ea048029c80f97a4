#pragma once
/// The transparency log on a thread of its own: SQLite and a tree that is still to be made never hold up the
/// listener.
#include "gateway/review/http_answer.hpp"
#include "gateway/review/tlog_path.hpp"
#include "gateway/review/tlog_reader.hpp"

#include <boost/asio/io_context.hpp>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace tallygate::review {

/// Requests that wait or whose answers are being sent, at most; the next is answered 503. Bounds the memory:
/// a bundle of entries has 16 MiB at most.
inline constexpr std::size_t tlog_answers_max = 8;

/// Called once with the answer.
using TlogDone = std::function<void(AdminAnswer)>;

/// Threads: ask() on the io_context's only; answers and alarms are delivered there. Must not outlive it.
class TlogService {
 public:
  /// `alarm` hears what was found wrong with the record.
  TlogService(boost::asio::io_context& io, TlogReader reader, std::function<void(std::string)> alarm);
  /// Waits for the step that is under way. What was not answered is dropped.
  ~TlogService();
  TlogService(const TlogService&) = delete;
  TlogService& operator=(const TlogService&) = delete;

  /// `entries`: whether bundles of entries are shown.
  void ask(const TlogRequest& request, bool entries, TlogDone done);

 private:
  struct Job {
    TlogRequest request;
    bool entries = false;
    TlogDone done;
    std::shared_ptr<const void> lease;
  };
  void run();
  [[nodiscard]] bool next(std::optional<Job>& job);
  void deliver(Job job, AdminAnswer answer);

  boost::asio::io_context& io_;
  TlogReader reader_;  // the thread's
  std::function<void(std::string)> alarm_;
  std::shared_ptr<const int> place_ = std::make_shared<const int>(0);  // copies are places that are taken

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::thread thread_;  // last: uses all of the above
};

}  // namespace tallygate::review
