#include "audit/journal/writer.hpp"

#include <algorithm>
#include <utility>

namespace tallygate::audit {
namespace {

// The journal may grow a WAL of this many times fold_frames before a person is told that some reader holds
// it.
constexpr int wal_warning_factor = 16;
// A heartbeat is recorded when nine tenths of its interval have passed, so that the gap never exceeds it.
constexpr int beat_numerator = 9;
constexpr int beat_denominator = 10;
// After a fold that failed.
constexpr std::chrono::seconds fold_retry{1};

std::size_t bucket(std::uint64_t microseconds) {
  const auto* bound = std::find_if(commit_bounds_us.begin(), commit_bounds_us.end(),
                                   [&](std::uint64_t limit) { return microseconds <= limit; });
  return static_cast<std::size_t>(bound - commit_bounds_us.begin());
}

WriterOptions sane(WriterOptions options) {
  options.batch_max = std::max<std::size_t>(options.batch_max, 1);
  options.pending_max = std::max(options.pending_max, options.batch_max);
  return options;
}

}  // namespace

Writer::Writer(std::unique_ptr<Journal> journal, const WriterOptions& options, CompletionSink& sink,
               WriterLog log)
    : options_(sane(options)),
      sink_(sink),
      log_(std::move(log)),
      gateway_json_(journal->gateway_json()),
      crowd_(options_.gather_from),
      journal_(std::move(journal)),
      next_look_(Steady::now() + options.poll),
      acknowledger_([this](std::string_view note) { return journal_->acknowledge(note); },
                    [this](Batch& batch, const Failure* failure) { settle(batch, failure); },
                    [this] {
                      {
                        const std::lock_guard lock(mutex_);
                        unacknowledged_ = true;
                      }
                      wake_.notify_one();
                    }) {
  counters_.newest_seq = journal_->size() - 1;
  segment_first_ = journal_->segment_first();
  thread_ = std::thread(&Writer::run, this);
}

Writer::~Writer() {
  close();
}

std::optional<Writer::Refusal> Writer::submit(EncodedEvent event, Ticket ticket, bool awaited) {
  const std::size_t bytes = event.size();
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (closing_) {
      return Refusal{Outcome::closed, "the journal is closing"};
    }
    if (failed_) {
      return Refusal{Outcome::unwritable, reason_};
    }
    if (pending_ >= options_.pending_max || pending_bytes_ + bytes > options_.pending_bytes_max) {
      return Refusal{Outcome::overloaded, "the journal's queue is full"};
    }
    if (queue_.empty()) {
      rider_deadline_ = Steady::now() + options_.rider_delay;
      wake = long_sleep_ && !awaited;
    }
    queue_.push_back({std::move(event), ticket, awaited});
    unanswered_ += awaited ? 1 : 0;
    ++pending_;
    pending_bytes_ += bytes;
    if (awaited && awaited_++ == 0) {
      gather_until_ = crowd_.goal() != 0 ? Steady::now() + gather_ : Steady::time_point::min();
    }
    // The first one starts the writer's patience, the last one it hopes for ends it; those between need not
    // wake it.
    const bool counts = awaited && (awaited_ == 1 || awaited_ >= crowd_.goal());
    wake = wake || (sleeping_ && (counts || queue_.size() >= options_.batch_max));
    if (wake) {
      sleeping_ = false;
      long_sleep_ = false;
    }
  }
  if (wake) {
    wake_.notify_one();
  }
  return std::nullopt;
}

WriterHealth Writer::health() const {
  const std::lock_guard lock(mutex_);
  WriterHealth health = counters_;
  health.good = !failed_ && !closing_;
  health.reason = failed_ ? reason_ : closing_ ? "the journal is closing" : "";
  health.queued = pending_;
  return health;
}

Result<std::string> Writer::perform(Act act) {
  std::future<Result<std::string>> answer;
  {
    const std::lock_guard lock(mutex_);
    if (closing_ || failed_) {
      return fail(FailureKind::unreadable, failed_ ? reason_ : "the journal is closing");
    }
    if (acts_.size() >= options_.acts_max) {
      return fail(FailureKind::locked, "too many acts are waiting for the journal");
    }
    acts_.push_back({std::move(act), {}});
    answer = acts_.back().answer.get_future();
  }
  wake_.notify_one();
  return answer.get();
}

