#pragma once
/// Standard input and output as one socket, whatever they are: files and terminals cannot be waited for as
/// sockets can.
#include "gateway/cli/connect_tunnel.hpp"

#include <boost/asio/io_context.hpp>

#include <string>
#include <thread>

namespace tallygate::cli {

/// Two threads that copy between the standard streams and one end of a socket pair. Owns that end.
class StandardStreams {
 public:
  StandardStreams() = default;
  StandardStreams(const StandardStreams&) = delete;
  StandardStreams& operator=(const StandardStreams&) = delete;
  /// Waits until what the other end has sent is written; that end must be closed by then.
  ~StandardStreams();

  /// The other end; once. Errors: the system's.
  [[nodiscard]] boost::system::result<LocalSocket> open(boost::asio::io_context& io);

 private:
  void copy_in() noexcept;
  void copy_out() noexcept;

  int own_ = -1;
  std::thread in_;
  std::thread out_;
};

}  // namespace tallygate::cli
