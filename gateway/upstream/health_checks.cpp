#include "gateway/upstream/health_checks.hpp"

#include "gateway/http/message.hpp"
#include "gateway/upstream/forwarder.hpp"
#include "gateway/upstream/proxy_header.hpp"
#include "gateway/upstream/request_lines.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace tallygate::upstream {
namespace {

namespace asio = boost::asio;
constexpr auto nothrow = asio::as_tuple(asio::deferred);

constexpr std::size_t buffer_bytes = std::size_t{16} * 1024;
constexpr std::size_t buffers_kept = 8;
constexpr net::Milliseconds turn_wait{100};  // where too many checks are under way
constexpr net::Milliseconds idle_age{60'000};
constexpr std::uint16_t http_port = 80;
constexpr std::uint16_t https_port = 443;
constexpr unsigned final_status = 200;

/// What is told of a connection that did not come about.
std::string no_connection(const OpenFailure& failure, ServerState& state) {
  const std::string why = state.take_complaint();
  return "no connection: " + (why.empty() ? std::string(failure.code) : why);
}

}  // namespace

struct HealthChecks::Watched {
  Watched(asio::io_context& io, HealthTarget what, std::shared_ptr<ServerState> own_state)
      : target(std::move(what)), own(std::move(own_state)), timer(io) {}
  HealthTarget target;
  std::shared_ptr<ServerState> own;
  asio::steady_timer timer;
  net::Stream* stream = nullptr;  // of the check under way, which owns it
  std::uint32_t good = 0;         // in a row
  std::uint32_t bad = 0;
  bool ended = false;
};

/// A request over HTTP/2, and whoever waits for its answer.
class HealthChecks::Probe final : public StreamWatcher, public net::Timed {
 public:
  Probe(asio::io_context& io, net::Deadlines& deadlines) : changed_(io) { deadlines.add(*this); }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;
  ~Probe() override = default;

  asio::awaitable<void> wait() { return changed_.wait(); }
  [[nodiscard]] bool late() const noexcept { return late_; }
  void on_answer() noexcept override { changed_.wake(); }
  void on_sent() noexcept override {}