void Writer::poke() {
  {
    const std::lock_guard lock(mutex_);
    poked_ = true;
  }
  wake_.notify_one();
}

void Writer::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) {
    thread_.join();
  }
}

// The others may be kept for twice as long as a commit takes: so a quiet disk keeps nobody for long, and
// under load one commit serves many.
std::chrono::microseconds Writer::patience_after(Steady::duration commit) const {
  return std::min(std::chrono::duration_cast<std::chrono::microseconds>(commit * 2), options_.gather);
}

void Writer::run() {
  std::chrono::microseconds patience{0};
  std::vector<Pending> taken;
  std::vector<PendingAct> acts;
  std::unique_lock lock(mutex_);
  while (wait_for_work(lock)) {
    added_ = forming_.size();
    taken.swap(forming_);
    std::move(queue_.begin(), queue_.end(), std::back_inserter(taken));
    queue_.clear();
    acts.swap(acts_);
    if (!taken.empty()) {
      crowd_.begin(unanswered_);
    }
    awaited_ = 0;
    const bool look = std::exchange(poked_, false) || Steady::now() >= next_look_;
    const bool unacknowledged = unacknowledged_ && !failed_;
    lock.unlock();
    if (unacknowledged) {
      enter_failure(acknowledger_.failure());
    }
    if (failed_) {
      journal_->abandon();
      early_failure_.reset();
      refuse(taken, reason_);
      if (look && !unacknowledged) {
        try_recovery();
      }
    } else {
      const auto begun = Steady::now();
      commit_all(taken);
      patience = taken.empty() ? patience : patience_after(Steady::now() - begun);
      if (look && !failed_) {
        look_after();
      }
      keep_house();
    }
    segment_first_.store(journal_->segment_first(), std::memory_order_relaxed);
    perform_all(acts);
    taken.clear();
    lock.lock();
    gather_ = patience;
  }
  lock.unlock();
  acknowledger_.drain();
  if (const auto closed = journal_->close(); !closed) {
    say(WriterMessage::error, closed.error().message);
  }
}

// Returns with the lock held when there is something to commit or to look after; false when all is done.
bool Writer::wait_for_work(std::unique_lock<std::mutex>& lock) {
  for (;;) {
    const auto now = Steady::now();
    const bool riders_due = !queue_.empty() && now >= rider_deadline_;
    const bool broken = unacknowledged_ && !failed_;
    const bool gathering = awaited_ > 0 && awaited_ < crowd_.goal() && now < gather_until_;
    if ((awaited_ > 0 && !gathering) || riders_due || broken ||
        forming_.size() + queue_.size() >= options_.batch_max || !acts_.empty() || poked_ ||
        now >= next_look_ || early_failure_) {
      return true;
    }
    if (closing_) {
      return !queue_.empty() || !forming_.empty();
    }
    if (gathering && !failed_ && !queue_.empty()) {
      begin_early(lock);
      continue;
    }
    auto until = queue_.empty() ? next_look_ : std::min(next_look_, rider_deadline_);
    if (gathering) {
      until = std::min(until, gather_until_);
    }
    sleeping_ = true;
    long_sleep_ = queue_.empty() && forming_.empty();
    wake_.wait_until(lock, until);
    sleeping_ = false;
    long_sleep_ = false;
  }
}

// While the others are on their way, those who have come are chained, hashed and inserted, so that the last
// one waits for little more than the disk.
void Writer::begin_early(std::unique_lock<std::mutex>& lock) {
  const std::size_t first = forming_.size();
  const std::size_t room = options_.batch_max - first;
  const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(std::min(room, queue_.size()));
  std::move(queue_.begin(), end, std::back_inserter(forming_));
  queue_.erase(queue_.begin(), end);
  lock.unlock();
  for (std::size_t i = first; i < forming_.size() && !early_failure_; ++i) {
    if (const auto added = journal_->add(forming_[i].event); !added) {
      early_failure_ = added.error();
    }
  }
  lock.lock();
}

void Writer::commit_all(std::vector<Pending>& taken) {
  const std::span all(taken);
  std::size_t done = 0;
  while (done < all.size()) {
    const auto batch = all.subspan(done, std::min(options_.batch_max, all.size() - done));
    done += batch.size();
    if (!commit(batch)) {
      break;
    }
    fold(options_.fold_frames);
  }
  refuse(all.subspan(done), reason_);  // nothing, unless a batch failed
}

