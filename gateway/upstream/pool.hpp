#pragma once
/// Connections to the servers of routes, kept alive between requests. One pool a thread.
#include "gateway/net/deadlines.hpp"
#include "gateway/net/stream.hpp"
#include "gateway/settings.hpp"
#include "gateway/upstream/server_state.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tallygate::upstream {

/// What the system may hold of an answer that its client does not take, for each connection of HTTP/1.1 to a
/// server: left alone, its buffers grow to some megabytes that nobody counts. The kernel doubles it for its
/// own needs.
inline constexpr int receive_buffer_bytes = 128 * 1024;

/// Threads: its io_context's only. Owns the idle connections.
class Pool {
 public:
  Pool(boost::asio::io_context& io, net::Deadlines& deadlines, std::size_t idle_max,
       net::Milliseconds idle_age)
      : io_(io), deadlines_(deadlines), idle_max_(idle_max), idle_age_(idle_age) {}

  /// A new connection to the server. Errors: of resolving and connecting; timed_out after `limit`.
  boost::asio::awaitable<net::Result<std::unique_ptr<net::Stream>>> open(const UpstreamServer& server,
                                                                         ServerState& state,
                                                                         net::Milliseconds limit);
  /// An idle connection of the server, the newest first; null if there is none that can be trusted.
  [[nodiscard]] std::unique_ptr<net::Stream> take_idle(const std::string& server);
  /// Gives back a connection on which nothing is left to read or write.
  void give(const std::string& server, std::unique_ptr<net::Stream> stream);
  /// Closes what has been idle too long.
  void sweep(net::Clock::time_point now);
  void clear() { idle_.clear(); }
  [[nodiscard]] net::Deadlines& deadlines() noexcept { return deadlines_; }
  [[nodiscard]] std::size_t idle() const noexcept;

 private:
  struct Idle {
    std::unique_ptr<net::Stream> stream;
    net::Clock::time_point since;
  };
  boost::asio::awaitable<net::Result<std::unique_ptr<net::Stream>>> connect(UpstreamServer server,
                                                                            net::Milliseconds limit);

  boost::asio::io_context& io_;
  net::Deadlines& deadlines_;
  std::size_t idle_max_;
  net::Milliseconds idle_age_;
  std::map<std::string, std::vector<Idle>, std::less<>> idle_;
};

}  // namespace tallygate::upstream