 private:
  void on_expired() noexcept override {
    late_ = true;
    expires_in(net::Milliseconds{0});
    changed_.wake();
  }
  net::Wakeup changed_;
  bool late_ = false;
};

HealthChecks::HealthChecks(asio::io_context& io, Report report)
    : io_(io),
      report_(std::move(report)),
      deadlines_(io),
      buffers_(buffer_bytes, buffers_kept),
      pool_(io, deadlines_, 0, idle_age, net::Milliseconds{0}),
      http2_(io, buffers_, pool_, idle_age) {}

HealthChecks::~HealthChecks() {
  stop();
}

void HealthChecks::watch(std::vector<HealthTarget> targets) {
  std::vector<std::shared_ptr<Watched>> next;
  std::vector<Http2Pool::Key> keys;
  for (HealthTarget& target : targets) {
    std::shared_ptr<ServerState> own = own_.get(target.server);
    keys.push_back({own.get(), target.terms.get(), target.server.protocol});
    const auto same = std::find_if(watched_.begin(), watched_.end(),
                                   [&](const auto& one) { return one->target == target; });
    if (same != watched_.end()) {
      next.push_back(*same);
      continue;
    }
    target.state->checked.store(true, std::memory_order_relaxed);
    next.push_back(std::make_shared<Watched>(io_, std::move(target), std::move(own)));
  }
  std::swap(watched_, next);
  const auto kept = [&](const ServerState* state) {
    return std::any_of(watched_.begin(), watched_.end(),
                       [&](const auto& one) { return one->target.state.get() == state; });
  };
  for (const auto& old : next) {
    if (std::find(watched_.begin(), watched_.end(), old) == watched_.end()) {
      end(*old);
      if (ServerState& state = *old->target.state; !kept(&state)) {
        state.checked.store(false, std::memory_order_relaxed);
        state.set_healthy(true, net::Clock::now());
      }
    }
  }
  http2_.keep_only(std::move(keys));
  if (!ticking_ && !watched_.empty()) {
    ticking_ = true;
    ++loops_;
    asio::co_spawn(io_, deadlines_.run(), [this](const std::exception_ptr&) { --loops_; });
  }
  for (const auto& one : watched_) {
    if (std::find(next.begin(), next.end(), one) == next.end()) {
      ++loops_;
      asio::co_spawn(io_, run(one), [this](const std::exception_ptr&) { --loops_; });
    }
  }
}

void HealthChecks::end(Watched& watched) {
  watched.ended = true;
  watched.timer.cancel();
  if (watched.stream != nullptr) {
    watched.stream->cancel();
  }
}

void HealthChecks::stop() {
  for (const auto& one : watched_) {
    end(*one);
  }
  watched_.clear();
  http2_.abort();
  deadlines_.sweep(net::Clock::time_point::max());  // a connect under way ends too
  deadlines_.stop();
}

void HealthChecks::unwind() {
  constexpr net::Milliseconds limit{2'000};
  constexpr net::Milliseconds step{10};
  stop();
  io_.restart();
  const auto last = net::Clock::now() + limit;
  while (!at_rest() && net::Clock::now() < last) {
    io_.run_for(step);
    deadlines_.sweep(net::Clock::time_point::max());
    http2_.abort();
  }
}

asio::awaitable<void> HealthChecks::run(std::shared_ptr<Watched> watched) {
  while (!watched->ended) {
    net::Milliseconds pause = turn_wait;
    if (running_ < checks_max) {
      pause = watched->target.settings.every;
      ++running_;
      std::string failure;
      try {
        failure = co_await check(*watched);
      } catch (const std::exception& broken) {
        failure = broken.what();  // as when memory is short: not the server's doing, but no good check either
      }
      watched->stream = nullptr;
      --running_;
      if (watched->ended) {
        co_return;
      }
      judge(*watched, failure);
      http2_.sweep(net::Clock::now());
    }
    watched->timer.expires_after(pause);
    co_await watched->timer.async_wait(nothrow);
  }
}

void HealthChecks::judge(Watched& watched, const std::string& failure) {
  ServerState& state = *watched.target.state;
  const HealthSettings& settings = watched.target.settings;
  const bool was = state.healthy.load(std::memory_order_relaxed);
  watched.good = failure.empty() ? watched.good + 1 : 0;
  watched.bad = failure.empty() ? 0 : watched.bad + 1;
  if ((was && watched.bad >= settings.unhealthy) || (!was && watched.good >= settings.healthy)) {
    state.set_healthy(!was, net::Clock::now());
    report_(state, !was, failure);
  }
}

asio::awaitable<std::string> HealthChecks::check(Watched& watched) {
  const UpstreamProtocol protocol = watched.target.server.protocol;
  if (protocol == UpstreamProtocol::h2c || protocol == UpstreamProtocol::h2) {
    return check_http2(watched);
  }
  return check_http1(watched);
}

asio::awaitable<std::string> HealthChecks::check_http1(Watched& watched) {
  const HealthTarget& target = watched.target;
  const auto last = net::coarse_now() + target.settings.timeout;
  const std::string_view preface = proxy_header_of_its_own(target.proxy_protocol);
  auto stream =
      co_await pool_.open(target.server, *watched.own, target.terms, preface, target.settings.timeout);
  if (!stream) {
    co_return no_connection(stream.error(), *watched.own);
  }
  if (target.server.protocol == UpstreamProtocol::tcp || watched.ended) {
    co_return "";
  }
  (*stream)->expires_at(last);
  watched.stream = stream->get();
  const std::string request = health_request(target.server, target.settings.path);
  std::string failure;
  if (const auto error = co_await (*stream)->write(request)) {
    failure = "it does not take the request: " + error.message();
  } else {
    failure = co_await read_status(**stream, target.settings);
  }
  watched.stream = nullptr;
  co_return failure;
}

asio::awaitable<std::string> HealthChecks::read_status(net::Stream& stream, const HealthSettings& settings) {
  net::Buffer buffer(buffers_);
  for (;;) {
    const auto scan = http::scan_head(buffer.readable(), response_head_limits);
    if (scan.fault != http::HeadFault::none) {
      co_return "its answer is no HTTP/1.1";
    }
    if (scan.size != 0) {
      http::ResponseParser parser;
      if (parser.parse_head(buffer.readable().substr(0, scan.size))) {
        co_return "its answer is no HTTP/1.1";
      }
      if (parser.head().status >= final_status) {
        co_return judge_status(parser.head().status, settings);
      }
      buffer.consume(scan.size);
      continue;
    }
    const auto got = co_await stream.read_some(buffer.prepare(buffer_bytes / 2));
    if (!got || *got == 0) {
      co_return stream.timed_out() ? "no answer in time" : "it ends the connection without an answer";
    }
    buffer.commit(*got);
  }
}

asio::awaitable<std::string> HealthChecks::check_http2(Watched& watched) {
  const HealthTarget& target = watched.target;
  const auto last = net::coarse_now() + target.settings.timeout;
  Http2Pool::Target wanted;
  wanted.server = &target.server;
  wanted.state = watched.own.get();
  wanted.terms = target.terms;
  wanted.connect = wanted.idle = target.settings.timeout;
  const auto leased = co_await http2_.lease(wanted);
  if (!leased) {
    co_return no_connection(leased.error(), *watched.own);
  }
  const std::shared_ptr<Http2Connection> connection = *leased;
  const std::string request = health_request(target.server, target.settings.path);
  std::vector<http::Field> fields;
  list_request_fields(fields, request, target.server.protocol == UpstreamProtocol::h2 ? "https" : "http");
  Probe probe(io_, deadlines_);
  probe.expires_at(last);
  http2::ClientStream* const stream = connection->request(probe, fields, true, false);
  if (stream == nullptr) {
    co_return "it takes no request";
  }
  const auto over = [&] { return stream->answered || !stream->open || stream->broken || probe.late(); };
  while (!over()) {
    co_await probe.wait();
  }
  const unsigned status = stream->answered ? stream->block.head().status : 0;
  const bool late = !stream->answered && probe.late();
  connection->release(*stream);
  if (late) {
    connection->retire();  // it may be the connection that is dead
    co_return "no answer in time";
  }
  co_return status == 0 ? "it ends the request without an answer" : judge_status(status, target.settings);
}

std::string health_request(const UpstreamServer& server, const std::string& path) {
  const bool v6 = server.host.find(':') != std::string::npos;
  std::string host = v6 ? "[" + server.host + "]" : server.host;
  const std::uint16_t usual = under_tls(server.protocol) ? https_port : http_port;
  if (server.port != usual) {
    host += ":" + std::to_string(server.port);
  }
  return "GET " + path + " HTTP/1.1\r\nHost: " + host +
         "\r\nUser-Agent: tallygate-health\r\nAccept: */*\r\nConnection: close\r\n\r\n";
}

std::string judge_status(unsigned status, const HealthSettings& settings) {
  const bool good = std::any_of(settings.status.begin(), settings.status.end(), [&](const auto& range) {
    return status >= range.first && status <= range.second;
  });
  return good ? "" : "it answers " + std::to_string(status);
}

}  // namespace tallygate::upstream
