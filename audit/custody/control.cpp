#include "audit/custody/control.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr int backlog = 8;
constexpr int accept_pause_ms = 100;
constexpr timeval peer_patience{5, 0};      // for a request to arrive
constexpr timeval answer_patience{120, 0};  // for its answer: a large segment is hashed meanwhile

constexpr std::array<std::pair<FailureKind, std::string_view>, 7> kinds = {
    {{FailureKind::invalid, "invalid"},
     {FailureKind::exists, "exists"},
     {FailureKind::missing, "missing"},
     {FailureKind::locked, "locked"},
     {FailureKind::unreadable, "unreadable"},
     {FailureKind::tampered, "tampered"},
     {FailureKind::crypto, "crypto"}}};

std::string_view name_of(FailureKind kind) {
  const auto* found =
      std::find_if(kinds.begin(), kinds.end(), [kind](const auto& one) { return one.first == kind; });
  return found->second;
}

Failure failure_of(const boost::json::object& error) {
  const auto* kind = error.if_contains("kind");
  const auto* message = error.if_contains("message");
  Failure failure{FailureKind::unreadable, "the gateway refused without a reason"};
  for (const auto& [value, name] : kinds) {
    failure.kind = kind != nullptr && kind->is_string() && kind->get_string() == name ? value : failure.kind;
  }
  if (message != nullptr && message->is_string()) {
    failure.message = std::string(message->get_string());
  }
  return failure;
}

// A socket's address has 108 bytes for its path: through a descriptor of the folder every path is short.
struct Address {
  FileDescriptor folder;
  sockaddr_un name{};
};

Result<Address> address_of(const std::filesystem::path& socket) {
  const auto parent = socket.has_parent_path() ? socket.parent_path() : std::filesystem::path(".");
  Address address{FileDescriptor(::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)), {}};
  if (!address.folder) {
    return fail(errno == ENOENT ? FailureKind::missing : FailureKind::unreadable,
                parent.string() + ": " + errno_text(errno));
  }
  const std::string path =
      "/proc/self/fd/" + std::to_string(address.folder.get()) + "/" + socket.filename().string();
  address.name.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.name.sun_path) {
    return fail(FailureKind::invalid, socket.string() + ": the name of the socket is too long");
  }
  std::copy(path.begin(), path.end(), std::begin(address.name.sun_path));
  return address;
}

const sockaddr* raw(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address.name);
}

// The line without its end; nothing where the peer is too slow, says too much or goes away.
std::optional<std::string> read_line(const FileDescriptor& peer, std::size_t limit) {
  std::string line;
  std::array<char, 4096> piece{};
  while (line.size() <= limit) {
    const ssize_t got = ::recv(peer.get(), piece.data(), piece.size(), 0);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
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

Result<std::unique_ptr<ControlServer>> ControlServer::open(const std::filesystem::path& socket,
                                                           ControlHandler handler, ControlTick tick) {
  const auto address = address_of(socket);
  if (!address) {
    return address.error();
  }
  FileDescriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  FileDescriptor stop(::eventfd(0, EFD_CLOEXEC));
  ::unlink(socket.c_str());
  // Nobody connects before listen(), and by then only the owner may.
  if (!listener || !stop || ::bind(listener.get(), raw(*address), sizeof(sockaddr_un)) != 0 ||
      ::chmod(socket.c_str(), 0600) != 0 || ::listen(listener.get(), backlog) != 0) {
    return fail(FailureKind::unreadable, socket.string() + ": cannot listen: " + errno_text(errno));
  }
  return std::unique_ptr<ControlServer>(
      new ControlServer(socket, std::move(listener), std::move(stop), std::move(handler), std::move(tick)));
}

ControlServer::ControlServer(std::filesystem::path path, FileDescriptor listener, FileDescriptor stop,
                             ControlHandler handler, ControlTick tick)
    : path_(std::move(path)),
      listener_(std::move(listener)),
      stop_(std::move(stop)),
      handler_(std::move(handler)),
      tick_(std::move(tick)),
      thread_(&ControlServer::run, this) {}

ControlServer::~ControlServer() {
  const std::uint64_t one = 1;
  // An eventfd at zero takes it; there is nothing else to do if the kernel refuses.
  static_cast<void>(::write(stop_.get(), &one, sizeof one) == sizeof one);
  thread_.join();
  ::unlink(path_.c_str());
}

void ControlServer::run() {
  std::array<pollfd, 2> waiting = {{{stop_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}}};
  using Steady = std::chrono::steady_clock;
  const bool ticks = tick_.every.count() > 0;
  auto next = Steady::now();
  int served = 0;  // since the last piece
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Steady::now()).count();
    const int patience = ticks ? static_cast<int>(std::max<std::int64_t>(left, 0)) : -1;
    const int ready = ::poll(waiting.data(), waiting.size(), patience);
    if (ready < 0 && errno != EINTR) {
      return;
    }
    if (ready > 0 && waiting[0].revents != 0) {
      return;
    }
    const bool asked = ready > 0 && waiting[1].revents != 0;
    if (asked) {
      answer_next(waiting[0]);
      ++served;
    }
    // Whoever waits comes first, but not for ever.
    if (ticks && Steady::now() >= next && (!asked || served >= backlog)) {
      served = 0;
      const bool more = tick_.run();
      next = Steady::now() + (more ? std::chrono::milliseconds(0) : tick_.every);
    }
  }
}

