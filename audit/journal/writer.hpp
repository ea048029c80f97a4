#pragma once

#include "audit/journal/acknowledger.hpp"
#include "audit/journal/crowd.hpp"
#include "audit/journal/encode.hpp"
#include "audit/journal/journal.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace tallygate::audit {

/// Limits and habits of a writer.
struct WriterOptions {
  std::size_t pending_max = 65'536;                      ///< events accepted and not yet durable
  std::size_t pending_bytes_max = 128ULL * 1024 * 1024;  ///< their bodies together
  std::size_t batch_max = 1'024;                         ///< entries of one transaction; 1 signs each alone
  std::chrono::milliseconds rider_delay{20};  ///< an event nobody waits for waits at most this long
  /// Under load waiters come back in bursts, and a batch for the first of them costs as much as one for all.
  /// So where of late at least gather_from waited at once, the next batch is begun when as many have come,
  /// or twice as long after the first as the last commit took, at most this long. Zero: never.
  std::chrono::microseconds gather{2'000};
  std::size_t gather_from = 8;
  std::chrono::milliseconds poll{500};         ///< how often an idle writer looks after its files
  std::chrono::milliseconds retry_min{100};    ///< before the first attempt to reopen after a failure
  std::chrono::milliseconds retry_max{1'000};  ///< between further attempts, doubling until then
  int fold_frames = 250;                       ///< WAL frames after which it is folded into the segment
  std::size_t acts_max = 16;                   ///< acts that wait for their turn
};

/// How an event ended.
enum class Outcome {
  durable,
  overloaded,  ///< the queue is full; nothing was kept
  unwritable,  ///< it was not acknowledged and never will be
  closed,      ///< the writer is closing
  invalid      ///< it cannot be encoded, which shows only after it was accepted
};

/// What a submitter wants back with the outcome: a function to be cast to its real type by the sink, and a
/// token.
struct Ticket {
  void (*function)() = nullptr;
  void* token = nullptr;
};

struct Completion {
  Ticket ticket;
  Outcome outcome = Outcome::unwritable;
  Receipt receipt;  ///< where durable
};

/// Takes what became of accepted events, one batch a call. Called with nothing locked, on one of the writer's
/// two threads, at times on both at once; must not block, throw, or close the writer. May submit.
class CompletionSink {
 public:
  virtual ~CompletionSink() = default;
  virtual void completed(std::span<const Completion> completions, std::string_view reason) noexcept = 0;
};

enum class WriterMessage { info, warning, error };

/// Where the writer tells a person what happens to it: failures, recoveries, a WAL that readers keep from
/// folding. Called on the writer's committing thread.
using WriterLog = std::function<void(WriterMessage, std::string_view)>;

/// Upper bounds of the buckets of WriterHealth::commit_us, in microseconds; the last bucket has none.
inline constexpr std::array<std::uint64_t, 13> commit_bounds_us = {
    50, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 102400, 1000000};

struct WriterHealth {
  bool good = false;
  std::string reason;  ///< why not, and what would mend it
  std::uint64_t queued = 0;
  std::uint64_t entries = 0;
  std::uint64_t batches = 0;
  std::uint64_t failures = 0;
  std::uint64_t newest_seq = 0;
  std::uint64_t commit_us_sum = 0;
  std::array<std::uint64_t, commit_bounds_us.size() + 1> commit_us{};
};

/// Writes a journal: one thread commits, another one acknowledges in head while the next batch is under way.
/// Group commit by natural queueing: whoever arrives while a batch is under way shares the next. Events
/// nobody waits for ride along, and start no batch of their own for `rider_delay`. After a failure every
/// event is refused until the journal has been opened again and checked, which is tried by itself until it
/// succeeds. submit() and health() are thread-safe.
class Writer {
 public:
  struct Refusal {
    Outcome outcome = Outcome::unwritable;
    std::string reason;
  };

  /// Starts the thread. `sink` must outlive the writer.
  Writer(std::unique_ptr<Journal> journal, const WriterOptions& options, CompletionSink& sink,
         WriterLog log = {});
  /// As close().
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Hands over one event; never blocks on a disk. Where nothing is returned the sink will be called for
  /// `ticket` exactly once; otherwise it never will.
  [[nodiscard]] std::optional<Refusal> submit(EncodedEvent event, Ticket ticket, bool awaited);

  /// How the writer is; never blocks on a disk.
  [[nodiscard]] WriterHealth health() const;

  /// Lets an idle writer do at once what it would do after `poll` or `retry_max`: look after its files,
  /// record a heartbeat where one is due, try to reopen. Tests that move their clock call it.
  void poke();

  /// Something to be done to the journal between two batches: gives what the caller asked for.
  using Act = std::function<Result<std::string>(Journal&)>;

  /// Runs `act` on the writer's thread when everything before it is acknowledged, and waits for its answer:
  /// events that arrive meanwhile are kept. Errors: locked (more than `acts_max` are waiting), unreadable
  /// (the journal has failed, or is closing), and what `act` gives. Not to be called by the sink.
  Result<std::string> perform(Act act);

  /// Accepts nothing more, completes everything accepted, folds the WAL, ends the thread. Once; not by the
  /// sink.
  void close();

  /// seq of the first entry of the segment that is open, or was a moment ago. Thread-safe.
  [[nodiscard]] std::uint64_t segment_first() const { return segment_first_.load(std::memory_order_relaxed); }

  /// The value of `gateway` for encode().
  [[nodiscard]] const std::string& gateway_json() const { return gateway_json_; }

 private:
  struct Pending {
    EncodedEvent event;
    Ticket ticket;
    bool awaited = false;
  };
  using Steady = std::chrono::steady_clock;

  struct Batch {
    std::string note;
    std::vector<Completion> completions;
    std::size_t bytes = 0;
    std::size_t awaited = 0;
    Steady::time_point begun;
  };

  struct PendingAct {
    Act act;
    std::promise<Result<std::string>> answer;
  };

  void run();
  void perform_all(std::vector<PendingAct>& acts);
  void keep_house();
  [[nodiscard]] bool settled();
  bool wait_for_work(std::unique_lock<std::mutex>& lock);
  void begin_early(std::unique_lock<std::mutex>& lock);
  void commit_all(std::vector<Pending>& taken);
  [[nodiscard]] std::chrono::microseconds patience_after(Steady::duration commit) const;
  bool commit(std::span<Pending> pending);
  bool acknowledge(Batch& batch);
  void settle(Batch& batch, const Failure* failure);
  void refuse(std::span<Pending> pending, std::string_view reason);
  void enter_failure(const Failure& failure);
  void try_recovery();
  void look_after();
  void fold(int frames);
  void beat();
  void count(Steady::time_point begun, std::size_t entries, std::uint64_t newest);
  void count_failure();
  void say(WriterMessage level, std::string_view message) const;

  const WriterOptions options_;
  CompletionSink& sink_;
  const WriterLog log_;
  std::string gateway_json_;
  std::atomic<std::uint64_t> segment_first_{0};  // written by the writer's thread only

  mutable std::mutex mutex_;  // guards the queue and the state
  std::condition_variable wake_;
  std::vector<Pending> queue_;
  std::vector<Pending> forming_;  // of the next batch, in its transaction already; the writer's thread adds
  std::vector<PendingAct> acts_;
  std::size_t awaited_ = 0;              // of those in queue_ and forming_
  std::size_t unanswered_ = 0;           // waiters in queue_, forming_ and the batches under way
  Crowd crowd_;                          // of those, of late
  std::chrono::microseconds gather_{0};  // how long the next batch may be kept
  Steady::time_point gather_until_;      // for the batch that is forming
  std::size_t pending_ = 0;              // queue_, forming_ and the batches under way
  std::size_t pending_bytes_ = 0;
  Steady::time_point rider_deadline_;
  bool sleeping_ = false;    // the writer waits and must be woken for an awaited event
  bool long_sleep_ = false;  // and knows of no rider either
  bool poked_ = false;
  bool closing_ = false;
  bool failed_ = false;          // written by the writer's thread only
  bool unacknowledged_ = false;  // the acknowledger failed, the writer has not seen it yet
  std::string reason_;
  WriterHealth counters_;

  // The rest belongs to the writer's thread.
  std::unique_ptr<Journal> journal_;
  std::size_t added_ = 0;                 // of the batch that is taken up, those that are in its transaction
  std::optional<Failure> early_failure_;  // of a batch that was forming
  std::vector<Receipt> receipts_;
  std::string cause_;  // of the failure that lasts, for the record
  std::chrono::milliseconds retry_{0};
  Steady::time_point next_look_;
  Steady::time_point next_fold_;
  Steady::time_point next_house_;
  bool wal_warned_ = false;
  Acknowledger<Batch> acknowledger_;
  std::thread thread_;
};

}  // namespace tallygate::audit
