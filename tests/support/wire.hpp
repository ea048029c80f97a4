#pragma once
/// Two ends of one connection inside the process.
#include "gateway/net/stream.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace tallygate::test {

/// A loopback connection: a stream for what is tested, and a plain socket for the test.
struct Wire {
  Wire(boost::asio::io_context& io, net::Deadlines& deadlines)
      : peer(io), stream_owner(make(io, deadlines, peer)) {}

  net::Stream& stream() { return *stream_owner; }
  void send(std::string_view bytes) {
    boost::asio::write(peer, boost::asio::buffer(bytes.data(), bytes.size()));
  }
  void finish() { peer.shutdown(boost::asio::ip::tcp::socket::shutdown_send); }
  /// Everything that has arrived at the test's end, without waiting.
  std::string received() {
    std::string all;
    char bytes[4096];
    for (;;) {
      const ssize_t got = ::recv(peer.native_handle(), bytes, sizeof bytes, MSG_DONTWAIT);
      if (got <= 0) {
        return all;
      }
      all.append(bytes, static_cast<std::size_t>(got));
    }
  }

  boost::asio::ip::tcp::socket peer;
  std::unique_ptr<net::Stream> stream_owner;

 private:
  static std::unique_ptr<net::Stream> make(boost::asio::io_context& io, net::Deadlines& deadlines,
                                           boost::asio::ip::tcp::socket& peer) {
    using boost::asio::ip::tcp;
    tcp::acceptor acceptor(io, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
    peer.connect(acceptor.local_endpoint());
    tcp::socket accepted = acceptor.accept();
    accepted.non_blocking(true);
    return std::make_unique<net::Stream>(std::move(accepted), deadlines);
  }
};

}  // namespace tallygate::test
