// The end of a control socket that answers.

#include "audit/custody/control.hpp"
#include "audit/custody/control_wire.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr int backlog = 8;
constexpr int accept_pause_ms = 100;
constexpr int busy_turns_max = 32;  // that a tick which is due waits for those who ask

using Steady = std::chrono::steady_clock;

bool is_again(int number) {
  return number == EAGAIN || number == EWOULDBLOCK || number == EINTR;
}

// Milliseconds until then, rounded up; none where it is over.
int patience_until(Steady::time_point then) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(then - Steady::now()).count();
  constexpr std::int64_t longest = 3'600'000;
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, longest));
}

// Whether the peer closed its end, and not just the half that it sends on.
bool hung_up(int socket) {
  pollfd peer{socket, 0, 0};
  return ::poll(&peer, 1, 0) > 0 && (peer.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

}  // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::open(const std::filesystem::path& socket,
                                                           ControlHandler handler, ControlTick tick,
                                                           ControlLimits limits) {
  const auto address = control_address(socket);
  if (!address) {
    return address.error();
  }
  FileDescriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  FileDescriptor stop(::eventfd(0, EFD_CLOEXEC));
  ::unlink(socket.c_str());
  // Nobody connects before listen(), and by then only the owner may.
  if (!listener || !stop || ::bind(listener.get(), address->raw(), sizeof(sockaddr_un)) != 0 ||
      ::chmod(socket.c_str(), 0600) != 0 || ::listen(listener.get(), backlog) != 0) {
    return fail(FailureKind::unreadable, socket.string() + ": cannot listen: " + errno_text(errno));
  }
  return std::unique_ptr<ControlServer>(new ControlServer(socket, std::move(listener), std::move(stop),
                                                          std::move(handler), std::move(tick), limits));
}

ControlServer::ControlServer(std::filesystem::path path, FileDescriptor listener, FileDescriptor stop,
                             ControlHandler handler, ControlTick tick, ControlLimits limits)
    : path_(std::move(path)),
      listener_(std::move(listener)),
      stop_(std::move(stop)),
      handler_(std::move(handler)),
      tick_(std::move(tick)),
      limits_(limits),
      thread_(&ControlServer::run, this) {}

ControlServer::~ControlServer() {
  const std::uint64_t one = 1;
  // An eventfd at zero takes it; there is nothing else to do if the kernel refuses.
  static_cast<void>(::write(stop_.get(), &one, sizeof one) == sizeof one);
  thread_.join();
  ::unlink(path_.c_str());
}

void ControlServer::run() {
  const bool ticks = tick_.every.count() > 0;
  auto next = Steady::now();
  int busy = 0;  // turns since the last piece
  for (;;) {
    auto wake = ticks ? next : Steady::time_point::max();
    for (const Peer& peer : peers_) {
      wake = std::min(wake, peer.until);
    }
    const auto turned = turn(wake == Steady::time_point::max() ? -1 : patience_until(wake));
    if (!turned) {
      return;
    }
    busy += *turned ? 1 : 0;
    // Whoever waits comes first, but not for ever.
    if (ticks && Steady::now() >= next && (!*turned || busy >= busy_turns_max)) {
      busy = 0;
      const auto begun = Steady::now();
      const bool more = tick_.run();
      wait_longer(Steady::now() - begun);
      next = Steady::now() + (more ? std::chrono::milliseconds(0) : tick_.every);
    }
  }
}

// Takes up what came within that time: whether something came. Nothing where it is time to stop.
std::optional<bool> ControlServer::turn(int patience_ms) {
  std::vector<pollfd> waiting = {{stop_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
  if (peers_.size() >= limits_.peers) {
    waiting[1].events = 0;
  }
  for (const Peer& peer : peers_) {
    waiting.push_back({peer.socket.get(), POLLIN, 0});
    if (!peer.answer.empty()) {
      waiting.back().events = POLLOUT;
    }
  }
  const int ready = ::poll(waiting.data(), waiting.size(), patience_ms);
  if ((ready < 0 && errno != EINTR) || (ready > 0 && waiting[0].revents != 0)) {
    return std::nullopt;
  }
  const auto now = Steady::now();
  auto fd = waiting.cbegin() + 2;
  for (auto peer = peers_.begin(); peer != peers_.end(); ++fd) {
    const bool stays = ready > 0 && fd->revents != 0 ? go_on(*peer) && now < peer->until : now < peer->until;
    peer = stays ? std::next(peer) : peers_.erase(peer);
  }
  if (ready > 0 && waiting[1].revents != 0) {
    take_up(waiting[0]);
  }
  return ready > 0;
}

void ControlServer::take_up(pollfd& stop) {
  FileDescriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket) {
    if (!is_again(errno)) {
      ::poll(&stop, 1, accept_pause_ms);  // no descriptors, most likely: unless it is time to stop
    }
    return;
  }
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0 &&
      (credentials.uid == ::geteuid() || credentials.uid == 0)) {
    peers_.push_back({std::move(socket), {credentials.uid, {}}, {}, {}, 0, Steady::now() + limits_.patience});
  }
}

// False: there is nothing more to do for that peer.
bool ControlServer::go_on(Peer& peer) {
  if (!peer.answer.empty()) {
    return send_on(peer);
  }
  std::array<char, 4096> piece{};
  const ssize_t got = ::recv(peer.socket.get(), piece.data(), piece.size(), MSG_DONTWAIT);
  if (got <= 0) {
    return got < 0 && is_again(errno);
  }
  peer.request.append(piece.data(), static_cast<std::size_t>(got));
  const auto end = peer.request.find('\n');
  if (end == std::string::npos) {
    return peer.request.size() <= control_bytes_max;
  }
  peer.request.resize(end);
  if (hung_up(peer.socket.get())) {
    return false;  // who was told that nothing came of it must not find it done later
  }
  const auto begun = Steady::now();
  peer.answer = boost::json::serialize(answer(peer)) + "\n";
  wait_longer(Steady::now() - begun);
  peer.until = Steady::now() + limits_.patience;
  return send_on(peer);
}

// A peer that does not wait for the answer to what was begun finds the act in the record.
bool ControlServer::send_on(Peer& peer) {
  const std::string_view rest = std::string_view(peer.answer).substr(peer.sent);
  const ssize_t sent = ::send(peer.socket.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0) {
    return is_again(errno);
  }
  peer.sent += static_cast<std::size_t>(sent);
  return peer.sent < peer.answer.size();
}

// While something was done for one, or by the tick, nobody looked at what the others sent.
void ControlServer::wait_longer(std::chrono::steady_clock::duration by) {
  for (Peer& peer : peers_) {
    peer.until += by;
  }
}

boost::json::object ControlServer::answer(const Peer& peer) const {
  boost::system::error_code error;
  const auto request = boost::json::parse(peer.request, error);
  if (error || !request.is_object()) {
    return {{"error", {{"kind", "invalid"}, {"message", "a request is one JSON object"}}}};
  }
  const Requester who{peer.who.uid, [socket = peer.socket.get()] { return hung_up(socket); }};
  auto result = handler_(request.get_object(), who);
  return result ? boost::json::object{{"ok", std::move(*result)}}
                : boost::json::object{{"error", error_json(result.error())}};
}

}  // namespace tallygate::audit
