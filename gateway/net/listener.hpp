#pragma once
/// A listening socket of one thread. Several threads listen on one address (SO_REUSEPORT); the kernel shares
/// out.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/result.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace tallygate::net {

/// Threads: the io_context's only. Owns: the socket.
class Listener {
 public:
  /// Binds and listens; port 0 lets the system choose. Errors: a sentence that names the address.
  [[nodiscard]] static boost::system::result<Listener, std::string> open(boost::asio::io_context& io,
                                                                         const std::string& address,
                                                                         std::uint16_t port, bool shared);

  /// Whether nobody else has that port, not even somebody who would share it. Nothing listens meanwhile.
  /// Two who ask at the same moment both hear that it is free. Errors: as open().
  [[nodiscard]] static boost::system::result<void, std::string> probe(const std::string& address,
                                                                      std::uint16_t port);

  /// Accepts until close(); hands each connection, non-blocking and without Nagle's delay, to `serve`. Where
  /// the process has no descriptors left it waits a moment instead of spinning.
  boost::asio::awaitable<void> run(std::function<void(boost::asio::ip::tcp::socket)> serve);
  void close();
  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  explicit Listener(boost::asio::ip::tcp::acceptor acceptor) : acceptor_(std::move(acceptor)) {}
  boost::asio::ip::tcp::acceptor acceptor_;
};

}  // namespace tallygate::net
