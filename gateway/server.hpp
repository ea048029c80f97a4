#pragma once
/// The gateway as a whole: threads, listeners, the plugin, start, reload and drain.
#include "gateway/access/recorder.hpp"
#include "gateway/log.hpp"
#include "gateway/review/admin.hpp"
#include "gateway/review/tlog_service.hpp"
#include "gateway/review/writers_desk.hpp"
#include "gateway/snapshot.hpp"
#include "gateway/upstream/health_checks.hpp"
#include "gateway/worker.hpp"
#include "plugin/host.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tallygate {

/// Why a server could not be made.
struct StartError {
  std::string message;        ///< one or more lines, with file:line:column where there is a file
  bool configuration = true;  ///< false: the machine would not have it, such as an address that is in use
};

/// Threads: make() and run() on one thread, which becomes the control thread; stop() and reload() from any.
/// Owns everything.
class Server {
 public:
  /// Builds the first snapshot and binds the listeners. Errors: what is wrong, with file:line:column where
  /// there is a file. A plugin that cannot be opened is no error here: every request is refused with 503
  /// until it can.
  [[nodiscard]] static boost::system::result<std::unique_ptr<Server>, StartError> make(Settings settings,
                                                                                       Log& log);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Called on the control thread once requests are served.
  void on_ready(std::function<void()> callback) { ready_callback_ = std::move(callback); }
  /// Serves until stop(), SIGTERM or SIGINT; SIGHUP reloads. Returns after the drain.
  void run();
  void stop();
  void reload();

  [[nodiscard]] std::uint16_t https_port() const noexcept { return https_port_; }
  [[nodiscard]] std::uint16_t admin_port() const noexcept { return admin_->port(); }

 private:
  /// Between two attempts to have the record take something; doubled up to the longest, since every attempt
  /// may leave a little behind in a plugin that hangs.
  static constexpr net::Milliseconds plugin_retry{1'000};
  static constexpr net::Milliseconds plugin_retry_longest{16'000};

  Server(std::unique_ptr<Persistent> persistent, std::shared_ptr<const Snapshot> snapshot, Log& log);

  [[nodiscard]] std::string bind();
  boost::asio::awaitable<void> watch_signals();
  boost::asio::awaitable<void> keep_house();
  /// Looks at the memory that is in use, so that load is shed before the system ends the process.
  boost::asio::awaitable<void> watch_memory();
  /// Opens the plugin and puts the gateway's start and its policy on record; only then may anybody use it.
  boost::asio::awaitable<void> open_plugin();
  boost::asio::awaitable<bool> introduce();
  /// Puts on record what is in force: the configuration, the policy, and the shadow beside it.
  boost::asio::awaitable<bool> state_in_force();
  /// After a reload that is on record in part: nobody is served until the record says again what is in force.
  boost::asio::awaitable<void> restate();
  /// Reloads, one at a time; asked for meanwhile, once more.
  boost::asio::awaitable<void> reload_now();
  boost::asio::awaitable<void> reload_once();
  /// Where settings say so: reloads when a file that the last reload read has changed.
  boost::asio::awaitable<void> watch_files();
  boost::asio::awaitable<void> refresh_keys();
  boost::asio::awaitable<void> drain();
  boost::asio::awaitable<bool> record(std::string_view kind,
                                      const std::function<void(access::EventText&)>& fill);
  boost::asio::awaitable<bool> record_policy(const Snapshot& snapshot);
  boost::asio::awaitable<bool> record_shadow(const Snapshot& snapshot);
  boost::asio::awaitable<void> reject_shadow(const std::string& failure);
  boost::asio::awaitable<bool> record_texts(const std::vector<policy::yaml::SourceFile>& sources,
                                            const policy::Program& program, bool shadow);
  boost::asio::awaitable<bool> record_refusal(const PolicyRefusal& refusal);
  boost::asio::awaitable<void> record_session_events(std::vector<identity::SessionEvent> events);
  /// Records what floods were counted; sums that the record does not take are given back for the next time.
  boost::asio::awaitable<void> record_floods(std::vector<access::Suppressed> sums);
  boost::asio::awaitable<void> sleep(net::Milliseconds time);
  /// Waits so long, and doubles it for the next time. False where the gateway stops.
  boost::asio::awaitable<bool> wait_to_retry(net::Milliseconds& pause);
  /// Asks the servers of the snapshot in force whether they work, and no others.
  void watch_servers();
  void withdraw_sessions(const Snapshot& next, std::vector<identity::SessionEvent>& events);

  struct Readiness {
    bool ready = false;
    std::string reason;
  };
  [[nodiscard]] Readiness readiness();
  [[nodiscard]] review::AdminAnswer ready_answer();
  [[nodiscard]] review::AdminAnswer metrics_answer(bool open_metrics);
  void ask_tlog(const review::TlogRequest& request, review::Caller caller, review::TlogDone done);
  /// Takes what a writer posted: judged on the desk's thread, recorded here, answered once it is durable.
  void take_posted(review::PostedRecord posted, std::function<void(review::AdminAnswer)> done);
  /// Puts on record what was refused before it could be judged, then has it answered.
  void refuse_posted(review::IngestRefusal refusal, review::AdminAnswer answer,
                     std::function<void(review::AdminAnswer)> done);
  boost::asio::awaitable<void> finish_posted(review::IngestVerdict verdict,
                                             std::function<void(review::AdminAnswer)> done);
  boost::asio::awaitable<review::AdminAnswer> record_ingested(const review::IngestEvent& event);
  /// Records a refusal of the admin listener, unless its source had too many: then it is counted.
  boost::asio::awaitable<void> record_refusal(std::string_view kind, std::string_view client,
                                              std::string_view reason,
                                              const std::function<void(access::EventText&)>& fill);
  boost::asio::awaitable<void> refuse_token(review::TokenState state, review::AdminAnswer answer,
                                            std::string client, review::TlogDone done);
  /// Why the journal cannot be asked now; nothing where it can.
  [[nodiscard]] std::optional<review::AdminAnswer> journal_closed() const;

  boost::asio::io_context io_{1};  // first: outlives everything that posts to it
  Log& log_;
  std::unique_ptr<Persistent> persistent_;
  std::shared_ptr<const Snapshot> snapshot_;
  net::Deadlines deadlines_;
  access::Recorder recorder_;
  access::IdSource ids_;
  access::EventText event_;
  std::vector<std::unique_ptr<Worker>> workers_;
  upstream::HealthChecks health_;
  std::unique_ptr<review::Admin> admin_;
  std::unique_ptr<review::TlogService> tlog_;  // where the plugin is the journal, as the next
  std::unique_ptr<review::WritersDesk> desk_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer timer_;
  boost::asio::steady_timer retry_timer_;
  std::shared_ptr<plugin::PluginHost> host_;
  std::string plugin_error_ = "the plugin is not open yet";
  std::function<void()> ready_callback_;
  std::uint16_t https_port_ = 0;
  std::uint64_t timeouts_seen_ = 0;
  net::Clock::time_point timeouts_at_;
  bool introduced_ = false;
  bool busy_ = false;  // a reload or the introduction is under way
  bool reload_wanted_ = false;
  bool stopping_ = false;
  bool hurry_ = false;
};

/// Where the shared object of a plugin is: `journal` is the audit plugin beside the binary or in its library
/// folder.
[[nodiscard]] std::string plugin_path(const std::string& plugin);

}  // namespace tallygate
