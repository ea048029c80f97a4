#pragma once
/// Asks the servers of routes at intervals whether they work: once for the whole process.
#include "gateway/net/buffer.hpp"
#include "gateway/net/deadlines.hpp"
#include "gateway/upstream/http2_pool.hpp"
#include "gateway/upstream/pool.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tallygate::upstream {

/// A server to be asked.
struct HealthTarget {
  std::shared_ptr<ServerState> state;
  UpstreamServer server;
  HealthSettings settings;
  std::shared_ptr<const Terms> terms;                  ///< of connections to it; may be null
  ProxyProtocol proxy_protocol = ProxyProtocol::none;  ///< what each connection begins with

  bool operator==(const HealthTarget&) const = default;
};

/// Threads: its io_context's only; unwind() after that has stopped. Owns its connections.
class HealthChecks {
 public:
  /// Checks under way at a time; the others wait.
  static constexpr std::size_t checks_max = 64;

  /// Called when a server has become healthy, or is not any more: then `why` says what was wrong.
  using Report = std::function<void(const ServerState& state, bool healthy, const std::string& why)>;

  HealthChecks(boost::asio::io_context& io, Report report);
  HealthChecks(const HealthChecks&) = delete;
  HealthChecks& operator=(const HealthChecks&) = delete;
  ~HealthChecks();

  /// From now on these servers are asked, each at once and then at its intervals; those that were asked
  /// already, in the same way, as before. What is said of others is forgotten.
  void watch(std::vector<HealthTarget> targets);
  /// Asks nobody any more, and ends the checks under way.
  void stop();
  /// Whether nothing is under way any more, after stop().
  [[nodiscard]] bool at_rest() const noexcept { return loops_ == 0 && http2_.size() == 0; }
  /// Lets what has been stopped come to its end, on the calling thread.
  void unwind();
  /// How many servers are asked.
  [[nodiscard]] std::size_t size() const noexcept { return watched_.size(); }

 private:
  struct Watched;
  class Probe;

  boost::asio::awaitable<void> run(std::shared_ptr<Watched> watched);
  boost::asio::awaitable<std::string> check(Watched& watched);
  boost::asio::awaitable<std::string> check_http1(Watched& watched);
  boost::asio::awaitable<std::string> check_http2(Watched& watched);
  boost::asio::awaitable<std::string> read_status(net::Stream& stream, const HealthSettings& settings);
  void judge(Watched& watched, const std::string& failure);
  static void end(Watched& watched);

  boost::asio::io_context& io_;
  Report report_;
  net::Deadlines deadlines_;
  net::BufferPool buffers_;
  Pool pool_;
  Http2Pool http2_;
  ServerStates own_;  // what connections of checks are counted in: their failures are no request's
  std::vector<std::shared_ptr<Watched>> watched_;
  std::size_t running_ = 0;  // checks
  std::size_t loops_ = 0;    // coroutines
  bool ticking_ = false;
};

/// The request that asks a server: a GET with its own name as the Host.
[[nodiscard]] std::string health_request(const UpstreamServer& server, const std::string& path);

/// What is wrong with an answer; empty: it is good.
[[nodiscard]] std::string judge_status(unsigned status, const HealthSettings& settings);

}  // namespace tallygate::upstream
