#pragma once
/// Writers and readers are judged on a thread of its own: neither the record's files nor signatures hold up
/// the listener.
#include "gateway/review/ingest_judge.hpp"
#include "gateway/review/writers_record.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <variant>
#include <vector>

namespace tallygate::review {

/// Questions that wait, at most, and bytes of their bodies; the next is answered 503.
inline constexpr std::size_t desk_questions_max = 512;
inline constexpr std::size_t desk_bytes_max = std::size_t{16} * 1024 * 1024;

/// What came of a token: good or not needed (200), else an answer to send.
using TokenDone = std::function<void(AdminAnswer answer, TokenState state)>;
using IngestDone = std::function<void(IngestVerdict verdict)>;

/// Every question is answered from all entries that were durable when its turn came. While the record is read
/// for the first time the answer is 503 with Retry-After. Threads: all but the constructor on the
/// io_context's; answers and alarms are delivered there. Must not outlive it.
class WritersDesk {
 public:
  /// `alarm` hears why the record cannot be read.
  WritersDesk(boost::asio::io_context& io, WritersRecord record, std::function<void(std::string)> alarm);
  /// Waits for the step that is under way. What was not answered is dropped.
  ~WritersDesk();
  WritersDesk(const WritersDesk&) = delete;
  WritersDesk& operator=(const WritersDesk&) = delete;

  void submit(PostedRecord posted, IngestTerms terms, IngestDone done);
  /// The event of an earlier verdict is on record. What is asked after this is answered from it.
  void keep(const IngestEvent& event, std::uint64_t seq, const audit::Digest& leaf);
  /// The event of an earlier verdict was refused by the journal: its key is free again.
  void release(std::string writer, std::string key);
  void check_token(std::string authorization, TokenDone done);

 private:
  struct Post {
    PostedRecord posted;
    IngestTerms terms;
    IngestDone done;
  };
  struct Release {
    std::string writer;
    std::string key;
  };
  struct Keep {
    std::string writer;
    std::string key;
    KeptRecord record;
    std::chrono::system_clock::time_point sent;
  };
  struct Token {
    std::string authorization;
    TokenDone done;
  };
  using Question = std::variant<Post, Release, Keep, Token>;

  void run();
  [[nodiscard]] bool next(std::vector<Question>& questions);
  void put(Question question);
  void answer(Question question, const AdminAnswer* unavailable);
  void answer_post(Post post, const AdminAnswer* unavailable);
  void answer_token(Token token, const AdminAnswer* unavailable);
  [[nodiscard]] AdminAnswer unavailable(const audit::Result<bool>& read);

  boost::asio::io_context& io_;
  WritersRecord record_;  // the thread's, as the next three
  WriterRates rates_;
  bool behind_ = false;
  std::string raised_;
  std::function<void(std::string)> alarm_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Question> questions_;
  std::size_t bytes_ = 0;  // of the bodies among them
  bool stopping_ = false;
  std::stop_source stop_;  // ends the reading of a large file
  std::thread thread_;     // last: uses all of the above
};

}  // namespace tallygate::review
