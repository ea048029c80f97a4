#pragma once
/// One thread of the gateway: its io_context, its listener, its connections, its pool. Nothing of it is
/// shared.
#include "gateway/access/ids.hpp"
#include "gateway/access/record.hpp"
#include "gateway/access/recorder.hpp"
#include "gateway/net/buffer.hpp"
#include "gateway/net/deadlines.hpp"
#include "gateway/net/listener.hpp"
#include "gateway/snapshot.hpp"
#include "gateway/upstream/balance.hpp"
#include "gateway/upstream/http2_pool.hpp"
#include "gateway/upstream/pool.hpp"
#include "policy/evaluate/scratch.hpp"
#include "policy/explain/verdict.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/intrusive/list.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace tallygate {

class Connection;

/// What the worker knows of its connections, to close them. Leaves by itself when destroyed.
struct ConnectionHook
    : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  ConnectionHook() = default;
  ConnectionHook(const ConnectionHook&) = delete;
  ConnectionHook& operator=(const ConnectionHook&) = delete;
  virtual ~ConnectionHook() = default;
  /// Close now if no request is under way, else after it.
  virtual void drain() noexcept = 0;
  /// Close now, whatever is under way.
  virtual void abort() noexcept = 0;
  /// A new snapshot is in force: end what it no longer allows.
  virtual void reconsider() noexcept = 0;
  /// Time has passed: end what no longer holds.
  virtual void check_time(access::SystemTime now) noexcept = 0;
};

/// Threads: constructed, started and joined by the server's; everything else on its own thread.
class Worker {
 public:
  Worker(Persistent& persistent, std::shared_ptr<const Snapshot> snapshot,
         std::shared_ptr<plugin::PluginHost> host);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Opens the listener. Errors: a sentence.
  [[nodiscard]] boost::system::result<std::uint16_t, std::string> listen(const std::string& address,
                                                                         std::uint16_t port, bool shared);
  void start();
  void join();

  // From any thread: done on the worker's.
  void set_snapshot(std::shared_ptr<const Snapshot> snapshot);
  void set_host(std::shared_ptr<plugin::PluginHost> host);
  /// Refuses every request with 503, whatever settings say of an unwritable record, until it is called with
  /// false. What is under way goes on.
  void withhold(bool withheld);
  /// Stops accepting, ends idle connections, and lets requests under way finish.
  void drain();
  /// Ends everything that is still there.
  void abort();
  /// Ends the thread's loop; start() and then join() must have been called.
  void stop();

  /// Ends what is still there, on the calling thread, so that no coroutine outlives what it borrows. After
  /// join().
  void unwind();

  [[nodiscard]] boost::asio::io_context& io() noexcept { return io_; }

 private:
  boost::asio::io_context io_{1};  // first: outlives everything that posts to it

 public:
  // For its connections, on its thread.
  Persistent& persistent;
  std::shared_ptr<const Snapshot> snapshot;
  net::Deadlines deadlines;
  net::BufferPool buffers;
  upstream::Pool pool;
  upstream::Http2Pool http2_pool;
  access::Recorder recorder;
  access::AccessRecord record;
  access::IdSource ids;
  policy::Scratch scratch;
  policy::DecideScratch shadow_scratch;  ///< the decision under way points into the other
  policy::CanonicalScratch canonical_scratch;
  /// Where this thread is among the servers of a route, by its index in whatever snapshot: a reload may start
  /// another turn.
  [[nodiscard]] upstream::Turn& turn(std::size_t route) {
    if (route >= turns_.size()) {
      turns_.resize(route + 1);
    }
    return turns_[route];
  }
  bool draining = false;
  bool withheld = false;  ///< the record does not say what is in force
  void add(ConnectionHook& connection) { connections_.push_back(connection); }

 private:
  void accept(boost::asio::ip::tcp::socket socket);
  boost::asio::awaitable<void> sweep_pool();
  boost::asio::awaitable<void> check_connections();

  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> work_;
  std::optional<net::Listener> listener_;
  boost::asio::steady_timer sweep_timer_;
  boost::asio::steady_timer check_timer_;
  std::vector<upstream::Turn> turns_;
  boost::intrusive::list<ConnectionHook, boost::intrusive::constant_time_size<false>> connections_;
  std::thread thread_;
};

}  // namespace tallygate
