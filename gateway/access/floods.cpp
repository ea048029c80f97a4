#include "gateway/access/floods.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace tallygate::access {
namespace {

constexpr std::uint8_t network_bytes = 8;
constexpr std::uint8_t network_bits = 64;

}  // namespace

policy::Network flood_source(const policy::Address& address) noexcept {
  policy::Network source{address, 128};
  if (!address.is_v4()) {
    std::fill(source.address.bytes.begin() + network_bytes, source.address.bytes.end(), std::uint8_t{0});
    source.prefix = network_bits;
  }
  return source;
}

std::size_t Floods::SourceHash::operator()(const policy::Network& source) const noexcept {
  const auto& bytes = source.address.bytes;
  return std::hash<std::string_view>{}({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

Suppressed flood_begins(const FloodEvent& event, FloodLimits limits,
                        std::chrono::system_clock::time_point time) {
  Suppressed sum;
  sum.source = flood_source(event.client);
  sum.count = 1;
  sum.first = sum.last = time;
  sum.reasons[{std::string(event.kind), std::string(event.reason)}] = 1;
  if (!event.user_json.empty()) {
    sum.users[std::string(event.user_json)] = 1;
  }
  sum.limits = limits;
  sum.begins = true;
  return sum;
}

Floods::Floods(FloodLimits limits, std::size_t sources_max) : sources_max_(sources_max), limits_(limits) {}

Floods::Window& Floods::window_of(const policy::Network& source, Tick now) {
  if (const auto found = windows_.find(source); found != windows_.end()) {
    return found->second;
  }
  if (windows_.size() < sources_max_) {
    by_begin_.push_back(source);
    Window& window = windows_.try_emplace(source, now).first->second;
    window.sum.source = source;
    return window;
  }
  if (!rest_) {
    rest_.emplace(now);
  }
  return *rest_;
}

void Floods::add(Suppressed& sum, const FloodEvent& event, std::chrono::system_clock::time_point time) {
  if (sum.count == 0) {
    sum.first = sum.last = time;
  }
  // Threads and the clock do not keep the order.
  sum.first = std::min(sum.first, time);
  sum.last = std::max(sum.last, time);
  ++sum.count;
  std::pair<std::string, std::string> key(event.kind, event.reason);
  if (sum.reasons.size() >= flood_reasons_max && !sum.reasons.contains(key)) {
    key.second = "other";
  }
  ++sum.reasons[std::move(key)];
  if (event.user_json.empty()) {
    return;
  }
  std::string user(event.user_json);
  if (sum.users.size() >= flood_users_max && !sum.users.contains(user)) {
    ++sum.further_users;
  } else {
    ++sum.users[std::move(user)];
  }
}

Admitted Floods::admit(const FloodEvent& event, FloodTime now) {
  const std::lock_guard lock(mutex_);
  if (closed_ || limits_.entries == 0 || !returned_.empty()) {
    return {};
  }
  Window& window = window_of(flood_source(event.client), now.tick);
  if (window.recorded < limits_.entries) {
    ++window.recorded;
    return {};
  }
  if (!window.told) {
    return {Admission::begin, window.begin};
  }
  add(window.sum, event, now.time);
  return {Admission::count, window.begin};
}

void Floods::began(const policy::Address& client, Tick window) {
  const std::lock_guard lock(mutex_);
  const auto found = windows_.find(flood_source(client));
  if (found != windows_.end()) {
    found->second.told = found->second.told || found->second.begin == window;
  } else if (rest_) {
    rest_->told = rest_->told || rest_->begin == window;
  }
}

void Floods::take(Window& window, std::vector<Suppressed>& out) const {
  if (window.sum.count == 0) {
    return;
  }
  Suppressed next;
  next.source = window.sum.source;
  window.sum.limits = limits_;
  out.push_back(std::exchange(window.sum, std::move(next)));
}

// A long window gives its count out while it goes on.
void Floods::take_waiting(Window& window, Tick now, std::vector<Suppressed>& out) const {
  if (window.sum.count > 0 && now - window.summed >= flood_sum_every) {
    window.summed = now;
    take(window, out);
  }
}

std::vector<Suppressed> Floods::due(Tick now) {
  const std::lock_guard lock(mutex_);
  std::vector<Suppressed> out = std::exchange(returned_, {});
  while (!by_begin_.empty()) {
    const auto found = windows_.find(by_begin_.front());
    if (now - found->second.begin < limits_.per) {
      break;
    }
    take(found->second, out);
    windows_.erase(found);
    by_begin_.pop_front();
  }
  if (rest_ && now - rest_->begin >= limits_.per) {
    take(*rest_, out);
    rest_.reset();
  }
  if (limits_.per > flood_sum_every) {
    for (auto& [source, window] : windows_) {
      take_waiting(window, now, out);
    }
    if (rest_) {
      take_waiting(*rest_, now, out);
    }
  }
  return out;
}

std::vector<Suppressed> Floods::take_all() {
  std::vector<Suppressed> out = std::exchange(returned_, {});
  for (const policy::Network& source : by_begin_) {
    take(windows_.find(source)->second, out);
  }
  if (rest_) {
    take(*rest_, out);
  }
  return out;
}

std::vector<Suppressed> Floods::all() {
  const std::lock_guard lock(mutex_);
  return take_all();
}

std::vector<Suppressed> Floods::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  return take_all();
}

void Floods::give_back(std::vector<Suppressed> sums) {
  const std::lock_guard lock(mutex_);
  returned_.insert(returned_.end(), std::make_move_iterator(sums.begin()),
                   std::make_move_iterator(sums.end()));
}

void Floods::set_limits(FloodLimits limits) {
  const std::lock_guard lock(mutex_);
  limits_ = limits;
}

FloodLimits Floods::limits() {
  const std::lock_guard lock(mutex_);
  return limits_;
}

}  // namespace tallygate::access
