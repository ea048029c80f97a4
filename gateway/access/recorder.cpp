#include "gateway/access/recorder.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <iterator>
#include <new>
#include <utility>

namespace tallygate::access {
namespace asio = boost::asio;

Recorder::Recorder(asio::io_context& io, net::Deadlines& deadlines, net::Milliseconds limit)
    : io_(io), limit_(limit) {
  deadlines.add(*this);
  expires_at(net::Clock::time_point::min());  // on_expired() at every tick: it looks after all slots
}

Recorder::Pending Recorder::begin(const tg_event& event) {
  if (free_.empty()) {
    slots_.emplace_back();
    free_.push_back(static_cast<std::uint32_t>(slots_.size() - 1));
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  Slot& slot = slots_[index];
  slot.used = true;
  slot.forgotten = false;
  slot.answer.reset();
  slot.deadline = net::coarse_now() + limit_;
  ++in_use_;
  if (host_) {
    slot.host = host_;
    slot.submission = host_->submit(event, *this, index);
  } else {
    slot.answer = Answer{};
    counts_.refused.fetch_add(1, std::memory_order_relaxed);
  }
  return Pending(index);
}

asio::awaitable<Answer> Recorder::wait(Pending pending) {
  const std::uint32_t index = std::exchange(pending.slot_, Pending::none);
  Slot& slot = slots_[index];
  if (slot.answer) {
    const Answer answer = *slot.answer;
    release(index);
    co_return answer;
  }
  auto keep = [&slot](auto handler) { slot.resume.emplace(std::move(handler)); };
  co_return co_await asio::async_initiate<const asio::deferred_t, void(Answer)>(keep, asio::deferred);
}

std::optional<Answer> Recorder::ready(const Pending& pending) const {
  return slots_[pending.slot_].answer;
}

void Recorder::forget(Pending pending) {
  const std::uint32_t index = std::exchange(pending.slot_, Pending::none);
  Slot& slot = slots_[index];
  if (slot.answer) {
    release(index);
  } else {
    slot.forgotten = true;
  }
}

void Recorder::complete(std::uint32_t slot, tg_status status, const tg_receipt* receipt,
                        tg_bytes reason) noexcept {
  Arrived arrived;
  arrived.slot = slot;
  arrived.answer.status = status;
  if (receipt != nullptr) {
    arrived.answer.seq = receipt->seq;
    std::copy(std::begin(receipt->leaf), std::end(receipt->leaf), arrived.answer.leaf.begin());
  }
  if (status != TG_OK) {
    const std::lock_guard lock(mutex_);
    try {
      last_refusal_.assign(reinterpret_cast<const char*>(reason.data), reason.size);
    } catch (const std::bad_alloc&) {
      last_refusal_.clear();  // the refusal itself still arrives
    }
  }
  arrive(arrived);
}

std::string Recorder::last_refusal() const {
  const std::lock_guard lock(mutex_);
  return last_refusal_;
}

void Recorder::arrive(Arrived arrived) noexcept {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = arrived_.empty();
    arrived_.push_back(arrived);
  }
  // Whoever comes before the thread wakes up shares the wake-up.
  if (first) {
    asio::post(io_, [this] { drain(); });
  }
}

void Recorder::drain() noexcept {
  {
    const std::lock_guard lock(mutex_);
    draining_.swap(arrived_);
  }
  for (const Arrived& arrived : draining_) {
    deliver(arrived.slot, arrived.answer);
  }
  draining_.clear();
}

void Recorder::deliver(std::uint32_t index, Answer answer) {
  Slot& slot = slots_[index];
  if (!answer.durable()) {
    counts_.refused.fetch_add(1, std::memory_order_relaxed);
  }
  if (slot.forgotten) {
    release(index);
  } else if (slot.resume) {
    auto resume = std::move(*slot.resume);
    release(index);
    std::move(resume)(answer);
  } else {
    slot.answer = answer;
  }
}

void Recorder::release(std::uint32_t index) noexcept {
  Slot& slot = slots_[index];
  slot.used = false;
  slot.resume.reset();
  slot.host.reset();
  --in_use_;
  free_.push_back(index);
}

void Recorder::on_expired() noexcept {
  if (in_use_ == 0) {
    return;
  }
  const auto now = net::Clock::now();
  for (std::uint32_t index = 0; index < slots_.size(); ++index) {
    Slot& slot = slots_[index];
    if (slot.used && !slot.answer && slot.deadline <= now) {
      give_up(index);
    }
  }
}

void Recorder::abandon_all() {
  for (std::uint32_t index = 0; index < slots_.size(); ++index) {
    if (slots_[index].used && !slots_[index].answer) {
      give_up(index);
    }
  }
}

void Recorder::give_up(std::uint32_t index) noexcept {
  Slot& slot = slots_[index];
  // False means that its answer is on its way into this thread's queue: it arrives in a moment.
  if (!slot.host || !slot.host->abandon(slot.submission)) {
    return;
  }
  counts_.timed_out.fetch_add(1, std::memory_order_relaxed);
  Arrived silent;
  silent.slot = index;
  silent.answer.timed_out = true;
  arrive(silent);  // posted: whoever it resumes may destroy what a sweep is walking over
  slot.deadline = net::Clock::time_point::max();
}

}  // namespace tallygate::access
