#pragma once
/// Connections to the servers of routes, kept alive between requests. One pool a thread.
#include "gateway/net/deadlines.hpp"
#include "gateway/net/stream.hpp"
#include "gateway/settings.hpp"
#include "gateway/upstream/name_watch.hpp"
#include "gateway/upstream/names.hpp"
#include "gateway/upstream/server_state.hpp"
#include "gateway/upstream/terms.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
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
       net::Milliseconds idle_age, net::Milliseconds resolve_every)
      : io_(io),
        deadlines_(deadlines),
        idle_max_(idle_max),
        idle_age_(idle_age),
        resolve_every_(resolve_every) {
    set_names(system_names(io));
  }

  using Opened = boost::system::result<std::unique_ptr<net::Stream>, OpenFailure>;
  using SharedTerms = std::shared_ptr<const Terms>;

  /// A new connection to the server, on which it has proved who it is where it is under TLS. Errors, which
  /// `state` is told as well: of resolving, of connecting and of TLS, each within `limit`, which all share;
  /// and where its name leads to addresses that it must not lead to. `preface` is sent first of all, before
  /// TLS.
  boost::asio::awaitable<Opened> open(const UpstreamServer& server, ServerState& state, SharedTerms terms,
                                      std::string_view preface, net::Milliseconds limit);
  /// An idle connection of the server that was opened under these very terms, the newest first; null if there
  /// is none that can be trusted.
  [[nodiscard]] std::unique_ptr<net::Stream> take_idle(const std::string& server, const SharedTerms& terms);
  /// Gives back a connection on which nothing is left to read or write.
  void give(const std::string& server, const SharedTerms& terms, std::unique_ptr<net::Stream> stream);
  /// Closes the idle connections that were opened under other terms than these and none.
  void keep_only(std::span<const SharedTerms> terms);
  /// Asks somebody else than the system for addresses.
  void set_names(std::unique_ptr<Names> names) {
    names_ = std::move(names);
    watch_.emplace(*names_, resolve_every_);
  }
  /// Whether the name of a server still leads to the peer of a connection; watched from now on.
  [[nodiscard]] bool still_leads(const std::string& server, net::Stream& stream);
  /// Closes what has been idle too long, or is connected to where its server's name no longer leads, and asks
  /// again for names.
  void sweep(net::Clock::time_point now);
  void clear() { idle_.clear(); }
  [[nodiscard]] net::Deadlines& deadlines() noexcept { return deadlines_; }
  [[nodiscard]] std::size_t idle() const noexcept;

 private:
  struct Idle {
    std::unique_ptr<net::Stream> stream;
    net::Clock::time_point since;
  };
  using Connections = std::map<std::string, std::vector<Idle>, std::less<>>;

  boost::asio::awaitable<Opened> connect(const UpstreamServer& server, ServerState& state, const Terms* terms,
                                         net::Milliseconds limit);

  boost::asio::io_context& io_;
  net::Deadlines& deadlines_;
  std::size_t idle_max_;
  net::Milliseconds idle_age_;
  net::Milliseconds resolve_every_;
  std::unique_ptr<Names> names_;
  std::optional<NameWatch> watch_;  // borrows names_
  std::map<SharedTerms, Connections> idle_;
};

}  // namespace tallygate::upstream
