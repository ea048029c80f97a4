#pragma once
/// HTTP/2 connections to servers, shared by the requests of one thread.
#include "gateway/upstream/http2_connection.hpp"
#include "gateway/upstream/pool.hpp"
#include "gateway/upstream/terms.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/system/result.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tallygate::upstream {

/// Threads: its io_context's only. Owns the connections.
class Http2Pool {
 public:
  using Leased = boost::system::result<std::shared_ptr<Http2Connection>, OpenFailure>;

  /// Borrows all.
  Http2Pool(boost::asio::io_context& io, net::BufferPool& buffers, Pool& tcp, net::Milliseconds idle_age)
      : io_(io), buffers_(buffers), tcp_(tcp), idle_age_(idle_age) {}
  Http2Pool(const Http2Pool&) = delete;
  Http2Pool& operator=(const Http2Pool&) = delete;
  ~Http2Pool() = default;

  /// What a connection to a server must be.
  struct Target {
    const UpstreamServer* server = nullptr;
    ServerState* state = nullptr;
    std::shared_ptr<const Terms> terms;  ///< may be null
    net::Milliseconds connect{0};        ///< until the server has greeted
    net::Milliseconds idle{0};           ///< until it takes something of what is to be sent
  };
  /// A connection on which a stream can be opened at once: one that is there, or a new one, which all who
  /// ask meanwhile wait for, each for its own `target.connect` and no longer. Errors, which the server's
  /// state is told as well: of connecting, of TLS, where the server does not speak HTTP/2, and where it has
  /// as many connections as it may and no room on any.
  boost::asio::awaitable<Leased> lease(Target target);

  /// What tells connections apart. Under other terms, one to the same server is another one.
  struct Key {
    const ServerState* state = nullptr;
    const Terms* terms = nullptr;
    UpstreamProtocol protocol = UpstreamProtocol::h2c;
    bool operator==(const Key&) const = default;
  };
  /// From now on, connections to other servers than these end with their last stream. Until the first call
  /// all are kept. The addresses in `servers` are those of things that live until the next call.
  void keep_only(std::vector<Key> servers);

  /// Ends what has been unused too long, and, with its last stream, what is connected to where its server's
  /// name no longer leads.
  void sweep(net::Clock::time_point now);
  /// Ends every connection after its last stream, those as well that are being opened, and later ones.
  void drain();
  /// Ends every connection at once.
  void abort();
  /// How many connections there are, those among them that are being opened.
  [[nodiscard]] std::size_t size() const noexcept { return connections_.size() + openings_.size(); }

 private:
  struct Kept {
    Key key;
    std::shared_ptr<const Terms> terms;  // so that no other gets its address
    std::shared_ptr<Http2Connection> connection;
  };
  /// A connection that is being opened, and who waits for it: it belongs to none of these, who may all have
  /// left when it is there.
  struct Opening {
    Key key;
    std::vector<net::Wakeup*> waiting;
    bool settled = false;
    std::optional<OpenFailure> failure;
  };
  class Waiting;

  [[nodiscard]] std::shared_ptr<Http2Connection> find(const Key& key) const;
  [[nodiscard]] std::size_t count(const Key& key) const noexcept;
  void retire_useless(const Key& key);
  [[nodiscard]] std::shared_ptr<Opening> opening(const Key& key) const;
  [[nodiscard]] std::shared_ptr<Opening> begin(const Target& target, const Key& key);
  boost::asio::awaitable<bool> wait_for(std::shared_ptr<Opening> opening, net::Clock::time_point last);
  boost::asio::awaitable<std::optional<OpenFailure>> open(UpstreamServer server, Target target, Key key);
  boost::asio::awaitable<std::optional<OpenFailure>> greet(std::unique_ptr<net::Stream> stream,
                                                           const Target& target, Key key,
                                                           net::Clock::time_point last);
  [[nodiscard]] bool wanted(const Key& key) const noexcept;
  void settle(const std::shared_ptr<Opening>& opening, std::optional<OpenFailure> failure);
  void remove(const Http2Connection& connection) noexcept;

  boost::asio::io_context& io_;
  net::BufferPool& buffers_;
  Pool& tcp_;
  net::Milliseconds idle_age_;
  std::vector<Kept> connections_;
  std::vector<std::shared_ptr<Opening>> openings_;
  std::optional<std::vector<Key>> wanted_;  // none: all
  bool draining_ = false;
};

}  // namespace tallygate::upstream
