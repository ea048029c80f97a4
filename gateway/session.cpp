#include "gateway/session.hpp"

#include "gateway/connection.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <openssl/x509.h>

#include <algorithm>
#include <exception>
#include <new>

namespace tallygate {
namespace {

namespace asio = boost::asio;
constexpr net::Milliseconds linger_limit{5'000};
constexpr std::size_t linger_bytes = std::size_t{16} * 1024 * 1024;
constexpr std::size_t linger_piece = std::size_t{64} * 1024;
constexpr std::size_t linger_yield = std::size_t{1024} * 1024;  // others on this thread come between
constexpr std::size_t recorded_line_bytes = 1'024;

policy::Address to_address(const asio::ip::address& address) {
  if (address.is_v4()) {
    return policy::Address::v4(address.to_v4().to_bytes());
  }
  policy::Address result;
  result.bytes = address.to_v6().to_bytes();
  return result;
}

/// Keeps the session alive while its coroutine runs, and the limits' count right.
asio::awaitable<void> run_session(Worker& worker, std::unique_ptr<Session> session, policy::Address address) {
  try {
    co_await session->run();
  } catch (const std::exception&) {
    // Out of memory or a broken promise of a library: this connection ends, the others go on.
    access::count(worker.persistent.counts.faults);
  }
  session.reset();
  worker.persistent.connections.leave(address);
  worker.persistent.counts.connections_open.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace

void serve_connection(Worker& worker, asio::ip::tcp::socket socket) {
  net::error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  if (error) {
    return;  // gone already
  }
  const policy::Address address = to_address(endpoint.address());
  const LimitSettings& limits = worker.snapshot->settings.limits;
  access::Counts& counts = worker.persistent.counts;
  if (!worker.persistent.connections.enter(address, limits.connections, limits.connections_per_address)) {
    access::count(counts.connections_refused);
    return;
  }
  try {
    auto session = std::make_unique<Session>(worker, std::move(socket));
    asio::co_spawn(worker.io(), run_session(worker, std::move(session), address), asio::detached);
  } catch (const std::bad_alloc&) {
    worker.persistent.connections.leave(address);
    access::count(counts.faults);
    return;
  }
  access::count(counts.connections);
  counts.connections_open.fetch_add(1, std::memory_order_relaxed);
}

Session::Session(Worker& worker, asio::ip::tcp::socket socket)
    : worker_(worker), stream_(std::move(socket), worker.deadlines), buffer_(worker.buffers) {
  net::error_code error;
  const auto endpoint = stream_.socket().remote_endpoint(error);
  if (!error) {
    facts_.address = to_address(endpoint.address());
    facts_.port = endpoint.port();
  }
  facts_.address_text = policy::to_string(facts_.address);
  worker_.add(*this);
}

Session::~Session() = default;

asio::awaitable<void> Session::run() {
  if (!co_await handshake()) {
    co_return;
  }
  while (!draining_ && !worker_.draining) {
    if (!co_await read_head()) {
      break;
    }
    idle_ = false;
    const Step step = co_await serve_one();
    idle_ = true;
    if (step == Step::close) {
      break;
    }
    buffer_.release_if_empty();
  }
  co_await linger();
}

asio::awaitable<bool> Session::handshake() {
  // A reference of its own: a reload may drop the snapshot while the handshake waits.
  const std::shared_ptr<const net::TlsServer> tls = worker_.snapshot->tls;
  stream_.expires_in(worker_.snapshot->settings.limits.timeouts.handshake);
  if (co_await stream_.accept_tls(tls->context())) {
    access::count(worker_.persistent.counts.handshake_failures);
    stream_.close();
    co_return false;
  }
  facts_.tls = net::tls_facts(stream_.tls());
  if (X509* certificate = SSL_get0_peer_certificate(stream_.tls())) {
    facts_.certificate = identity::ClientCertificate::read(*certificate);
  }
  co_return true;
}

asio::awaitable<bool> Session::read_head() {
  // Copies: a reload may take the snapshot away while this connection waits.
  const http::HeadLimits head_limits{worker_.snapshot->settings.limits.head_bytes,
                                     worker_.snapshot->settings.limits.header_count};
  const ClientTimeouts timeouts = worker_.snapshot->settings.limits.timeouts;
  bool scan_again = !buffer_.empty();
  bool wait = !stream_.has_buffered_input();
  stream_.expires_in(buffer_.empty() ? timeouts.keep_alive : timeouts.head);
  for (;;) {
    if (scan_again) {
      const http::HeadScan scan = http::scan_head(buffer_.readable(), head_limits);
      scan_fault_ = scan.fault;
      head_size_ = scan.size;
      if (scan.fault != http::HeadFault::none || scan.size != 0) {
        co_return true;
      }
    }
    // An idle connection holds no buffer: it takes one when there is something to read.
    if (wait && !stream_.cancelled()) {
      auto [ended] = co_await stream_.when_readable();
      static_cast<void>(ended);  // whatever it was, the read below meets it too
    }
    if (stream_.cancelled()) {
      co_return false;
    }
    const net::Stream::Io io = stream_.read_now(buffer_.prepare(head_limits.bytes + 1));
    if (io.now == net::Stream::Now::wait_read) {
      buffer_.release_if_empty();
      wait = true;  // half a TLS record may be buffered, so what is pending says nothing
      continue;
    }
    if (io.now == net::Stream::Now::wait_write) {
      if (co_await stream_.writable()) {
        co_return false;
      }
      continue;
    }
    if (io.now != net::Stream::Now::done) {
      co_return false;
    }
    if (buffer_.empty()) {
      stream_.expires_in(timeouts.head);
    }
    const std::size_t before = buffer_.readable().size();
    buffer_.commit(io.bytes);
    wait = !stream_.has_buffered_input();
    // Without a new line end the head cannot have become whole, only too long.
    const std::string_view news = buffer_.readable().substr(before);
    scan_again = news.find('\n') != std::string_view::npos || buffer_.readable().size() > head_limits.bytes;
  }
}

/// Closes so that the client can still read the answer: our end first, then what it still sends is thrown
/// away.
asio::awaitable<void> Session::linger() {
  if (stream_.cancelled()) {
    stream_.close();
    co_return;
  }
  stream_.shutdown();
  stream_.expires_in(linger_limit);
  std::size_t thrown_away = 0;
  std::size_t yield_at = linger_yield;
  for (;;) {
    buffer_.consume(buffer_.readable().size());
    const auto got = co_await stream_.read_some(buffer_.prepare(linger_piece));
    if (!got || *got == 0) {
      break;
    }
    buffer_.commit(*got);
    thrown_away += *got;
    if (thrown_away > linger_bytes) {
      break;
    }
    if (thrown_away >= yield_at) {
      yield_at = thrown_away + linger_yield;
      co_await asio::post(worker_.io(), asio::deferred);
    }
  }
  stream_.close();
}

void Session::begin_exchange() {
  snapshot_ = worker_.snapshot;
  exchange_ = {};
  exchange_.connection = &facts_;
  exchange_.recording = &snapshot_->settings.audit.record;
  exchange_.reads = &snapshot_->reads;
  exchange_.now = std::chrono::system_clock::now();
  exchange_.id = worker_.ids.uuid7(exchange_.now);
  exchange_.client = facts_.address;
  exchange_.target = &target_;
  const std::string_view bytes = buffer_.readable();
  exchange_.line = bytes.substr(0, std::min(bytes.find_first_of("\r\n"), recorded_line_bytes));
  exchange_.head_fault = scan_fault_;
  rules_ = {};
  pending_.reset();
  decision_seq_ = 0;
  server_ = nullptr;
  body_read_ = false;
  accept_.clear();
  refusal_ = {};
}

void Session::drain() noexcept {
  draining_ = true;
  if (idle_) {
    stream_.cancel();
  }
}

void Session::abort() noexcept {
  draining_ = true;
  if (relay_ != nullptr) {
    relay_->cut("shutdown");
  }
  stream_.cancel();
}

}  // namespace tallygate
