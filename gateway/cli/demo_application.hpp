#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstddef>
#include <cstdint>
#include <thread>

namespace tallygate::cli {

constexpr std::size_t sample_body_max =
    std::size_t{1024} * 1024;                ///< bytes of a request's body; more is answered with 413
constexpr int sample_connections_max = 256;  ///< at once; further ones wait to be accepted

/// The sample application: HTTP/1.1 on a loopback port of its own choice, on a thread of its own, until
/// destroyed.
class SampleApplication {
 public:
  /// Listens and starts. Throws boost::system::system_error if no port can be had.
  SampleApplication();
  ~SampleApplication();
  SampleApplication(const SampleApplication&) = delete;
  SampleApplication& operator=(const SampleApplication&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  boost::asio::io_context context_{1};
  boost::asio::ip::tcp::acceptor acceptor_;
  std::uint16_t port_;
  std::jthread thread_;
};

}  // namespace tallygate::cli
