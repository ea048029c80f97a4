#pragma once
/// Deadlines for many connections at the price of a store: one sweep a tick instead of one timer a phase.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>
#include <time.h>

#include <chrono>

namespace tallygate::net {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

/// Clock's time as of the kernel's last tick, some milliseconds ago at most: for deadlines, which are set
/// many times a request.
inline Clock::time_point coarse_now() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return Clock::time_point(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

/// Something that has a deadline. Threads: the one of the Deadlines it joined. Leaves by itself when
/// destroyed.
class Timed
    : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  Timed() = default;
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;
  virtual ~Timed() = default;

  /// Sets the deadline; zero means none. A tick late at most, or some milliseconds early.
  void expires_in(Milliseconds limit) noexcept {
    deadline_ = limit.count() == 0 ? Clock::time_point::max() : coarse_now() + limit;
  }
  void expires_at(Clock::time_point when) noexcept { deadline_ = when; }
  [[nodiscard]] Clock::time_point deadline() const noexcept { return deadline_; }

 private:
  friend class Deadlines;
  /// The deadline has passed. Called at every tick until it is moved or lifted. Must not destroy any Timed.
  virtual void on_expired() noexcept = 0;

  Clock::time_point deadline_ = Clock::time_point::max();
};

/// The deadlines of one thread. Owns: nothing; members unlink themselves. Threads: the io_context's only.
class Deadlines {
 public:
  /// How often deadlines are looked at, and so how late one can be noticed.
  static constexpr Milliseconds tick{100};

  explicit Deadlines(boost::asio::io_context& io) : timer_(io) {}

  void add(Timed& timed) noexcept { members_.push_back(timed); }

  /// Sweeps every tick until stop(). Errors: none; ends when the timer is cancelled.
  boost::asio::awaitable<void> run();
  void stop() { timer_.cancel(); }

  /// One sweep: tells every member whose deadline has passed.
  void sweep(Clock::time_point now) noexcept;

 private:
  boost::asio::steady_timer timer_;
  boost::intrusive::list<Timed, boost::intrusive::constant_time_size<false>> members_;
};

}  // namespace tallygate::net