bool Writer::commit(std::span<Pending> pending) {
  Batch batch;
  batch.begun = Steady::now();
  batch.completions.reserve(pending.size());
  auto failure = std::exchange(early_failure_, std::nullopt);
  for (Pending& one : pending) {
    if (added_ > 0) {
      --added_;
    } else if (!failure) {
      if (const auto added = journal_->add(one.event); !added) {
        failure = added.error();
      }
    }
    batch.completions.push_back({one.ticket, Outcome::unwritable, {}});
    batch.bytes += one.event.size();
    batch.awaited += one.awaited ? 1 : 0;
  }
  auto note = failure ? Result<std::string>(*failure) : journal_->commit_added(receipts_);
  if (!note) {
    const Failure cause = note.error();
    enter_failure(cause);
    settle(batch, &cause);
    return false;
  }
  batch.note = std::move(*note);
  for (std::size_t i = 0; i < receipts_.size(); ++i) {
    batch.completions[i].receipt = receipts_[i];
  }
  return acknowledge(batch);
}

// A lone batch is acknowledged here, which saves a switch of threads; where more is waiting the next batch
// begins while the acknowledger syncs head.
bool Writer::acknowledge(Batch& batch) {
  const bool more = [this] {
    const std::lock_guard lock(mutex_);
    return awaited_ > 0;
  }();
  Failure failure;
  if (more || !acknowledger_.idle()) {
    if (acknowledger_.hand(batch)) {
      return true;
    }
    failure = acknowledger_.failure();
  } else {
    const auto written = journal_->acknowledge(batch.note);
    if (written) {
      settle(batch, nullptr);
      return true;
    }
    failure = written.error();
  }
  enter_failure(failure);
  settle(batch, &failure);
  return false;
}

// Tells the submitters of one batch. On either thread.
void Writer::settle(Batch& batch, const Failure* failure) {
  const std::size_t entries = batch.completions.size();
  {
    const std::lock_guard lock(mutex_);
    pending_ -= entries;
    pending_bytes_ -= batch.bytes;
    unanswered_ -= batch.awaited;
  }
  if (failure == nullptr) {
    count(batch.begun, entries, batch.completions.back().receipt.seq);
    for (Completion& completion : batch.completions) {
      completion.outcome = Outcome::durable;
    }
  } else {
    count_failure();
    for (Completion& completion : batch.completions) {
      completion.receipt = {};
    }
  }
  sink_.completed(batch.completions, failure == nullptr ? std::string_view() : failure->message);
}

void Writer::refuse(std::span<Pending> pending, std::string_view reason) {
  if (pending.empty()) {
    return;
  }
  std::vector<Completion> completions;
  std::size_t bytes = 0;
  std::size_t awaited = 0;
  for (const Pending& one : pending) {
    completions.push_back({one.ticket, Outcome::unwritable, {}});
    bytes += one.event.size();
    awaited += one.awaited ? 1 : 0;
  }
  {
    const std::lock_guard lock(mutex_);
    pending_ -= pending.size();
    pending_bytes_ -= bytes;
    unanswered_ -= awaited;
  }
  sink_.completed(completions, reason);
}

void Writer::count(Steady::time_point begun, std::size_t entries, std::uint64_t newest) {
  const auto us = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(Steady::now() - begun).count());
  const std::lock_guard lock(mutex_);
  ++counters_.batches;
  counters_.entries += entries;
  counters_.newest_seq = std::max(counters_.newest_seq, newest);
  counters_.commit_us_sum += us;
  ++counters_.commit_us[bucket(us)];
}

void Writer::count_failure() {
  const std::lock_guard lock(mutex_);
  ++counters_.failures;
}

// From here on submit() refuses; what is queued already is refused too, outside the lock.
void Writer::enter_failure(const Failure& failure) {
  std::vector<Pending> rest;
  {
    const std::lock_guard lock(mutex_);
    failed_ = true;
    reason_ = failure.message;
    rest.swap(queue_);
    awaited_ = 0;
  }
  say(WriterMessage::error,
      "the journal failed, every request is refused until it is whole again: " + failure.message);
  refuse(rest, failure.message);
  cause_ = failure.message;
  retry_ = options_.retry_min;
  next_look_ = Steady::now() + retry_;
}

