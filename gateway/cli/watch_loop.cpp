#include "gateway/cli/watch_loop.hpp"

#include "gateway/cli/policy_files.hpp"
#include "gateway/file_watch.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <utility>

namespace tallygate::cli {
namespace {

/// An editor writes a file in several steps: what follows within this time belongs to the same change.
constexpr int settle_ms = 50;

/// The signals that end the loop, as something to wait for. They are blocked as long as this object lives.
class EndSignals {
 public:
  EndSignals() {
    sigemptyset(&wanted_);
    sigaddset(&wanted_, SIGINT);
    sigaddset(&wanted_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &wanted_, &before_);
    descriptor_ = signalfd(-1, &wanted_, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  ~EndSignals() {
    if (descriptor_ >= 0) {
      signalfd_siginfo taken{};  // or it would be delivered now
      while (::read(descriptor_, &taken, sizeof taken) > 0) {
      }
      ::close(descriptor_);
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  EndSignals(const EndSignals&) = delete;
  EndSignals& operator=(const EndSignals&) = delete;
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

  /// Lets the signals do what they did before, until block() again: they end a run that takes long.
  void unblock() const noexcept { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  void block() const noexcept { pthread_sigmask(SIG_BLOCK, &wanted_, nullptr); }

 private:
  sigset_t wanted_{};
  sigset_t before_{};
  int descriptor_ = -1;
};

enum class Event { change, nothing, end };

/// Waits for a change or an end; `timeout_ms` below 0: as long as it takes.
Event wait_once(FileWatch& watch, const EndSignals& signals, int timeout_ms) {
  std::array<pollfd, 2> waiting{{{signals.descriptor(), POLLIN, 0}, {watch.descriptor(), POLLIN, 0}}};
  const int ready = ::poll(waiting.data(), waiting.size(), timeout_ms);
  if (ready < 0 && errno != EINTR) {
    return Event::end;
  }
  if (waiting[0].revents != 0) {
    return Event::end;
  }
  return ready > 0 && watch.take_changes() ? Event::change : Event::nothing;
}

/// True after a change, once it is over; false at the end.
bool wait_for_change(FileWatch& watch, const EndSignals& signals) {
  Event event = Event::nothing;
  while (event == Event::nothing) {
    event = wait_once(watch, signals, -1);
  }
  while (event == Event::change) {
    event = wait_once(watch, signals, settle_ms);
  }
  return event != Event::end;
}

/// Adds what is missing; true if anything was.
bool add_missing(std::vector<std::string>& files, const std::vector<std::string>& more) {
  bool added = false;
  for (const std::string& file : more) {
    if (std::find(files.begin(), files.end(), file) == files.end()) {
      files.push_back(file);
      added = true;
    }
  }
  return added;
}

/// Watches first, then loads; again where loading showed more files than were watched.
std::optional<FileWatch> watch_and_load(std::vector<std::string>& files, const Watched& watched) {
  for (;;) {
    auto watch = FileWatch::open(files);
    if (!watch) {
      complain("--watch: " + watch.error().message());
      return std::nullopt;
    }
    if (!add_missing(files, watched.load())) {
      return std::move(*watch);
    }
  }
}

}  // namespace

ExitCode watch_files(std::vector<std::string> first, const Watched& watched) {
  const EndSignals signals;
  if (signals.descriptor() < 0) {
    complain("--watch: the system gives no signals to wait for");
    return ExitCode::not_possible;
  }
  for (std::vector<std::string> files = std::move(first);;) {
    signals.unblock();
    std::optional<FileWatch> watch = watch_and_load(files, watched);
    if (!watch) {
      return ExitCode::not_possible;
    }
    const ExitCode code = watched.run();
    signals.block();
    if (code == ExitCode::not_possible || !wait_for_change(*watch, signals)) {
      return code;
    }
  }
}

}  // namespace tallygate::cli
