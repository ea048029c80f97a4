#pragma once
/// The door through which commands reach a journal that another process writes: a Unix socket beside `head`,
/// for whoever runs as the same user, or as root. One JSON object a line goes in, one comes back.

#include "audit/journal/failure.hpp"
#include "audit/journal/file.hpp"

#include <boost/json/object.hpp>
#include <poll.h>
#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace tallygate::audit {

/// Bytes of a request at most.
inline constexpr std::size_t control_bytes_max = 65'536;

/// Who asks, as the kernel says.
struct Requester {
  uid_t uid = 0;
  /// Whether nobody waits for the answer any more: then nothing is begun. May be called on any thread while
  /// the request is answered.
  std::function<bool()> gave_up{};
};

/// Answers one request.
using ControlHandler =
    std::function<Result<boost::json::object>(const boost::json::object& request, Requester who)>;

/// Something to be done on the server's thread now and then. It is done piece by piece: requests that came
/// meanwhile are answered before the next piece, so that they can still bear on it.
struct ControlTick {
  std::chrono::milliseconds every{0};  ///< zero: never
  std::function<bool()> run;           ///< does a piece; whether there is another one
};

/// The socket of the journal whose `head` this is.
[[nodiscard]] std::filesystem::path control_socket(const std::filesystem::path& head);

/// What one peer may take from the others.
struct ControlLimits {
  /// For a request to arrive whole, and again for its answer to be taken.
  std::chrono::milliseconds patience{5'000};
  /// Peers at once; whoever comes then waits until one of them is served or dropped.
  std::size_t peers = 16;
};

/// Listens on one thread and does one act at a time: acts on a journal are rare and have an order. Nobody
/// waits for a peer that sends nothing, or does not take its answer: those are dropped when their time is
/// over, as is who says too much. Requests come from this user or root only.
class ControlServer {
 public:
  /// Takes the place of a socket that a dead process left; the caller holds the journal's lock. `handler` is
  /// called on the server's thread. Errors: unreadable.
  static Result<std::unique_ptr<ControlServer>> open(const std::filesystem::path& socket,
                                                     ControlHandler handler, ControlTick tick = {},
                                                     ControlLimits limits = {});

  /// Ends the thread, after the request under way, and removes the socket.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

 private:
  ControlServer(std::filesystem::path path, FileDescriptor listener, FileDescriptor stop,
                ControlHandler handler, ControlTick tick, ControlLimits limits);

  struct Peer {
    FileDescriptor socket;
    Requester who;
    std::string request;  // as far as it is here
    std::string answer;   // empty: the request is not here yet
    std::size_t sent = 0;
    std::chrono::steady_clock::time_point until;  // then it is dropped
  };
  void run();
  [[nodiscard]] std::optional<bool> turn(int patience_ms);
  void take_up(pollfd& stop);
  [[nodiscard]] bool go_on(Peer& peer);
  [[nodiscard]] static bool send_on(Peer& peer);
  void wait_longer(std::chrono::steady_clock::duration by);
  [[nodiscard]] boost::json::object answer(const Peer& peer) const;

  std::filesystem::path path_;
  FileDescriptor listener_;
  FileDescriptor stop_;
  ControlHandler handler_;
  ControlTick tick_;
  ControlLimits limits_;
  std::vector<Peer> peers_;  // the thread's own
  std::thread thread_;
};

/// How long an act may take: a large segment is hashed meanwhile.
inline constexpr std::chrono::seconds act_patience{120};

/// Asks the process that writes the journal, and waits as long as that for each piece of its answer. Nothing
/// where no process listens. Errors: what it answered, and unreadable (it broke off, or let wait).
[[nodiscard]] Result<std::optional<boost::json::object>> ask_control(
    const std::filesystem::path& socket, const boost::json::object& request,
    std::chrono::seconds patience = act_patience);

}  // namespace tallygate::audit
