#pragma once
/// One TCP connection, in the clear or under TLS, behind one type.
///
/// OpenSSL reads and writes the socket itself; Asio only says when it is ready. That spares the copies
/// through memory BIOs, and a read that finds data costs no suspension.
#include "gateway/net/deadlines.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/result.hpp>
#include <openssl/ssl.h>

#include <memory>
#include <span>
#include <string>

namespace tallygate::net {

template <class T>
using Result = boost::system::result<T>;
using boost::system::error_code;

struct SslFree {
  void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};
using SslPointer = std::unique_ptr<SSL, SslFree>;

/// Threads: the one whose io_context the socket belongs to. Owns: the socket and its TLS state. One reader
/// and one writer may wait at the same time.
class Stream final : public Timed {
 public:
  Stream(boost::asio::ip::tcp::socket socket, Deadlines& deadlines);
  ~Stream() override;

  /// Performs the TLS handshake as a server. Errors: the peer's, the deadline's (timed_out), protocol
  /// violations.
  boost::asio::awaitable<error_code> accept_tls(SSL_CTX& context);
  /// Likewise as a client, with a state that says what is expected of the server (TlsClient::connection).
  boost::asio::awaitable<error_code> connect_tls(SslPointer state);

  /// What a call that never waits found out.
  enum class Now { done, wait_read, wait_write, end, failed };
  struct Io {
    Now now = Now::failed;
    std::size_t bytes = 0;
  };
  /// Reads what is there. `end`: the peer closed cleanly; under TLS also without close_notify, which HTTP's
  /// own framing makes harmless because a message cut short is noticed there.
  Io read_now(std::span<char> into) noexcept;
  Io write_now(std::span<const char> from) noexcept;
  /// Writes what can be written without waiting and takes it off `from`. True if that was all of it; else
  /// write() goes on with the rest, and reports what went wrong.
  bool write_at_once(std::span<const char>& from) noexcept;

  /// The bare wait for a read to make progress: an operation to co_await, cheaper than readable() by two
  /// frames. For whoever checks cancelled() before and after.
  [[nodiscard]] auto when_readable() {
    return socket_.async_wait(boost::asio::ip::tcp::socket::wait_read,
                              boost::asio::as_tuple(boost::asio::deferred));
  }

  /// Reads at least one byte of a stream without TLS, waiting for it: an operation to co_await, which spares
  /// what a bare wait costs, asking the kernel for another event. For whoever checks cancelled() before and
  /// after. Errors: as read_some(); eof at the end.
  [[nodiscard]] auto receive(std::span<char> into) {
    return socket_.async_receive(boost::asio::buffer(into.data(), into.size()),
                                 boost::asio::as_tuple(boost::asio::deferred));
  }

  /// Waits until a read can make progress. Errors: timed_out, operation_aborted.
  boost::asio::awaitable<error_code> readable();
  boost::asio::awaitable<error_code> writable();

  /// Reads at least one byte; 0 at the end of the stream.
  boost::asio::awaitable<Result<std::size_t>> read_some(std::span<char> into);
  /// Writes everything.
  boost::asio::awaitable<error_code> write(std::span<const char> from);

  /// Says goodbye without waiting for an answer: close_notify where there is TLS, then FIN.
  void shutdown() noexcept;
  /// Wakes whoever waits on this stream with operation_aborted, now and from then on.
  void cancel() noexcept;
  /// Wakes whoever waits at this moment, with operation_aborted, and nobody after that.
  void interrupt() noexcept;
  void close() noexcept;

  [[nodiscard]] bool cancelled() const noexcept { return cancelled_; }
  [[nodiscard]] bool timed_out() const noexcept { return timed_out_; }
  [[nodiscard]] SSL* tls() noexcept { return ssl_.get(); }
  [[nodiscard]] boost::asio::ip::tcp::socket& socket() noexcept { return socket_; }
  /// True if a read would find bytes or the end: what an idle pooled connection must not have. What TLS says
  /// on its own account, such as a new ticket, does not count.
  [[nodiscard]] bool has_input() noexcept;
  /// True if the stream came to its end under TLS without the peer's word for it (close_notify): whoever cuts
  /// the connection can make a message that its end alone delimits look whole.
  [[nodiscard]] bool cut_short() const noexcept {
    return ssl_ && (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) == 0;
  }
  /// True if a read would find bytes without asking the socket.
  [[nodiscard]] bool has_buffered_input() const noexcept { return ssl_ && SSL_has_pending(ssl_.get()) == 1; }

 private:
  void on_expired() noexcept override;
  boost::asio::awaitable<error_code> handshake();
  boost::asio::awaitable<error_code> wait(boost::asio::ip::tcp::socket::wait_type what);
  [[nodiscard]] Now verdict_of(int ssl_error) const noexcept;
  [[nodiscard]] error_code failure() const noexcept;

  boost::asio::ip::tcp::socket socket_;
  SslPointer ssl_;
  int last_errno_ = 0;
  bool timed_out_ = false;
  bool cancelled_ = false;
};

}  // namespace tallygate::net
