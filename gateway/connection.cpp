#include "gateway/connection.hpp"

#include "gateway/access/client_address.hpp"
#include "gateway/access/proxy_header.hpp"
#include "gateway/connection_state.hpp"
#include "gateway/http/peer_address.hpp"
#include "gateway/http2_session.hpp"
#include "gateway/session.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <exception>
#include <memory>
#include <new>

namespace tallygate {
namespace {

namespace asio = boost::asio;
constexpr net::Milliseconds linger_limit{5'000};
constexpr std::size_t linger_bytes = std::size_t{16} * 1024 * 1024;
constexpr std::size_t linger_piece = std::size_t{64} * 1024;
constexpr std::size_t linger_yield = std::size_t{1024} * 1024;  // others on this thread come between

/// From the handshake to the end; what is spoken in between is the protocol's. Owns the stream.
class ClientConnection final : public ConnectionHook {
 public:
  ClientConnection(Worker& worker, asio::ip::tcp::socket socket, const asio::ip::tcp::endpoint& peer)
      : state_(worker), stream_(std::move(socket), worker.deadlines) {
    state_.facts.address = http::to_address(peer.address());
    state_.facts.port = peer.port();
    net::error_code error;
    const auto local = stream_.socket().local_endpoint(error);
    if (!error) {
      state_.facts.local = http::to_address(local.address());
      state_.facts.local_port = local.port();
    }
    state_.facts.address_text = policy::to_string(state_.facts.address);
    worker.add(*this);
  }

  asio::awaitable<void> run();
  /// The address that the limits count it under.
  [[nodiscard]] const policy::Address& counted() const noexcept { return state_.facts.address; }

 private:
  void drain() noexcept override;
  void abort() noexcept override;
  void reconsider() noexcept override {
    if (protocol_) {
      protocol_->reconsider();
    }
  }
  void check_time(access::SystemTime now) noexcept override {
    if (protocol_) {
      protocol_->check_time(now);
    }
  }
  asio::awaitable<bool> begin();
  asio::awaitable<bool> read_proxy_header();
  asio::awaitable<bool> handshake();
  asio::awaitable<void> linger();

  ConnectionState state_;
  net::Stream stream_;
  std::unique_ptr<Protocol> protocol_;  // none before the handshake
};

asio::awaitable<void> ClientConnection::run() {
  if (!co_await begin()) {
    access::count(state_.worker.persistent.counts.handshake_failures);
    stream_.close();
    co_return;
  }
  if (state_.facts.tls.http2) {
    protocol_ = std::make_unique<Http2Session>(state_, stream_);
  } else {
    protocol_ = std::make_unique<Session>(state_, stream_);
  }
  co_await protocol_->run();
  co_await linger();
}

/// What comes before the first request, all of it within one limit.
asio::awaitable<bool> ClientConnection::begin() {
  const Settings& settings = state_.worker.snapshot->settings;
  stream_.expires_in(settings.limits.timeouts.handshake);
  if (access::is_trusted(state_.facts.address, settings.listen.proxy_protocol) &&
      !co_await read_proxy_header()) {
    co_return false;
  }
  co_return co_await handshake();
}

/// A balancer says whose connection it is. Its header alone is taken off the socket: TLS begins behind it.
asio::awaitable<bool> ClientConnection::read_proxy_header() {
  constexpr std::size_t piece = 256;  // most headers have less
  access::ProxyHeader header;
  std::array<char, piece> bytes{};
  while (header.state() == access::ProxyHeader::State::reading) {
    net::error_code error;
    const std::size_t seen =
        stream_.socket().receive(asio::buffer(bytes), asio::ip::tcp::socket::message_peek, error);
    if (error == asio::error::would_block || error == asio::error::try_again) {
      if (co_await stream_.readable()) {
        co_return false;
      }
      continue;
    }
    if (error) {
      co_return false;
    }
    const std::size_t taken = header.take({bytes.data(), seen});
    stream_.socket().receive(asio::buffer(bytes.data(), taken), 0, error);
    if (error) {
      co_return false;
    }
  }
  if (header.state() != access::ProxyHeader::State::done) {
    co_return false;
  }
  state_.facts.vouches = header.names_client();
  if (header.names_client()) {
    access::ConnectionLimits& limits = state_.worker.persistent.connections;
    const std::size_t here_max = state_.worker.snapshot->settings.limits.connections_per_address;
    if (!limits.move(state_.facts.address, header.address(), here_max)) {
      access::count(state_.worker.persistent.counts.connections_refused);
      co_return false;
    }
    state_.facts.address = header.address();
    state_.facts.port = header.port();
    state_.facts.address_text = policy::to_string(state_.facts.address);
  }
  co_return true;
}

asio::awaitable<bool> ClientConnection::handshake() {
  Worker& worker = state_.worker;
  // A reference of its own: a reload may drop the snapshot while the handshake waits.
  const std::shared_ptr<const net::TlsServer> tls = worker.snapshot->tls;
  if (co_await stream_.accept_tls(tls->context())) {
    co_return false;
  }
  state_.facts.tls = net::tls_facts(stream_.tls());
  if (X509* certificate = SSL_get0_peer_certificate(stream_.tls())) {
    state_.facts.certificate = identity::ClientCertificate::read(*certificate);
  }
  co_return true;
}

/// Closes so that the client can still read the answer: our end first, then what it still sends is thrown
/// away.
asio::awaitable<void> ClientConnection::linger() {
  if (stream_.cancelled()) {
    stream_.close();
    co_return;
  }
  stream_.shutdown();
  stream_.expires_in(linger_limit);
  net::Buffer buffer(state_.worker.buffers);
  std::size_t thrown_away = 0;
  std::size_t yield_at = linger_yield;
  for (;;) {
    buffer.consume(buffer.readable().size());
    const auto got = co_await stream_.read_some(buffer.prepare(linger_piece));
    if (!got || *got == 0) {
      break;
    }
    buffer.commit(*got);
    thrown_away += *got;
    if (thrown_away > linger_bytes) {
      break;
    }
    if (thrown_away >= yield_at) {
      yield_at = thrown_away + linger_yield;
      co_await asio::post(state_.worker.io(), asio::deferred);
    }
  }
  stream_.close();
}

void ClientConnection::drain() noexcept {
  state_.draining = true;
  if (protocol_) {
    protocol_->drain();
  } else {
    stream_.cancel();
  }
}

void ClientConnection::abort() noexcept {
  state_.draining = true;
  if (protocol_) {
    protocol_->abort();
  } else {
    stream_.cancel();
  }
}

/// Keeps the connection alive while its coroutine runs, and the limits' count right.
asio::awaitable<void> run_connection(Worker& worker, std::unique_ptr<ClientConnection> connection) {
  try {
    co_await connection->run();
  } catch (const std::exception&) {
    // Out of memory or a broken promise of a library: this connection ends, the others go on.
    access::count(worker.persistent.counts.faults);
  }
  const policy::Address address = connection->counted();
  connection.reset();
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
  const policy::Address address = http::to_address(endpoint.address());
  const LimitSettings& limits = worker.snapshot->settings.limits;
  access::Counts& counts = worker.persistent.counts;
  // All connections of a balancer come from one address; each is counted under its client's once it is named.
  const bool balancer = access::is_trusted(address, worker.snapshot->settings.listen.proxy_protocol);
  if (worker.persistent.load.memory_short() ||
      !worker.persistent.connections.enter(address, limits.connections,
                                           balancer ? limits.connections : limits.connections_per_address)) {
    access::count(counts.connections_refused);
    return;
  }
  try {
    auto connection = std::make_unique<ClientConnection>(worker, std::move(socket), endpoint);
    asio::co_spawn(worker.io(), run_connection(worker, std::move(connection)), asio::detached);
  } catch (const std::bad_alloc&) {
    worker.persistent.connections.leave(address);
    access::count(counts.faults);
    return;
  }
  access::count(counts.connections);
  counts.connections_open.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace tallygate
