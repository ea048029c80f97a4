#pragma once
/// The door through which commands reach a journal that another process writes: a Unix socket beside `head`,
/// for whoever runs as the same user, or as root. One JSON object a line goes in, one comes back.

#include "audit/journal/failure.hpp"
#include "audit/journal/file.hpp"

#include <boost/json/object.hpp>
#include <poll.h>
#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

namespace tallygate::audit {

/// Bytes of a request at most.
inline constexpr std::size_t control_bytes_max = 65'536;

/// Who asks, as the kernel says.
struct Requester {
  uid_t uid = 0;
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

/// Listens on one thread, one request at a time: acts on a journal are rare and have an order. Requests come
/// from this user or root only; a peer that is slow or says too much is dropped.
class ControlServer {
 public:
  /// Takes the place of a socket that a dead process left; the caller holds the journal's lock. `handler` is
  /// called on the server's thread. Errors: unreadable.
  static Result<std::unique_ptr<ControlServer>> open(const std::filesystem::path& socket,
                                                     ControlHandler handler, ControlTick tick = {});

  /// Ends the thread, after the request under way, and removes the socket.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

 private:
  ControlServer(std::filesystem::path path, FileDescriptor listener, FileDescriptor stop,
                ControlHandler handler, ControlTick tick);
  void run();
  void answer_next(pollfd& stop);
  void serve(const FileDescriptor& peer);
  [[nodiscard]] boost::json::object answer(const std::string& line, Requester who) const;

  std::filesystem::path path_;
  FileDescriptor listener_;
  FileDescriptor stop_;
  ControlHandler handler_;
  ControlTick tick_;
  std::thread thread_;
};

/// Asks the process that writes the journal. Nothing where no process listens. Errors: what it answered, and
/// unreadable (it broke off).
[[nodiscard]] Result<std::optional<boost::json::object>> ask_control(const std::filesystem::path& socket,
                                                                     const boost::json::object& request);

}  // namespace tallygate::audit
