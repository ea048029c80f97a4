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

}  // namespace tallygate::upstream
