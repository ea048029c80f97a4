#include "gateway/worker.hpp"

#include "gateway/connection.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <csignal>
#include <utility>

namespace tallygate {
namespace {

namespace asio = boost::asio;

constexpr std::size_t buffer_bytes = std::size_t{64} * 1024;
constexpr std::size_t buffers_kept = 128;
constexpr net::Milliseconds pool_sweep_every{5'000};
// What outlives its permission is cut within two seconds.
constexpr net::Milliseconds connections_checked_every{1'000};

/// The servers that a snapshot sends requests to over HTTP/2.
std::vector<upstream::Http2Pool::Key> http2_servers(const Snapshot& snapshot) {
  std::vector<upstream::Http2Pool::Key> servers;
  const std::span<const RouteSettings> routes = snapshot.routes.all();
  for (std::size_t i = 0; i < routes.size(); ++i) {
    for (std::size_t j = 0; j < routes[i].servers.size(); ++j) {
      const UpstreamProtocol protocol = routes[i].servers[j].protocol;
      if (is_http2(protocol)) {
        servers.push_back({snapshot.servers[i][j].get(), snapshot.upstream_terms[i].get(), protocol});
      }
    }
  }
  return servers;
}

}  // namespace

Worker::Worker(Persistent& persistent_state, std::shared_ptr<const Snapshot> first,
               std::shared_ptr<plugin::PluginHost> host)
    : persistent(persistent_state),
      snapshot(std::move(first)),
      deadlines(io_),
      buffers(buffer_bytes, buffers_kept),
      pool(io_, deadlines, snapshot->settings.limits.idle_upstreams,
           snapshot->settings.limits.idle_upstream_age, snapshot->settings.limits.resolve_every),
      http2_pool(io_, buffers, pool, snapshot->settings.limits.idle_upstream_age),
      recorder(io_, deadlines, snapshot->settings.limits.timeouts.record),
      scratch(*snapshot->program),
      shadow_scratch(snapshot->shadow ? *snapshot->shadow : *snapshot->program),
      work_(asio::make_work_guard(io_)),
      sweep_timer_(io_),
      check_timer_(io_) {
  recorder.set_host(std::move(host));
}

Worker::~Worker() {
  stop();
  join();
  unwind();
}

void Worker::unwind() {
  constexpr net::Milliseconds limit{2'000};
  constexpr net::Milliseconds step{10};
  io_.restart();
  for (ConnectionHook& connection : connections_) {
    connection.abort();
  }
  http2_pool.abort();
  recorder.abandon_all();
  deadlines.sweep(net::Clock::time_point::max());  // a connect under way ends too
  const auto last = net::Clock::now() + limit;
  while ((!connections_.empty() || http2_pool.size() > 0) && net::Clock::now() < last) {
    io_.run_for(step);
  }
}

boost::system::result<std::uint16_t, std::string> Worker::listen(const std::string& address,
                                                                 std::uint16_t port, bool shared) {
  auto listener = net::Listener::open(io_, address, port, shared);
  if (!listener) {
    return listener.error();
  }
  listener_.emplace(std::move(*listener));
  return listener_->port();
}

void Worker::start() {
  asio::co_spawn(io_, deadlines.run(), asio::detached);
  asio::co_spawn(io_, sweep_pool(), asio::detached);
  asio::co_spawn(io_, check_connections(), asio::detached);
  if (listener_) {
    std::function<void(asio::ip::tcp::socket)> serve = [this](asio::ip::tcp::socket socket) {
      accept(std::move(socket));
    };
    asio::co_spawn(io_, listener_->run(std::move(serve)), asio::detached);
  }
  thread_ = std::thread([this] {
    // Signals are the main thread's.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    io_.run();
  });
}

void Worker::join() {
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Worker::stop() {
  asio::post(io_, [this] {
    work_.reset();
    deadlines.stop();
    sweep_timer_.cancel();
    check_timer_.cancel();
    io_.stop();
  });
}

asio::awaitable<void> Worker::sweep_pool() {
  for (;;) {
    sweep_timer_.expires_after(pool_sweep_every);
    auto [error] = co_await sweep_timer_.async_wait(asio::as_tuple(asio::deferred));
    if (error) {
      co_return;
    }
    pool.sweep(net::Clock::now());
    http2_pool.sweep(net::Clock::now());
  }
}

asio::awaitable<void> Worker::check_connections() {
  for (;;) {
    check_timer_.expires_after(connections_checked_every);
    auto [error] = co_await check_timer_.async_wait(asio::as_tuple(asio::deferred));
    if (error) {
      co_return;
    }
    const auto now = std::chrono::system_clock::now();
    for (ConnectionHook& connection : connections_) {
      connection.check_time(now);
    }
  }
}

void Worker::set_snapshot(std::shared_ptr<const Snapshot> next) {
  asio::post(io_, [this, next = std::move(next)]() mutable {
    scratch.fit(*next->program);
    if (next->shadow) {
      shadow_scratch.evaluation.fit(*next->shadow);
    }
    recorder.set_limit(next->settings.limits.timeouts.record);
    snapshot = std::move(next);
    pool.keep_only(snapshot->upstream_terms);
    http2_pool.keep_only(http2_servers(*snapshot));
    for (ConnectionHook& connection : connections_) {
      connection.reconsider();
    }
  });
}

void Worker::set_host(std::shared_ptr<plugin::PluginHost> host) {
  asio::post(io_, [this, host = std::move(host)]() mutable { recorder.set_host(std::move(host)); });
}

void Worker::withhold(bool wanted) {
  asio::post(io_, [this, wanted] { withheld = wanted; });
}

void Worker::drain() {
  asio::post(io_, [this] {
    draining = true;
    if (listener_) {
      listener_->close();
    }
    for (ConnectionHook& connection : connections_) {
      connection.drain();
    }
    pool.clear();
    http2_pool.drain();
  });
}

void Worker::abort() {
  asio::post(io_, [this] {
    for (ConnectionHook& connection : connections_) {
      connection.abort();
    }
  });
}

void Worker::accept(asio::ip::tcp::socket socket) {
  if (draining) {
    return;
  }
  serve_connection(*this, std::move(socket));
}

}  // namespace tallygate
