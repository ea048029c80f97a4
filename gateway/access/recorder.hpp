#pragma once
/// The awaitable face of the plugin that keeps the journal: hand an event over, wait for its receipt on your
/// own thread.
#include "gateway/net/deadlines.hpp"
#include "plugin/host.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tallygate::access {

/// What became of an event.
struct Answer {
  tg_status status = TG_UNWRITABLE;
  std::uint64_t seq = 0;  ///< where status is TG_OK, as the next
  std::array<std::uint8_t, 32> leaf{};
  bool timed_out = false;  ///< the plugin kept silent longer than its limit

  [[nodiscard]] bool durable() const noexcept { return status == TG_OK; }
};

/// Counters for metrics; relaxed.
struct RecorderCounts {
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> timed_out{0};
};

/// One a thread. Answers arrive on the plugin's thread; one wake-up of the io_context brings all that came
/// meanwhile. Without a host everything is refused at once. Threads: the io_context's, but complete(). Must
/// outlive the host's submissions: let go of the host first.
class Recorder final : public plugin::CompletionSink, private net::Timed {
 public:
  Recorder(boost::asio::io_context& io, net::Deadlines& deadlines, net::Milliseconds limit);
  ~Recorder() override = default;

  /// A submission under way. Await it exactly once, or forget() it.
  class Pending {
   public:
    Pending(Pending&& other) noexcept : slot_(std::exchange(other.slot_, none)) {}
    Pending& operator=(Pending&& other) noexcept {
      slot_ = std::exchange(other.slot_, none);
      return *this;
    }
    Pending(const Pending&) = delete;
    Pending& operator=(const Pending&) = delete;
    ~Pending() = default;

   private:
    friend class Recorder;
    static constexpr std::uint32_t none = UINT32_MAX;
    explicit Pending(std::uint32_t slot) : slot_(slot) {}
    std::uint32_t slot_;
  };

  /// Hands the event over. It will be written even if nobody waits any more.
  [[nodiscard]] Pending begin(const tg_event& event);
  /// Waits for the answer, at most the limit.
  boost::asio::awaitable<Answer> wait(Pending pending);
  /// The answer if it is there already.
  [[nodiscard]] std::optional<Answer> ready(const Pending& pending) const;
  /// Lets go of an answer nobody needs.
  void forget(Pending pending);
  /// Refuses everything that is still waited for, as at the end of a process whose plugin keeps silent.
  void abandon_all();
  /// Hands over an event that nobody waits for.
  void note(const tg_event& event) noexcept {
    if (host_) {
      host_->submit(event);
    }
  }
  /// True if there is a plugin, and it says that it can write.
  [[nodiscard]] bool writable() const noexcept { return host_ && host_->health().status == TG_OK; }
  void set_host(std::shared_ptr<plugin::PluginHost> host) noexcept { host_ = std::move(host); }

  /// A time limit that a reload may have changed.
  void set_limit(net::Milliseconds limit) noexcept { limit_ = limit; }
  [[nodiscard]] const RecorderCounts& counts() const noexcept { return counts_; }
  /// The plugin's own words about its newest refusal; empty if there was none. Any thread.
  [[nodiscard]] std::string last_refusal() const;
  [[nodiscard]] std::size_t waiting() const noexcept { return in_use_; }

 private:
  struct Slot {
    /// Set while somebody waits. Never assigned: the move assignment of 1.81 calls itself.
    std::optional<boost::asio::any_completion_handler<void(Answer)>> resume;
    plugin::Submission submission;
    net::Clock::time_point deadline;
    std::optional<Answer> answer;
    std::shared_ptr<plugin::PluginHost> host;  ///< that owes the answer
    bool used = false;
    bool forgotten = false;
  };
  struct Arrived {
    std::uint32_t slot = 0;
    Answer answer;
  };

  void complete(std::uint32_t slot, tg_status status, const tg_receipt* receipt,
                tg_bytes reason) noexcept override;
  void arrive(Arrived arrived) noexcept;
  void on_expired() noexcept override;
  void drain() noexcept;
  void give_up(std::uint32_t index) noexcept;
  void deliver(std::uint32_t slot, Answer answer);
  void release(std::uint32_t slot) noexcept;

  boost::asio::io_context& io_;
  std::shared_ptr<plugin::PluginHost> host_;
  net::Milliseconds limit_;
  std::vector<std::uint32_t> free_;
  std::size_t in_use_ = 0;
  RecorderCounts counts_;
  std::vector<Arrived> draining_;
  mutable std::mutex mutex_;
  std::vector<Arrived> arrived_;  // guarded by mutex_, as the next
  std::string last_refusal_;
  // Last: a slot may hold the last reference to the host, whose end answers what is left into the members
  // above.
  std::deque<Slot> slots_;  // stable addresses; grows to the most requests ever under way at once
};

}  // namespace tallygate::access