void ControlServer::answer_next(pollfd& stop) {
  const FileDescriptor peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (peer) {
    serve(peer);
  } else {
    ::poll(&stop, 1, accept_pause_ms);  // no descriptors, most likely: unless it is time to stop
  }
}

void ControlServer::serve(const FileDescriptor& peer) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(peer.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0 ||
      (credentials.uid != ::geteuid() && credentials.uid != 0)) {
    return;
  }
  set_patience(peer, peer_patience);
  if (const auto line = read_line(peer, control_bytes_max)) {
    // A peer that does not wait for its answer finds the act in the record.
    static_cast<void>(write_line(peer, boost::json::serialize(answer(*line, {credentials.uid}))));
  }
}

boost::json::object ControlServer::answer(const std::string& line, Requester who) const {
  boost::system::error_code error;
  const auto request = boost::json::parse(line, error);
  if (error || !request.is_object()) {
    return {{"error", {{"kind", "invalid"}, {"message", "a request is one JSON object"}}}};
  }
  auto result = handler_(request.get_object(), who);
  if (!result) {
    return {{"error", {{"kind", name_of(result.error().kind)}, {"message", result.error().message}}}};
  }
  return {{"ok", std::move(*result)}};
}

Result<std::optional<boost::json::object>> ask_control(const std::filesystem::path& socket,
                                                       const boost::json::object& request) {
  const auto address = address_of(socket);
  if (!address) {
    return address.error().kind == FailureKind::missing
               ? Result<std::optional<boost::json::object>>(std::optional<boost::json::object>())
               : address.error();
  }
  const FileDescriptor peer(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!peer) {
    return fail(FailureKind::unreadable, "no socket: " + errno_text(errno));
  }
  if (::connect(peer.get(), raw(*address), sizeof(sockaddr_un)) != 0) {
    if (errno == ENOENT || errno == ECONNREFUSED) {
      return std::optional<boost::json::object>();
    }
    return fail(FailureKind::unreadable,
                socket.string() + ": cannot reach the process that writes the journal: " + errno_text(errno));
  }
  set_patience(peer, answer_patience);
  const auto line = write_line(peer, boost::json::serialize(request))
                        ? read_line(peer, control_bytes_max * 16)
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
  return fail(FailureKind::unreadable,
              socket.string() +
                  ": the process that writes the journal gave no answer; it runs as the only user "
                  "whom it answers besides root");
}

}  // namespace tallygate::audit