void Writer::try_recovery() {
  acknowledger_.drain();
  const auto reopened = journal_->reopen(cause_);
  if (!reopened) {
    const std::lock_guard lock(mutex_);
    reason_ = reopened.error().message;
    retry_ = std::min(retry_ * 2, options_.retry_max);
    next_look_ = Steady::now() + retry_;
    return;
  }
  acknowledger_.resume();
  {
    const std::lock_guard lock(mutex_);
    failed_ = false;
    unacknowledged_ = false;
    reason_.clear();
    counters_.newest_seq = journal_->size() - 1;
  }
  next_look_ = Steady::now() + options_.poll;
  say(WriterMessage::info, "the journal is whole again; the record says why it was not");
}

// What an idle writer owes its readers and its operator. Does nothing to a journal that is busy and well.
void Writer::look_after() {
  next_look_ = Steady::now() + options_.poll;
  if (const auto good = journal_->check(); !good) {
    count_failure();
    enter_failure(good.error());
    return;
  }
  beat();
}

// Whether everything committed is acknowledged, after waiting for it.
bool Writer::settled() {
  acknowledger_.drain();
  const std::lock_guard lock(mutex_);
  return !unacknowledged_;
}

// Acts that wait while the journal fails are answered with why.
void Writer::perform_all(std::vector<PendingAct>& acts) {
  for (PendingAct& pending : acts) {
    if (failed_ || !settled()) {
      pending.answer.set_value(
          fail(FailureKind::unreadable, failed_ ? reason_ : acknowledger_.failure().message));
      continue;
    }
    auto answer = pending.act(*journal_);
    if (!journal_->good()) {
      count_failure();
      enter_failure(answer ? fail(FailureKind::unreadable, "the journal failed") : answer.error());
    }
    segment_first_.store(journal_->segment_first(), std::memory_order_relaxed);  // before anybody hears of it
    pending.answer.set_value(std::move(answer));
  }
  acts.clear();
}

// New keys and new segments, when it is time for them. A rotation that did not begin leaves the journal good:
// it is said, and tried again when the files are looked after next.
void Writer::keep_house() {
  if (failed_ || Steady::now() < next_house_ || journal_->due() == Journal::Due::nothing) {
    return;
  }
  if (!settled()) {
    return;  // the next turn enters the failure
  }
  const bool rotate = journal_->due() == Journal::Due::rotate;
  const auto done = rotate ? journal_->rotate() : journal_->seal();
  if (done) {
    say(WriterMessage::info, rotate ? "a new signing key is in force" : "a segment was sealed");
    return;
  }
  next_house_ = Steady::now() + options_.poll;
  if (journal_->good()) {
    say(WriterMessage::error,
        (rotate ? "the signing key cannot be changed: " : "the segment cannot be sealed: ") +
            done.error().message);
    return;
  }
  count_failure();
  enter_failure(done.error());
}

void Writer::beat() {
  const auto interval = std::chrono::duration_cast<std::chrono::nanoseconds>(journal_->heartbeat());
  const auto passed = journal_->now() - journal_->newest();
  // A clock that was turned back must not silence the heartbeat until it has caught up.
  if (passed.count() >= 0 && passed < interval * beat_numerator / beat_denominator) {
    fold(1);
    return;
  }
  const std::string every = std::to_string(journal_->heartbeat().count());
  const std::array<Member, 1> members = {{{"every", every}}};
  const auto begun = Steady::now();
  acknowledger_.drain();
  const auto recorded = journal_->append_own("journal.heartbeat", members);
  if (!recorded) {
    count_failure();
    enter_failure(recorded.error());
    return;
  }
  count(begun, 1, journal_->size() - 1);
}

// The record is whole in the WAL too: a fold that fails is told and tried again, and refuses nothing.
void Writer::fold(int frames) {
  const auto now = Steady::now();
  if (now < next_fold_) {
    return;
  }
  const auto folded = journal_->fold(frames);
  if (!folded) {
    next_fold_ = now + fold_retry;
    say(WriterMessage::warning, folded.error().message);
  }
  const bool grown = journal_->wal_frames() > wal_warning_factor * options_.fold_frames;
  if (grown && !std::exchange(wal_warned_, true)) {
    say(WriterMessage::warning, "the journal's WAL cannot be folded: a reader has held it open for long");
  }
  wal_warned_ = grown;
}

void Writer::say(WriterMessage level, std::string_view message) const {
  if (log_) {
    log_(level, message);
  }
}

}  // namespace tallygate::audit
