#include "gateway/cli/connect_stdio.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

namespace tallygate::cli {
namespace {

constexpr std::size_t piece_bytes = std::size_t{64} * 1024;
using Piece = std::array<char, piece_bytes>;

boost::system::error_code last_error() {
  return {errno, boost::system::system_category()};
}

/// Reads something. 0: the end, or nothing can be read any more.
std::size_t read_piece(int from, Piece& piece) noexcept {
  ssize_t got = -1;
  do {
    got = ::read(from, piece.data(), piece.size());
  } while (got < 0 && errno == EINTR);
  return got > 0 ? static_cast<std::size_t>(got) : 0;
}

/// False: it takes no more.
bool write_piece(int into, std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t put = ::write(into, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) {
      continue;
    }
    if (put <= 0) {
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

}  // namespace

StandardStreams::~StandardStreams() {
  if (out_.joinable()) {
    out_.join();
  }
  if (in_.joinable()) {
    in_.join();
  }
  if (own_ >= 0) {
    ::close(own_);
  }
}

boost::system::result<LocalSocket> StandardStreams::open(boost::asio::io_context& io) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return last_error();
  }
  own_ = ends[0];
  LocalSocket other(io);
  boost::system::error_code error;
  other.assign(boost::asio::generic::stream_protocol(AF_UNIX, 0), ends[1], error);
  if (error) {
    ::close(ends[1]);
    return error;
  }
  in_ = std::thread([this] { copy_in(); });
  out_ = std::thread([this] { copy_out(); });
  return other;
}

/// Ends with the input, or with the other end: a read of a terminal would wait for ever.
void StandardStreams::copy_in() noexcept {
  Piece piece;
  for (;;) {
    std::array<pollfd, 2> ready{{{STDIN_FILENO, POLLIN, 0}, {own_, 0, 0}}};
    if (::poll(ready.data(), ready.size(), -1) < 0) {
      if (errno == EINTR) {
        continue;
      }
      break;
    }
    if (ready[1].revents != 0) {
      break;
    }
    const std::size_t size = read_piece(STDIN_FILENO, piece);
    if (size == 0 || !write_piece(own_, {piece.data(), size})) {
      break;
    }
  }
  ::shutdown(own_, SHUT_WR);
}

void StandardStreams::copy_out() noexcept {
  Piece piece;
  while (const std::size_t size = read_piece(own_, piece)) {
    if (!write_piece(STDOUT_FILENO, {piece.data(), size})) {
      break;
    }
  }
  ::shutdown(own_, SHUT_RD);
}

}  // namespace tallygate::cli
