#pragma once
/// What is spoken on a connection once its handshake is through.
#include "gateway/access/ids.hpp"

#include <boost/asio/awaitable.hpp>

namespace tallygate {

/// HTTP/1.1 or HTTP/2. Threads: its worker's.
class Protocol {
 public:
  Protocol() = default;
  Protocol(const Protocol&) = delete;
  Protocol& operator=(const Protocol&) = delete;
  virtual ~Protocol() = default;

  /// Serves the connection until nothing more is read from it or written to it. No request is under way
  /// afterwards.
  virtual boost::asio::awaitable<void> run() = 0;
  /// Ends once the requests under way are over; ConnectionState::draining is set already.
  virtual void drain() noexcept = 0;
  /// Ends now, whatever is under way.
  virtual void abort() noexcept = 0;
  /// A new snapshot is in force: ends what it no longer allows.
  virtual void reconsider() noexcept = 0;
  /// Time has passed: ends what its credential or its policy no longer covers.
  virtual void check_time(access::SystemTime now) noexcept = 0;
};

}  // namespace tallygate
