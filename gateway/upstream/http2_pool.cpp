#include "gateway/upstream/http2_pool.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace tallygate::upstream {
namespace {

namespace asio = boost::asio;

constexpr std::string_view protocol_name = "h2";
constexpr OpenFailure too_late{504, "connect-timeout"};
constexpr OpenFailure not_believed{502, "upstream-tls"};
constexpr OpenFailure not_http2{502, "upstream-protocol"};

constexpr OpenFailure no_streams{503, "upstream-busy"};
constexpr std::size_t opened_max = 2;         // for one request, of which others may take what was opened
constexpr std::size_t connections_max = 128;  // to one server, of one thread

OpenFailure refuse(ServerState& state, OpenFailure failure, std::string why) {
  state.connect_failures.fetch_add(1, std::memory_order_relaxed);
  state.failed(net::Clock::now());
  state.complain(std::move(why));
  return failure;
}

}  // namespace

asio::awaitable<Http2Pool::Leased> Http2Pool::lease(Target target) {
  const Key key{target.state, target.trust.get(), target.server->protocol};
  const auto last = net::coarse_now() + target.connect;
  for (std::size_t opened = 0;;) {
    if (auto connection = find(key)) {
      co_return connection;
    }
    if (net::coarse_now() >= last) {
      co_return too_late;  // one connection after the other was opened, and others took them all
    }
    if (const auto under_way = opening(key)) {
      co_await wait_for(under_way);
      if (under_way->failure) {
        co_return *under_way->failure;
      }
      continue;
    }
    retire_useless(key);
    if (opened++ == opened_max || count(key) >= connections_max) {
      co_return refuse(*target.state, no_streams, "its connections have no room for a request");
    }
    const auto mine = std::make_shared<Opening>();
    mine->key = key;
    openings_.push_back(mine);
    std::optional<OpenFailure> failure;
    std::exception_ptr broken;
    try {
      failure = co_await open(target, key);
    } catch (...) {
      broken = std::current_exception();
      failure = OpenFailure{};  // those who wait must not wait for ever
    }
    settle(mine, failure);
    if (broken) {
      std::rethrow_exception(broken);
    }
    if (failure) {
      co_return *failure;
    }
  }
}

/// The first one that has room, so that those behind it come to an end when there is less to do.
std::shared_ptr<Http2Connection> Http2Pool::find(const Key& key) const {
  for (const Kept& kept : connections_) {
    if (kept.key == key && kept.connection->room() > 0) {
      return kept.connection;
    }
  }
  return nullptr;
}

std::size_t Http2Pool::count(const Key& key) const noexcept {
  return static_cast<std::size_t>(std::count_if(connections_.begin(), connections_.end(),
                                                [&](const Kept& kept) { return kept.key == key; }));
}

/// Connections that allow nothing are told to end: another one in their stead must not leave them behind.
void Http2Pool::retire_useless(const Key& key) {
  for (const Kept& kept : connections_) {
    if (kept.key == key && kept.connection->useless()) {
      kept.connection->retire();
    }
  }
}

std::shared_ptr<Http2Pool::Opening> Http2Pool::opening(const Key& key) const {
  const auto at =
      std::find_if(openings_.begin(), openings_.end(), [&](const auto& one) { return one->key == key; });
  return at == openings_.end() ? nullptr : *at;
}

asio::awaitable<void> Http2Pool::wait_for(std::shared_ptr<Opening> opening) {
  net::Wakeup ready(io_);
  opening->waiting.push_back(&ready);
  co_await ready.wait();
}

void Http2Pool::settle(const std::shared_ptr<Opening>& opening, std::optional<OpenFailure> failure) {
  opening->failure = failure;
  std::erase(openings_, opening);
  for (net::Wakeup* waiting : std::exchange(opening->waiting, {})) {
    waiting->wake();
  }
}

asio::awaitable<std::optional<OpenFailure>> Http2Pool::open(Target target, Key key) {
  auto stream = co_await tcp_.open(*target.server, *target.state, target.connect);
  if (!stream) {
    co_return stream.error() == asio::error::timed_out ? too_late : OpenFailure{};
  }
  if (target.server->protocol == UpstreamProtocol::h2) {
    if (const auto failure = co_await secure(**stream, target)) {
      co_return failure;
    }
  }
  co_return co_await greet(std::move(*stream), target, key);
}

asio::awaitable<std::optional<OpenFailure>> Http2Pool::secure(net::Stream& stream, const Target& target) {
  stream.expires_in(target.connect);
  net::SslPointer state = target.trust->connection(target.server->host, protocol_name);
  const net::error_code error = co_await stream.connect_tls(std::move(state));
  if (error == asio::error::timed_out) {
    co_return refuse(*target.state, too_late, "no TLS handshake within the time for connecting");
  }
  const bool refused = error && net::protocol_refused();
  if (error && !refused) {
    co_return refuse(*target.state, not_believed, "no TLS: " + net::handshake_failure(stream.tls()));
  }
  if (refused || net::chosen_protocol(stream.tls()) != protocol_name) {
    co_return refuse(*target.state, not_http2,
                     "it does not agree to HTTP/2 (ALPN h2), which its h2:// asks for");
  }
  co_return std::nullopt;
}

asio::awaitable<std::optional<OpenFailure>> Http2Pool::greet(std::unique_ptr<net::Stream> stream,
                                                             const Target& target, Key key) {
  const Http2Connection::Timeouts timeouts{target.connect, target.idle};
  const auto connection =
      std::make_shared<Http2Connection>(io_, tcp_.deadlines(), buffers_, std::move(stream), timeouts);
  connections_.push_back({key, target.trust, connection});
  if (draining_) {
    connection->drain();
  }
  asio::co_spawn(io_, connection->run(),
                 [this, connection](const std::exception_ptr& /*none*/) { remove(*connection); });
  if (co_await connection->greeted()) {
    if (!connection->useless()) {
      co_return std::nullopt;
    }
    connection->retire();
    co_return refuse(*target.state, no_streams, "it allows no request on a new connection");
  }
  if (connection->timed_out()) {
    co_return refuse(*target.state, too_late, "no HTTP/2 greeting within the time for connecting");
  }
  co_return refuse(*target.state, not_http2,
                   "it does not greet as HTTP/2 does, which its h2c:// or h2:// says");
}

void Http2Pool::remove(const Http2Connection& connection) noexcept {
  std::erase_if(connections_, [&](const Kept& kept) { return kept.connection.get() == &connection; });
}

void Http2Pool::sweep(net::Clock::time_point now) {
  for (const Kept& kept : connections_) {
    const auto since = kept.connection->idle_since();
    if (since != net::Clock::time_point::max() && now - since >= idle_age_) {
      kept.connection->retire();
    }
  }
}

void Http2Pool::drain() {
  draining_ = true;
  for (const Kept& kept : connections_) {
    kept.connection->drain();
  }
}

void Http2Pool::abort() {
  for (const Kept& kept : connections_) {
    kept.connection->abort();
  }
}

}  // namespace tallygate::upstream
