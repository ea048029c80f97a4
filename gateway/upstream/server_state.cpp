#include "gateway/upstream/server_state.hpp"

#include <algorithm>
#include <utility>

namespace tallygate::upstream {
namespace {

constexpr net::Milliseconds pause_first{500};
constexpr net::Milliseconds pause_longest{10'000};
constexpr net::Milliseconds trial_limit{500};
constexpr std::uint32_t doublings_max = 16;

std::int64_t as_ms(net::Clock::time_point when) noexcept {
  return std::chrono::duration_cast<net::Milliseconds>(when.time_since_epoch()).count();
}

/// Answers that say that a server, or what it needs, does not work; 500 is rather the request's doing.
bool is_bad(unsigned status) noexcept {
  return status >= 502 && status <= 504;
}

}  // namespace

void ServerState::succeeded() noexcept {
  if (bad_answers_.load(std::memory_order_relaxed) != 0) {
    bad_answers_.store(0, std::memory_order_relaxed);
  }
  if (failures.load(std::memory_order_relaxed) == 0) {
    return;
  }
  failures.store(0, std::memory_order_relaxed);
  down_until_ms.store(0, std::memory_order_relaxed);
  trial_.store(false, std::memory_order_relaxed);
  since_ms.store(as_ms(net::coarse_now()), std::memory_order_relaxed);
}

void ServerState::failed(net::Clock::time_point now) noexcept {
  pass_over(now, pause_first, pause_longest);
}

void ServerState::pass_over(net::Clock::time_point now, net::Milliseconds first,
                            net::Milliseconds longest) noexcept {
  if (!trial_.exchange(false, std::memory_order_relaxed) && down(now)) {
    return;
  }
  const std::uint32_t row = failures.fetch_add(1, std::memory_order_relaxed);
  const net::Milliseconds pause(first.count() << std::min(row, doublings_max));
  down_until_ms.store(as_ms(now + std::min(longest, pause)), std::memory_order_relaxed);
}

void ServerState::answered(unsigned status, const std::optional<OutlierSettings>& outliers,
                           net::Clock::time_point now) noexcept {
  if (!outliers || !is_bad(status)) {
    succeeded();
    return;
  }
  const std::uint32_t row = bad_answers_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (row >= outliers->failures || on_trial()) {
    bad_answers_.store(0, std::memory_order_relaxed);
    pass_over(now, outliers->pause, outliers->pause_max);
  }
}

bool ServerState::down(net::Clock::time_point now) const noexcept {
  const std::int64_t until = down_until_ms.load(std::memory_order_relaxed);
  return until != 0 && until > as_ms(now);
}

bool ServerState::begin_trial(net::Clock::time_point now) noexcept {
  std::int64_t until = down_until_ms.load(std::memory_order_relaxed);
  if (until > as_ms(now) ||
      !down_until_ms.compare_exchange_strong(until, as_ms(now + trial_limit), std::memory_order_relaxed)) {
    return false;
  }
  trial_.store(true, std::memory_order_relaxed);
  return true;
}

void ServerState::set_healthy(bool is, net::Clock::time_point now) noexcept {
  if (healthy.exchange(is, std::memory_order_relaxed) || !is) {
    return;
  }
  succeeded();
  since_ms.store(as_ms(now), std::memory_order_relaxed);
}

OpenFailure ServerState::refuse(OpenFailure failure, std::string why) {
  connect_failures.fetch_add(1, std::memory_order_relaxed);
  failed(net::Clock::now());
  if (!why.empty()) {
    complain(std::move(why));
  }
  return failure;
}

void ServerState::complain(std::string why) {
  const std::lock_guard lock(mutex_);
  complaint_ = std::move(why);
}

std::string ServerState::take_complaint() {
  const std::lock_guard lock(mutex_);
  return std::exchange(complaint_, {});
}

std::shared_ptr<ServerState> ServerStates::get(const UpstreamServer& server) {
  const std::string name = server.host + ":" + std::to_string(server.port);
  auto& state = states_[name];
  if (!state) {
    state = std::make_shared<ServerState>();
    state->name = name;
    state->since_ms.store(as_ms(net::coarse_now()), std::memory_order_relaxed);
  }
  return state;
}

std::vector<std::shared_ptr<ServerState>> ServerStates::all() const {
  std::vector<std::shared_ptr<ServerState>> states;
  states.reserve(states_.size());
  for (const auto& [name, state] : states_) {
    states.push_back(state);
  }
  return states;
}

}  // namespace tallygate::upstream
