#include "audit/custody/control.hpp"

#include "audit/custody/control_wire.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr timeval peer_patience{5, 0};  // for a request to be taken

// What can be said where no answer came: one that was begun cannot be called back.
constexpr std::string_view may_be_done =
    ". What it had not begun it will not begin; what it had it may still finish, and the record says so: "
    "look "
    "at its newest entries, with tallygate audit tail, before you ask again";

// The line without its end; nothing where the peer is too slow, says too much or goes away. `slow` tells the
// first of these.
std::optional<std::string> read_line(const FileDescriptor& peer, std::size_t limit, bool& slow) {
  std::string line;
  std::array<char, 4096> piece{};
  while (line.size() <= limit) {
    const ssize_t got = ::recv(peer.get(), piece.data(), piece.size(), 0);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      slow = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
      return std::nullopt;
    }
    line.append(piece.data(), static_cast<std::size_t>(got));
    if (line.back() == '\n') {
      line.pop_back();
      return line;
    }
  }
  return std::nullopt;
}

bool write_line(const FileDescriptor& peer, std::string line) {
  line += '\n';
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t sent = ::send(peer.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) {
      continue;
    }
    if (sent <= 0) {
      return false;
    }
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void set_patience(const FileDescriptor& peer, const timeval& patience) {
  ::setsockopt(peer.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(peer.get(), SOL_SOCKET, SO_SNDTIMEO, &peer_patience, sizeof peer_patience);
}

}  // namespace

std::filesystem::path control_socket(const std::filesystem::path& head) {
  auto socket = head;
  socket += ".control";
  return socket;
}

Result<std::optional<boost::json::object>> ask_control(const std::filesystem::path& socket,
                                                       const boost::json::object& request,
                                                       std::chrono::seconds patience) {
  const auto address = control_address(socket);
  if (!address) {
    return address.error().kind == FailureKind::missing
               ? Result<std::optional<boost::json::object>>(std::optional<boost::json::object>())
               : address.error();
  }
  const FileDescriptor peer(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!peer) {
    return fail(FailureKind::unreadable, "no socket: " + errno_text(errno));
  }
  set_patience(peer, timeval{patience.count(), 0});  // before it waits in a full queue of peers
  if (::connect(peer.get(), address->raw(), sizeof(sockaddr_un)) != 0) {
    if (errno == ENOENT || errno == ECONNREFUSED) {
      return std::optional<boost::json::object>();
    }
    return fail(FailureKind::unreadable,
                socket.string() + ": cannot reach the process that writes the journal: " + errno_text(errno));
  }
  bool slow = false;
  const auto line = write_line(peer, boost::json::serialize(request))
                        ? read_line(peer, control_bytes_max * 16, slow)
                        : std::optional<std::string>();
  boost::system::error_code error;
  const auto answer = line ? boost::json::parse(*line, error) : boost::json::value();
  const auto* object = error ? nullptr : answer.if_object();
  const auto* good = object == nullptr ? nullptr : object->if_contains("ok");
  const auto* bad = object == nullptr ? nullptr : object->if_contains("error");
  if (good != nullptr && good->is_object()) {
    return std::optional(good->get_object());
  }
  if (bad != nullptr && bad->is_object()) {
    return failure_of(bad->get_object());
  }
  const std::string why =
      slow ? " gave no answer within " + std::to_string(patience.count()) + " s"
           : " broke off; it runs as the only user whom it answers besides root, or ended meanwhile";
  return fail(FailureKind::unreadable,
              socket.string() + ": the process that writes the journal" + why + std::string(may_be_done));
}

}  // namespace tallygate::audit
