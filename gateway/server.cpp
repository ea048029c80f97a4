#include "gateway/server.hpp"

#include "gateway/access/json.hpp"
#include "gateway/review/metrics_text.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>
#include <utility>

namespace tallygate {
namespace {

namespace asio = boost::asio;
constexpr auto nothrow = asio::as_tuple(asio::deferred);

constexpr net::Milliseconds house_every{1'000};
constexpr net::Milliseconds memory_look_every{100};
constexpr net::Milliseconds trim_every{1'000};  // it holds up whoever allocates
constexpr net::Milliseconds drain_poll{20};
constexpr net::Milliseconds abort_wait{2'000};

void exit_loudly(const std::exception_ptr& failure, Log& log) {
  if (!failure) {
    return;
  }
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    log.error("internal error in the control loop", {{"error", error.what()}});
  }
}

}  // namespace

std::string plugin_path(const std::string& plugin) {
  if (plugin != "journal") {
    return plugin;
  }
  constexpr const char* file = "tallygate-journal.so";
  std::error_code error;
  const auto folder = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  for (const auto& candidate : {folder / file, folder / ".." / "lib" / "tallygate" / "plugins" / file}) {
    if (std::filesystem::exists(candidate, error)) {
      return candidate.string();
    }
  }
  return (folder / file).string();
}

boost::system::result<std::unique_ptr<Server>, StartError> Server::make(Settings settings, Log& log) {
  auto persistent = make_persistent(settings);
  if (!persistent) {
    return StartError{persistent.error(), true};
  }
  auto snapshot = build_snapshot(std::move(settings), **persistent);
  if (!snapshot) {
    return StartError{snapshot.error().text, true};
  }
  std::unique_ptr<Server> server(new Server(std::move(*persistent), std::move(*snapshot), log));
  if (std::string error = server->bind(); !error.empty()) {
    return StartError{std::move(error), false};
  }
  return server;
}

Server::Server(std::unique_ptr<Persistent> persistent, std::shared_ptr<const Snapshot> snapshot, Log& log)
    : log_(log),
      persistent_(std::move(persistent)),
      snapshot_(std::move(snapshot)),
      deadlines_(io_),
      recorder_(io_, deadlines_, snapshot_->settings.limits.timeouts.record),
      health_(io_,
              [this](const upstream::ServerState& server, bool healthy, const std::string& why) {
                if (healthy) {
                  log_.info("an upstream is in use again", {{"upstream", server.name}});
                } else {
                  log_.warning("an upstream is out of use: its health checks fail",
                               {{"upstream", server.name}, {"reason", why}});
                }
              }),
      signals_(io_),
      timer_(io_),
      retry_timer_(io_) {}

Server::~Server() {
  for (auto& worker : workers_) {
    worker->stop();
  }
  for (auto& worker : workers_) {
    worker->join();
  }
  for (auto& worker : workers_) {
    worker->unwind();
    worker->recorder.set_host(nullptr);
  }
  health_.unwind();
  recorder_.set_host(nullptr);
  desk_.reset();  // reads the journal's files
  host_.reset();  // closes the plugin while everything that it may still answer to exists
}

std::string Server::bind() {
  const Settings& settings = snapshot_->settings;
  const unsigned threads =
      settings.threads != 0 ? settings.threads : std::max(1U, std::thread::hardware_concurrency());
  https_port_ = settings.listen.https.port;
  if (https_port_ != 0) {
    // The workers share the port with each other, and so would with a second gateway, unnoticed: it must be
    // free.
    if (const auto free = net::Listener::probe(settings.listen.https.address, https_port_); !free) {
      return free.error();
    }
  }
  for (unsigned at = 0; at < threads; ++at) {
    auto& worker = workers_.emplace_back(std::make_unique<Worker>(*persistent_, snapshot_, nullptr));
    const auto port = worker->listen(settings.listen.https.address, https_port_, true);
    if (!port) {
      return port.error();
    }
    https_port_ = *port;
  }
  review::AdminSources sources;
  sources.ready = [this] { return ready_answer(); };
  sources.metrics = [this](bool open_metrics) { return metrics_answer(open_metrics); };
  if (settings.audit.plugin == "journal") {
    tlog_ = std::make_unique<review::TlogService>(
        io_, review::TlogReader(settings.audit.journal.path), [this](const std::string& what) {
          log_.error("the journal cannot be shown as a transparency log", {{"reason", what}});
        });
    sources.tlog = [this](const review::TlogRequest& request, review::Caller caller, review::TlogDone done) {
      ask_tlog(request, std::move(caller), std::move(done));
    };
    desk_ = std::make_unique<review::WritersDesk>(
        io_, review::WritersRecord(settings.audit.journal.path), [this](const std::string& what) {
          log_.error("the writers of the journal cannot be told", {{"reason", what}});
        });
    sources.ingest = [this](review::PostedRecord posted, std::function<void(review::AdminAnswer)> done) {
      take_posted(std::move(posted), std::move(done));
    };
    sources.refused = [this](review::IngestRefusal refusal, review::AdminAnswer answer,
                             std::function<void(review::AdminAnswer)> done) {
      refuse_posted(std::move(refusal), std::move(answer), std::move(done));
    };
  }
  auto admin =
      review::Admin::open(io_, settings.listen.admin.address, settings.listen.admin.port, std::move(sources));
  if (!admin) {
    return admin.error();
  }
  admin_ = std::move(*admin);
  return {};
}

void Server::run() {
  const auto done = [this](const std::exception_ptr& failure) { exit_loudly(failure, log_); };
  signals_.add(SIGTERM);
  signals_.add(SIGINT);
  signals_.add(SIGHUP);
  for (auto& worker : workers_) {
    worker->start();
  }
  admin_->start();
  asio::co_spawn(io_, deadlines_.run(), asio::detached);
  watch_servers();
  asio::co_spawn(io_, watch_signals(), done);
  asio::co_spawn(io_, open_plugin(), done);
  asio::co_spawn(io_, keep_house(), done);
  asio::co_spawn(io_, watch_memory(), done);
  asio::co_spawn(io_, refresh_keys(), done);
  asio::co_spawn(io_, watch_files(), done);
  io_.run();
}

void Server::stop() {
  asio::post(io_, [this] {
    if (!stopping_) {
      asio::co_spawn(io_, drain(), [this](const std::exception_ptr& failure) { exit_loudly(failure, log_); });
    }
  });
}

void Server::reload() {
  asio::post(io_, [this] {
    asio::co_spawn(io_, reload_now(),
                   [this](const std::exception_ptr& failure) { exit_loudly(failure, log_); });
  });
}

asio::awaitable<void> Server::watch_signals() {
  for (;;) {
    auto [error, signal] = co_await signals_.async_wait(nothrow);
    if (error) {
      co_return;
    }
    if (signal == SIGHUP) {
      reload();  // not awaited: a record that does not take it must not keep other signals waiting
    } else if (stopping_) {
      hurry_ = true;  // asked twice: requests under way are cut
    } else {
      asio::co_spawn(io_, drain(), [this](const std::exception_ptr& failure) { exit_loudly(failure, log_); });
    }
  }
}

void Server::watch_servers() {
  if (stopping_) {
    return;
  }
  std::vector<upstream::HealthTarget> targets;
  const std::span<const RouteSettings> routes = snapshot_->routes.all();
  for (std::size_t i = 0; i < routes.size(); ++i) {
    for (std::size_t j = 0; routes[i].spread.health && j < routes[i].servers.size(); ++j) {
      const auto& state = snapshot_->servers[i][j];
      // What several routes say of one server is the same: settings see to that.
      if (std::none_of(targets.begin(), targets.end(), [&](const auto& one) { return one.state == state; })) {
        targets.push_back({state, routes[i].servers[j], *routes[i].spread.health,
                           snapshot_->upstream_terms[i], routes[i].proxy_protocol});
      }
    }
  }
  health_.watch(std::move(targets));
}

asio::awaitable<void> Server::sleep(net::Milliseconds time) {
  asio::steady_timer timer(io_, time);
  auto [error] = co_await timer.async_wait(nothrow);
  if (error) {
    co_return;
  }
}

asio::awaitable<bool> Server::wait_to_retry(net::Milliseconds& pause) {
  if (stopping_) {
    co_return false;
  }
  retry_timer_.expires_after(pause);
  pause = std::min(pause * 2, plugin_retry_longest);
  auto [error] = co_await retry_timer_.async_wait(nothrow);
  co_return !error && !stopping_;
}

asio::awaitable<void> Server::open_plugin() {
  const AuditSettings& audit = snapshot_->settings.audit;
  const std::string path = plugin_path(audit.plugin);
  auto pause = plugin_retry;
  for (std::string said; !stopping_;) {
    auto host = plugin::PluginHost::load(
        path, plugin_config_json(snapshot_->settings), [this](tg_log_level level, std::string_view message) {
          log_.write(static_cast<LogLevel>(level), message, {{"from", "plugin"}});
        });
    if (host) {
      host_ = std::move(*host);
      recorder_.set_host(host_);
      busy_ = true;
      const bool known = co_await introduce();
      busy_ = false;
      if (std::exchange(reload_wanted_, false)) {
        reload();
      }
      if (known) {
        break;
      }
      const std::string refusal = recorder_.last_refusal();
      plugin_error_ = "the plugin '" + path + "' does not record the gateway's start: " +
                      (refusal.empty() ? "it does not answer in time" : refusal);
      recorder_.set_host(nullptr);
      host_.reset();
    } else {
      plugin_error_ = host.error().message;
    }
    if (plugin_error_ != said) {
      log_.error("no request is served: the record is not available", {{"reason", plugin_error_}});
    }
    said = plugin_error_;
    if (!co_await wait_to_retry(pause)) {
      co_return;
    }
  }
  if (stopping_) {
    co_return;
  }
  plugin_error_.clear();
  for (auto& worker : workers_) {
    worker->set_host(host_);
  }
  log_.info("serving",
            {{"https", snapshot_->settings.listen.https.address + ":" + std::to_string(https_port_)},
             {"admin", snapshot_->settings.listen.admin.address + ":" + std::to_string(admin_->port())},
             {"policy", snapshot_->program->digest_hex()},
             {"plugin", std::string(host_->name())}});
  if (ready_callback_) {
    ready_callback_();
  }
}

asio::awaitable<void> Server::keep_house() {
  while (!stopping_) {
    timer_.expires_after(house_every);
    auto [error] = co_await timer_.async_wait(nothrow);
    if (error || stopping_) {
      co_return;
    }
    const auto now = std::chrono::system_clock::now();
    co_await record_session_events(persistent_->sessions->sweep(now));
    co_await record_floods(persistent_->floods.due(net::Clock::now()));
    for (const auto& server : persistent_->servers.all()) {
      if (const std::string why = server->take_complaint(); !why.empty()) {
        log_.warning("an upstream cannot be used", {{"upstream", server->name}, {"reason", why}});
      }
    }
  }
}

asio::awaitable<void> Server::watch_memory() {
  const std::size_t allowance = access::memory_allowance();
  bool was_short = false;
  net::Clock::time_point trim_at{};
  while (!stopping_) {
    const std::optional<std::size_t> set = snapshot_->settings.limits.memory;
    const std::size_t most = set.value_or(0) != 0 ? *set : (set ? allowance : 0);
    const std::size_t resident = most == 0 ? 0 : access::resident_bytes();
    persistent_->load.observe(resident, most);
    if (persistent_->load.memory_short() && net::Clock::now() >= trim_at) {
      // What was freed may still be with the allocator: without this a peak would be the last.
      ::malloc_trim(0);
      trim_at = net::Clock::now() + trim_every;
      persistent_->load.observe(access::resident_bytes(), most);
    }
    if (const bool now_short = persistent_->load.memory_short(); now_short != was_short) {
      was_short = now_short;
      log_.warning(now_short ? "memory is short: new connections are closed and requests answered with 503"
                             : "there is memory again",
                   {{"resident", std::to_string(resident)}, {"limit", std::to_string(most)}});
    }
    co_await sleep(memory_look_every);
  }
}

/// Beside the house-keeping: an issuer that does not answer must not delay the end of sessions.
asio::awaitable<void> Server::refresh_keys() {
  while (!stopping_) {
    co_await sleep(house_every);
    const auto jwt = snapshot_->jwt;
    if (jwt && !stopping_) {
      co_await jwt->refresh_due(std::chrono::system_clock::now());
    }
  }
}

asio::awaitable<void> Server::drain() {
  stopping_ = true;
  log_.info("draining", {{"connections", std::to_string(persistent_->counts.connections_open.load())}});
  retry_timer_.cancel();
  timer_.cancel();
  health_.stop();
  for (auto& worker : workers_) {
    worker->drain();
  }
  const auto open = [this] {
    return persistent_->counts.connections_open.load(std::memory_order_relaxed) > 0;
  };
  const auto deadline = net::Clock::now() + snapshot_->settings.limits.timeouts.drain;
  while (open() && !hurry_ && net::Clock::now() < deadline) {
    co_await sleep(drain_poll);
  }
  const bool cut = open();
  if (cut) {
    for (auto& worker : workers_) {
      worker->abort();
    }
    const auto last = net::Clock::now() + abort_wait;
    while (open() && net::Clock::now() < last) {
      co_await sleep(drain_poll);
    }
  }
  co_await record_floods(persistent_->floods.close());
  const std::function<void(access::EventText&)> fill = [cut](access::EventText& text) {
    text.member("reason");
    text.text() += cut ? "\"drain-limit\"" : "\"signal\"";
  };
  const bool recorded = co_await record("gateway.stop", fill);
  log_.info("stopped", {{"recorded", recorded ? "yes" : "no"}, {"cut", cut ? "yes" : "no"}});
  const auto last = net::Clock::now() + abort_wait;
  while (!health_.at_rest() && net::Clock::now() < last) {
    co_await sleep(drain_poll);
  }
  admin_->close();
  signals_.cancel();
  deadlines_.stop();
  io_.stop();
}

Server::Readiness Server::readiness() {
  constexpr std::chrono::seconds silence{10};
  if (stopping_) {
    return {false, "draining"};
  }
  if (!host_ || !introduced_) {
    return {false, plugin_error_};
  }
  if (persistent_->load.memory_short()) {
    return {false, "memory is short (limits.memory)"};
  }
  const tg_health health = host_->health();
  if (health.status != TG_OK) {
    return {false, std::string("the record is not writable: ") + health.reason};
  }
  std::uint64_t timeouts = 0;
  for (const auto& worker : workers_) {
    timeouts += worker->recorder.counts().timed_out.load(std::memory_order_relaxed);
  }
  const auto now = net::Clock::now();
  if (timeouts != timeouts_seen_) {
    timeouts_seen_ = timeouts;
    timeouts_at_ = now;
  }
  if (timeouts_seen_ != 0 && now - timeouts_at_ < silence) {
    return {false, "the plugin does not answer in time"};
  }
  return {true, ""};
}

review::AdminAnswer Server::ready_answer() {
  const Readiness state = readiness();
  review::AdminAnswer answer;
  answer.status = state.ready ? 200 : 503;
  answer.body = state.ready ? "{\"ready\":true" : "{\"ready\":false,";
  if (!state.ready) {
    access::append_json_text(answer.body, "reason", state.reason, access::recorded_path_bytes);
  }
  answer.body += "}\n";
  return answer;
}

review::AdminAnswer Server::metrics_answer(bool open_metrics) {
  review::MetricsView view;
  view.counts = &persistent_->counts;
  tg_health health{};
  if (host_) {
    health = host_->health();
    view.journal = &health;
  }
  view.servers = persistent_->servers.all();
  view.certificates = snapshot_->tls->certificates();
  view.sessions = persistent_->sessions->size();
  view.ready = readiness().ready;
  review::AdminAnswer answer;
  answer.content_type = open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                     : "text/plain; version=0.0.4; charset=utf-8";
  answer.body = review::metrics_text(view, open_metrics);
  return answer;
}

}  // namespace tallygate
