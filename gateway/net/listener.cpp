#include "gateway/net/listener.hpp"

#include "gateway/net/deadlines.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/steady_timer.hpp>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace tallygate::net {
namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

/// What the system may hold of an answer that its client does not take, beyond what is on its way: without a
/// limit of ours that is up to 4 MiB (tcp_wmem) for each client that reads slowly.
constexpr int unsent_bytes = 512 * 1024;

std::string sentence(std::string_view what, const std::string& address, std::uint16_t port,
                     const error_code& error) {
  return "cannot " + std::string(what) + " " + address + " port " + std::to_string(port) + ": " +
         error.message();
}

boost::system::result<tcp::acceptor, std::string> bind(asio::io_context& io, const std::string& address,
                                                       std::uint16_t port, bool shared) {
  error_code error;
  const auto ip = asio::ip::make_address(address, error);
  if (error) {
    return sentence("read the address", address, port, error);
  }
  tcp::acceptor acceptor(io);
  const tcp::endpoint endpoint(ip, port);
  using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;
  acceptor.open(endpoint.protocol(), error);
  if (!error) {
    acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  }
  if (!error && shared) {
    acceptor.set_option(ReusePort(true), error);
  }
  if (!error) {
    acceptor.bind(endpoint, error);
  }
  if (error) {
    return sentence("listen on", address, port, error);
  }
  return acceptor;
}

}  // namespace

boost::system::result<void, std::string> Listener::probe(const std::string& address, std::uint16_t port) {
  asio::io_context io;
  auto bound = bind(io, address, port, false);
  if (!bound) {
    return bound.error();
  }
  return {};
}

boost::system::result<Listener, std::string> Listener::open(asio::io_context& io, const std::string& address,
                                                            std::uint16_t port, bool shared) {
  auto acceptor = bind(io, address, port, shared);
  if (!acceptor) {
    return acceptor.error();
  }
  error_code error;
  // Inherited by each connection. Where the system knows of no such limit its own holds.
  using NotSentLowWater = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_NOTSENT_LOWAT>;
  error_code unlimited;
  acceptor->set_option(NotSentLowWater(unsent_bytes), unlimited);
  acceptor->listen(tcp::acceptor::max_listen_connections, error);
  if (!error) {
    acceptor->non_blocking(true, error);
  }
  if (error) {
    return sentence("listen on", address, port, error);
  }
  return Listener(std::move(*acceptor));
}

asio::awaitable<void> Listener::run(std::function<void(tcp::socket)> serve) {
  constexpr Milliseconds pause{100};
  asio::steady_timer timer(acceptor_.get_executor());
  for (;;) {
    auto [error, socket] = co_await acceptor_.async_accept(asio::as_tuple(asio::deferred));
    if (!acceptor_.is_open()) {
      co_return;
    }
    if (error) {
      if (error == asio::error::connection_aborted) {
        continue;
      }
      timer.expires_after(pause);
      auto [ended] = co_await timer.async_wait(asio::as_tuple(asio::deferred));
      if (ended || !acceptor_.is_open()) {
        co_return;
      }
      continue;
    }
    error_code ignored;  // a connection that is gone already fails at its first read
    socket.non_blocking(true, ignored);
    socket.set_option(tcp::no_delay(true), ignored);
    serve(std::move(socket));
  }
}

void Listener::close() {
  error_code ignored;  // close releases the descriptor whatever it reports
  acceptor_.close(ignored);
}

}  // namespace tallygate::net
