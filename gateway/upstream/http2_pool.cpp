#include "gateway/upstream/http2_pool.hpp"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <exception>
#include <string_view>
#include <utility>

namespace tallygate::upstream {
namespace {

namespace asio = boost::asio;

constexpr OpenFailure no_streams{503, "upstream-busy"};
constexpr std::size_t opened_max = 2;         // for one request, of which others may take what was opened
constexpr std::size_t connections_max = 128;  // to one server, of one thread

/// What is left of the time for connecting, which all steps share: one tick at least, since none is no limit.
net::Milliseconds left_until(net::Clock::time_point last) noexcept {
  const auto left = std::chrono::duration_cast<net::Milliseconds>(last - net::coarse_now());
  return std::max(left, net::Milliseconds{1});
}

}  // namespace

/// One who waits for a connection, for as long as it may.
class Http2Pool::Waiting final : public net::Timed {
 public:
  Waiting(asio::io_context& io, net::Deadlines& deadlines, std::shared_ptr<Opening> opening)
      : ready_(io), opening_(std::move(opening)) {
    deadlines.add(*this);
    opening_->waiting.push_back(&ready_);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() override { std::erase(opening_->waiting, &ready_); }

  asio::awaitable<void> wait() { return ready_.wait(); }
  [[nodiscard]] bool late() const noexcept { return late_; }

 private:
  void on_expired() noexcept override {
    late_ = true;
    expires_in(net::Milliseconds{0});
    ready_.wake();
  }

  net::Wakeup ready_;
  std::shared_ptr<Opening> opening_;
  bool late_ = false;
};

asio::awaitable<Http2Pool::Leased> Http2Pool::lease(Target target) {
  const Key key{target.state, target.terms.get(), target.server->protocol};
  const auto last = net::coarse_now() + target.connect;
  for (std::size_t opened = 0;;) {
    if (auto connection = find(key)) {
      co_return connection;
    }
    std::shared_ptr<Opening> under_way = opening(key);
    if (!under_way) {
      retire_useless(key);
      if (opened++ == opened_max || count(key) >= connections_max) {
        co_return target.state->refuse(no_streams, "its connections have no room for a request");
      }
      under_way = begin(target, key);
    }
    if (!under_way->settled && !co_await wait_for(under_way, last)) {
      co_return connect_timeout;  // perhaps one connection after the other was opened, and others took them
                                  // all
    }
    if (under_way->failure) {
      co_return *under_way->failure;
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

/// Opens a connection for whoever will wait for it. The settings it goes by may be gone before it is there.
std::shared_ptr<Http2Pool::Opening> Http2Pool::begin(const Target& target, const Key& key) {
  const auto mine = std::make_shared<Opening>();
  mine->key = key;
  auto opened = open(*target.server, target, key);
  const auto done = [this, mine](const std::exception_ptr& broken,
                                 const std::optional<OpenFailure>& failure) {
    settle(mine, broken ? OpenFailure{} : failure);  // those who wait must not wait for ever
  };
  openings_.push_back(mine);
  try {
    asio::co_spawn(io_, std::move(opened), done);
  } catch (...) {
    std::erase(openings_, mine);
    throw;
  }
  return mine;
}

/// False: `last` came first.
asio::awaitable<bool> Http2Pool::wait_for(std::shared_ptr<Opening> opening, net::Clock::time_point last) {
  Waiting waiting(io_, tcp_.deadlines(), std::move(opening));
  waiting.expires_at(last);
  co_await waiting.wait();
  co_return !waiting.late();
}

void Http2Pool::settle(const std::shared_ptr<Opening>& opening, std::optional<OpenFailure> failure) {
  opening->failure = failure;
  opening->settled = true;
  std::erase(openings_, opening);
  for (net::Wakeup* waiting : std::exchange(opening->waiting, {})) {
    waiting->wake();
  }
}

asio::awaitable<std::optional<OpenFailure>> Http2Pool::open(UpstreamServer server, Target target, Key key) {
  target.server = &server;
  const auto last = net::coarse_now() + target.connect;
  const std::string_view no_preface;  // that would say whose a connection is, which requests share
  auto stream = co_await tcp_.open(server, *target.state, target.terms, no_preface, target.connect);
  if (!stream) {
    co_return stream.error();
  }
  co_return co_await greet(std::move(*stream), target, key, last);
}

asio::awaitable<std::optional<OpenFailure>> Http2Pool::greet(std::unique_ptr<net::Stream> stream,
                                                             const Target& target, Key key,
                                                             net::Clock::time_point last) {
  const Http2Connection::Timeouts timeouts{left_until(last), target.idle};
  const auto connection =
      std::make_shared<Http2Connection>(io_, tcp_.deadlines(), buffers_, std::move(stream), timeouts);
  connections_.push_back({key, target.terms, connection});
  if (draining_ || !wanted(key)) {
    connection->drain();
  }
  asio::co_spawn(io_, connection->run(),
                 [this, connection](const std::exception_ptr& /*none*/) { remove(*connection); });
  if (co_await connection->greeted()) {
    if (!connection->useless()) {
      co_return std::nullopt;
    }
    connection->retire();
    co_return target.state->refuse(no_streams, "it allows no request on a new connection");
  }
  if (connection->timed_out()) {
    co_return target.state->refuse(connect_timeout, "no HTTP/2 greeting within the time for connecting");
  }
  co_return target.state->refuse(protocol_failed,
                                 "it does not greet as HTTP/2 does, which its h2c:// or h2:// says");
}

void Http2Pool::remove(const Http2Connection& connection) noexcept {
  std::erase_if(connections_, [&](const Kept& kept) { return kept.connection.get() == &connection; });
}

void Http2Pool::sweep(net::Clock::time_point now) {
  for (const Kept& kept : connections_) {
    const auto since = kept.connection->idle_since();
    const bool unused = since != net::Clock::time_point::max() && now - since >= idle_age_;
    if (unused || !tcp_.still_leads(kept.key.state->name, kept.connection->stream())) {
      kept.connection->retire();
    }
  }
}

bool Http2Pool::wanted(const Key& key) const noexcept {
  return !wanted_ || std::find(wanted_->begin(), wanted_->end(), key) != wanted_->end();
}

void Http2Pool::keep_only(std::vector<Key> servers) {
  wanted_ = std::move(servers);
  for (const Kept& kept : connections_) {
    if (!wanted(kept.key)) {
      kept.connection->drain();
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
