#include "gateway/upstream/pool.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <utility>

namespace tallygate::upstream {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
constexpr auto nothrow = asio::as_tuple(asio::deferred);

constexpr net::Milliseconds pause_first{500};
constexpr net::Milliseconds pause_longest{10'000};

std::int64_t as_ms(net::Clock::time_point when) noexcept {
  return std::chrono::duration_cast<net::Milliseconds>(when.time_since_epoch()).count();
}

/// What a resolver found. It outlives whoever asked: the system's resolver cannot be interrupted, only left.
struct Lookup {
  explicit Lookup(asio::io_context& io) : resolver(io) {}
  tcp::resolver resolver;
  net::error_code error;
  std::vector<tcp::endpoint> endpoints;
  asio::steady_timer* waiter = nullptr;  ///< of who still waits
};

/// A socket that is being connected, with its deadline.
class Connecting final : public net::Timed {
 public:
  Connecting(asio::io_context& io, net::Deadlines& deadlines, net::Milliseconds limit)
      : socket(io), named(io, net::Clock::time_point::max()) {
    deadlines.add(*this);
    expires_in(limit);
  }
  Connecting(const Connecting&) = delete;
  Connecting& operator=(const Connecting&) = delete;
  ~Connecting() override {
    if (lookup) {
      lookup->waiter = nullptr;
      lookup->resolver.cancel();  // one that has not begun need not: it would keep the next ones waiting
    }
  }
  tcp::socket socket;
  std::shared_ptr<Lookup> lookup;
  asio::steady_timer named;  ///< ends when the name is resolved, or time is up
  bool expired = false;

 private:
  void on_expired() noexcept override {
    expired = true;
    named.cancel();
    net::error_code ignored;  // nothing is under way: nothing to wake
    socket.cancel(ignored);
  }
};

void look_up(const std::shared_ptr<Lookup>& lookup, const UpstreamServer& server) {
  lookup->resolver.async_resolve(
      server.host, std::to_string(server.port),
      [lookup](const net::error_code& error, const tcp::resolver::results_type& found) {
        lookup->error = error;
        for (const auto& entry : found) {
          lookup->endpoints.push_back(entry.endpoint());
        }
        if (lookup->waiter != nullptr) {
          lookup->waiter->cancel();
        }
      });
}

}  // namespace

void ServerState::succeeded() noexcept {
  if (failures.load(std::memory_order_relaxed) == 0) {
    return;
  }
  failures.store(0, std::memory_order_relaxed);
  down_until_ms.store(0, std::memory_order_relaxed);
}

void ServerState::failed(net::Clock::time_point now) noexcept {
  const std::uint32_t row = failures.fetch_add(1, std::memory_order_relaxed);
  const auto pause =
      std::min(pause_longest, net::Milliseconds(pause_first.count() << std::min<std::uint32_t>(row, 10)));
  down_until_ms.store(as_ms(now + pause), std::memory_order_relaxed);
}

bool ServerState::down(net::Clock::time_point now) const noexcept {
  const std::int64_t until = down_until_ms.load(std::memory_order_relaxed);
  return until != 0 && until > as_ms(now);
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

std::unique_ptr<net::Stream> Pool::take_idle(const std::string& server) {
  const auto at = idle_.find(server);
  if (at == idle_.end()) {
    return nullptr;
  }
  while (!at->second.empty()) {
    auto stream = std::move(at->second.back().stream);
    at->second.pop_back();
    // Bytes that nobody asked for, or an end, mean that this connection has nothing good to say.
    if (!stream->cancelled() && !stream->has_input()) {
      return stream;
    }
  }
  return nullptr;
}

asio::awaitable<net::Result<std::unique_ptr<net::Stream>>> Pool::open(const UpstreamServer& server,
                                                                      ServerState& state,
                                                                      net::Milliseconds limit) {
  auto stream = co_await connect(server, limit);
  if (!stream) {
    state.connect_failures.fetch_add(1, std::memory_order_relaxed);
    state.failed(net::Clock::now());
    co_return stream.error();
  }
  state.connects.fetch_add(1, std::memory_order_relaxed);
  co_return std::move(*stream);
}

asio::awaitable<net::Result<std::unique_ptr<net::Stream>>> Pool::connect(UpstreamServer server,
                                                                         net::Milliseconds limit) {
  Connecting attempt(io_, deadlines_, limit);
  std::vector<tcp::endpoint> endpoints;
  net::error_code error;
  if (const auto literal = asio::ip::make_address(server.host, error); !error) {
    endpoints.emplace_back(literal, server.port);
  } else {
    attempt.lookup = std::make_shared<Lookup>(io_);
    attempt.lookup->waiter = &attempt.named;
    look_up(attempt.lookup, server);
    auto [ended] = co_await attempt.named.async_wait(nothrow);
    static_cast<void>(ended);  // it is only ever cancelled
    if (attempt.expired) {
      co_return asio::error::timed_out;
    }
    if (attempt.lookup->error) {
      co_return attempt.lookup->error;
    }
    endpoints = std::move(attempt.lookup->endpoints);
  }
  error = asio::error::host_not_found;
  for (const tcp::endpoint& endpoint : endpoints) {
    net::error_code ignored;  // a socket that does not close is replaced by open() all the same
    attempt.socket.close(ignored);
    if (server.protocol ==
        UpstreamProtocol::http1) {  // one of HTTP/2 is always read: its windows are the bound
      attempt.socket.open(endpoint.protocol(), ignored);
      attempt.socket.set_option(tcp::socket::receive_buffer_size(receive_buffer_bytes), ignored);
    }
    auto [failed] = co_await attempt.socket.async_connect(endpoint, nothrow);
    error = failed;
    if (attempt.expired) {
      co_return asio::error::timed_out;
    }
    if (error) {
      continue;
    }
    attempt.socket.non_blocking(true, ignored);
    attempt.socket.set_option(tcp::no_delay(true), ignored);
    co_return std::make_unique<net::Stream>(std::move(attempt.socket), deadlines_);
  }
  co_return error;
}

void Pool::give(const std::string& server, std::unique_ptr<net::Stream> stream) {
  auto& idle = idle_[server];
  if (idle.size() >= idle_max_) {
    return;
  }
  stream->expires_in(net::Milliseconds{0});
  idle.push_back({std::move(stream), net::coarse_now()});
}

void Pool::sweep(net::Clock::time_point now) {
  for (auto& [server, idle] : idle_) {
    const auto keep =
        std::find_if(idle.begin(), idle.end(), [&](const Idle& one) { return now - one.since < idle_age_; });
    idle.erase(idle.begin(), keep);  // the oldest come first
  }
}

std::size_t Pool::idle() const noexcept {
  std::size_t count = 0;
  for (const auto& [server, idle] : idle_) {
    count += idle.size();
  }
  return count;
}

std::size_t choose_server(const std::vector<std::shared_ptr<ServerState>>& servers, Balance balance,
                          std::size_t& turn, net::Clock::time_point now) noexcept {
  if (servers.size() == 1) {
    return 0;
  }
  const std::size_t first = turn++ % servers.size();
  std::size_t best = servers.size();
  std::int64_t best_active = 0;
  for (std::size_t step = 0; step < servers.size(); ++step) {
    const std::size_t at = (first + step) % servers.size();
    if (servers[at]->down(now)) {
      continue;
    }
    if (balance == Balance::round_robin) {
      return at;
    }
    const std::int64_t active = servers[at]->active.load(std::memory_order_relaxed);
    if (best == servers.size() || active < best_active) {
      best = at;
      best_active = active;
    }
  }
  return best == servers.size() ? first : best;
}

}  // namespace tallygate::upstream
