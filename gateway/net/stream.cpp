#include "gateway/net/stream.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <openssl/err.h>
#include <sys/socket.h>

#include <cerrno>

namespace tallygate::net {
namespace {

namespace asio = boost::asio;
constexpr auto nothrow = asio::as_tuple(asio::deferred);

Stream::Now from_errno(int error, Stream::Now would_block) noexcept {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR ? would_block : Stream::Now::failed;
}

// What SSL_get_error() is to say must not come from an earlier call. An empty queue, which is the rule, is
// noticed in a tenth of the time that it takes to clear it.
void forget_errors() noexcept {
  if (ERR_peek_error() != 0) {
    ERR_clear_error();
  }
}

}  // namespace

Stream::Stream(asio::ip::tcp::socket socket, Deadlines& deadlines) : socket_(std::move(socket)) {
  deadlines.add(*this);
}

Stream::~Stream() = default;

asio::awaitable<error_code> Stream::accept_tls(SSL_CTX& context) {
  ssl_.reset(SSL_new(&context));
  if (!ssl_ || SSL_set_fd(ssl_.get(), socket_.native_handle()) != 1) {
    co_return asio::error::no_memory;
  }
  SSL_set_accept_state(ssl_.get());
  co_return co_await handshake();
}

asio::awaitable<error_code> Stream::connect_tls(SslPointer state) {
  ssl_ = std::move(state);
  if (!ssl_ || SSL_set_fd(ssl_.get(), socket_.native_handle()) != 1) {
    co_return asio::error::no_memory;
  }
  SSL_set_connect_state(ssl_.get());
  co_return co_await handshake();
}

asio::awaitable<error_code> Stream::handshake() {
  for (;;) {
    forget_errors();
    const int done = SSL_do_handshake(ssl_.get());
    if (done == 1) {
      co_return error_code{};
    }
    last_errno_ = errno;
    const Now now = verdict_of(SSL_get_error(ssl_.get(), done));
    if (now == Now::wait_read) {
      if (const auto error = co_await wait(asio::ip::tcp::socket::wait_read)) {
        co_return error;
      }
    } else if (now == Now::wait_write) {
      if (const auto error = co_await wait(asio::ip::tcp::socket::wait_write)) {
        co_return error;
      }
    } else {
      co_return now == Now::end ? error_code(asio::error::eof) : failure();
    }
  }
}

Stream::Now Stream::verdict_of(int ssl_error) const noexcept {
  switch (ssl_error) {
    case SSL_ERROR_WANT_READ:
      return Now::wait_read;
    case SSL_ERROR_WANT_WRITE:
      return Now::wait_write;
    case SSL_ERROR_ZERO_RETURN:
      return Now::end;
    case SSL_ERROR_SYSCALL:
      return last_errno_ == 0 ? Now::end : Now::failed;
    case SSL_ERROR_SSL:
      return ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING ? Now::end : Now::failed;
    default:
      return Now::failed;
  }
}

Stream::Io Stream::read_now(std::span<char> into) noexcept {
  if (!ssl_) {
    const ssize_t got = ::recv(socket_.native_handle(), into.data(), into.size(), 0);
    if (got > 0) {
      return {Now::done, static_cast<std::size_t>(got)};
    }
    if (got == 0) {
      return {Now::end, 0};
    }
    last_errno_ = errno;
    return {from_errno(last_errno_, Now::wait_read), 0};
  }
  std::size_t got = 0;
  forget_errors();
  errno = 0;
  const int done = SSL_read_ex(ssl_.get(), into.data(), into.size(), &got);
  if (done == 1) {
    return {Now::done, got};
  }
  last_errno_ = errno;
  return {verdict_of(SSL_get_error(ssl_.get(), done)), 0};
}

Stream::Io Stream::write_now(std::span<const char> from) noexcept {
  if (!ssl_) {
    const ssize_t put = ::send(socket_.native_handle(), from.data(), from.size(), MSG_NOSIGNAL);
    if (put >= 0) {
      return {Now::done, static_cast<std::size_t>(put)};
    }
    last_errno_ = errno;
    return {from_errno(last_errno_, Now::wait_write), 0};
  }
  std::size_t put = 0;
  forget_errors();
  errno = 0;
  const int done = SSL_write_ex(ssl_.get(), from.data(), from.size(), &put);
  if (done == 1) {
    return {Now::done, put};
  }
  last_errno_ = errno;
  return {verdict_of(SSL_get_error(ssl_.get(), done)), 0};
}

bool Stream::write_at_once(std::span<const char>& from) noexcept {
  while (!from.empty() && !cancelled_) {
    const Io io = write_now(from);
    if (io.now != Now::done) {
      return false;
    }
    from = from.subspan(io.bytes);
  }
  return from.empty();
}

asio::awaitable<error_code> Stream::wait(asio::ip::tcp::socket::wait_type what) {
  if (cancelled_ || !socket_.is_open()) {
    co_return failure();
  }
  auto [error] = co_await socket_.async_wait(what, nothrow);
  if (cancelled_) {
    co_return failure();
  }
  co_return error;
}

asio::awaitable<error_code> Stream::readable() {
  return wait(asio::ip::tcp::socket::wait_read);
}
asio::awaitable<error_code> Stream::writable() {
  return wait(asio::ip::tcp::socket::wait_write);
}

asio::awaitable<Result<std::size_t>> Stream::read_some(std::span<char> into) {
  for (;;) {
    if (cancelled_) {
      co_return failure();
    }
    const Io io = read_now(into);
    if (io.now == Now::done) {
      co_return io.bytes;
    }
    if (io.now == Now::end) {
      co_return std::size_t{0};
    }
    if (io.now == Now::failed) {
      co_return failure();
    }
    const auto what =
        io.now == Now::wait_read ? asio::ip::tcp::socket::wait_read : asio::ip::tcp::socket::wait_write;
    if (const auto error = co_await wait(what)) {
      co_return error;
    }
  }
}

asio::awaitable<error_code> Stream::write(std::span<const char> from) {
  while (!from.empty()) {
    if (cancelled_) {
      co_return failure();
    }
    const Io io = write_now(from);
    if (io.now == Now::done) {
      from = from.subspan(io.bytes);
      continue;
    }
    if (io.now == Now::end) {
      co_return asio::error::eof;
    }
    if (io.now == Now::failed) {
      co_return failure();
    }
    const auto what =
        io.now == Now::wait_read ? asio::ip::tcp::socket::wait_read : asio::ip::tcp::socket::wait_write;
    if (const auto error = co_await wait(what)) {
      co_return error;
    }
  }
  co_return error_code{};
}

bool Stream::has_input() noexcept {
  char byte = 0;
  if (ssl_) {
    std::size_t got = 0;
    forget_errors();
    errno = 0;
    const int found = SSL_peek_ex(ssl_.get(), &byte, 1, &got);
    if (found == 1) {
      return true;
    }
    last_errno_ = errno;
    return verdict_of(SSL_get_error(ssl_.get(), found)) != Now::wait_read;
  }
  const ssize_t got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

void Stream::shutdown() noexcept {
  if (ssl_ && SSL_is_init_finished(ssl_.get()) == 1) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
  }
  error_code ignored;  // the peer may be gone already, which is what we are after
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

void Stream::cancel() noexcept {
  cancelled_ = true;
  error_code ignored;  // nothing waits: nothing to wake
  socket_.cancel(ignored);
}

void Stream::interrupt() noexcept {
  error_code ignored;  // nothing waits: nothing to wake
  socket_.cancel(ignored);
}

void Stream::close() noexcept {
  cancelled_ = true;
  error_code ignored;  // close releases the descriptor whatever it reports
  socket_.close(ignored);
}

void Stream::on_expired() noexcept {
  timed_out_ = true;
  cancel();
}

error_code Stream::failure() const noexcept {
  if (timed_out_) {
    return asio::error::timed_out;
  }
  if (cancelled_) {
    return asio::error::operation_aborted;
  }
  if (last_errno_ != 0) {
    return {last_errno_, boost::system::system_category()};
  }
  return asio::error::connection_reset;
}

}  // namespace tallygate::net
