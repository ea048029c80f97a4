#pragma once
/// What is known of the servers of routes: what they have to do, and whether they can be relied on.
#include "gateway/net/deadlines.hpp"
#include "gateway/settings.hpp"
#include "gateway/upstream/terms.hpp"

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace tallygate::upstream {

/// What all threads know about one server; counters are relaxed. Owned by ServerStates.
struct ServerState {
  std::string name;                         ///< "host:port"
  std::atomic<std::int64_t> active{0};      ///< requests under way
  std::atomic<std::int64_t> connecting{0};  ///< those among them that wait for a connection
  std::atomic<std::int64_t> down_until_ms{
      0};                                  ///< steady clock; a server that failed is passed over until then
  std::atomic<std::uint32_t> failures{0};  ///< in a row
  std::atomic<std::int64_t> since_ms{0};   ///< steady clock; since when it is new or back; 0: for ever
  std::atomic<bool> checked{false};        ///< health checks are made
  std::atomic<bool> healthy{true};         ///< as they say
  std::atomic<std::uint64_t> connects{0};
  std::atomic<std::uint64_t> connect_failures{0};
  std::atomic<std::uint64_t> retries{0};  ///< requests that it got because another server did not answer
  std::atomic<std::uint64_t> refused{0};  ///< requests refused because it has enough to do

  /// Remembers how a connect or a request went. A failing server is passed over for a growing while; failures
  /// within that while, of requests that were under way already, say nothing new.
  void succeeded() noexcept;
  void failed(net::Clock::time_point now) noexcept;
  /// Remembers an answer. `outliers`, where there are any, say how many bad ones in a row are a failure.
  void answered(unsigned status, const std::optional<OutlierSettings>& outliers,
                net::Clock::time_point now) noexcept;
  /// Whether it is passed over after failures.
  [[nodiscard]] bool down(net::Clock::time_point now) const noexcept;
  /// Whether it has failed and not succeeded since: one request at a time finds out.
  [[nodiscard]] bool on_trial() const noexcept { return failures.load(std::memory_order_relaxed) != 0; }
  /// Takes the trial of a server that is not down any more: others pass it over meanwhile, for a moment.
  /// False: another has taken it.
  [[nodiscard]] bool begin_trial(net::Clock::time_point now) noexcept;
  /// What health checks have found. A server that is healthy again begins anew.
  void set_healthy(bool is, net::Clock::time_point now) noexcept;

  /// Counts a connection that did not come about and remembers it as failed(); keeps `why` unless it is
  /// empty. Gives the failure back.
  OpenFailure refuse(OpenFailure failure, std::string why);
  /// Keeps what is wrong with the server, for whoever logs: the newest only. Threads: any.
  void complain(std::string why);
  /// What was kept, once; empty if there is nothing new.
  [[nodiscard]] std::string take_complaint();

 private:
  void pass_over(net::Clock::time_point now, net::Milliseconds first, net::Milliseconds longest) noexcept;

  std::atomic<std::uint32_t> bad_answers_{0};  // in a row
  std::atomic<bool> trial_{false};
  std::mutex mutex_;
  std::string complaint_;
};

/// Counts a request that is under way at a server. Threads: one.
class Busy {
 public:
  explicit Busy(ServerState& state) noexcept : state_(&state) { add(1); }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  ~Busy() { add(-1); }
  /// It goes on at another server.
  void move_to(ServerState& state) noexcept {
    add(-1);
    state_ = &state;
    add(1);
  }

 private:
  void add(std::int64_t count) noexcept { state_->active.fetch_add(count, std::memory_order_relaxed); }
  ServerState* state_;
};

/// Counts a request that waits for a connection, where there may be one more. Threads: one.
class Pending {
 public:
  Pending(ServerState& state, const CircuitSettings& circuit) noexcept
      : state_(state),
        allowed_(state.connecting.fetch_add(1, std::memory_order_relaxed) <
                     static_cast<std::int64_t>(circuit.pending) ||
                 circuit.pending == 0) {
    if (!allowed_) {
      state.refused.fetch_add(1, std::memory_order_relaxed);
    }
  }
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;
  ~Pending() { state_.connecting.fetch_sub(1, std::memory_order_relaxed); }
  [[nodiscard]] bool allowed() const noexcept { return allowed_; }

 private:
  ServerState& state_;
  bool allowed_;
};

/// The servers of all routes, kept over reloads by name. Threads: get() from the loader; the states from any.
class ServerStates {
 public:
  [[nodiscard]] std::shared_ptr<ServerState> get(const UpstreamServer& server);
  [[nodiscard]] std::vector<std::shared_ptr<ServerState>> all() const;

 private:
  std::map<std::string, std::shared_ptr<ServerState>> states_;
};

}  // namespace tallygate::upstream
