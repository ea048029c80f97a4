// How the gateway notices that its files have changed.
#include "gateway/file_watch.hpp"
#include "gateway/server.hpp"

#include <optional>
#include <string>
#include <utility>

namespace tallygate {
namespace {

namespace asio = boost::asio;

// Several files change together, and an editor writes one of them twice: the reload comes when they have
// rested so long.
constexpr net::Milliseconds look_every{500};

}  // namespace

asio::awaitable<void> Server::watch_files() {
  std::optional<FileWatch> watch;
  std::shared_ptr<const Snapshot> watched;  // whose files these are
  std::string complaint;
  bool changed = false;
  for (; !stopping_; co_await sleep(look_every)) {
    if (!snapshot_->settings.reload_on_change) {
      watch.reset();
      watched.reset();
      changed = false;
      continue;
    }
    if (watched != snapshot_) {
      auto opened = FileWatch::open(files_of(snapshot_->settings));
      if (!opened) {
        if (const std::string why = opened.error().message(); why != complaint) {
          complaint = why;
          log_.warning("files are not watched; SIGHUP still reloads", {{"reason", complaint}});
        }
        continue;
      }
      complaint.clear();
      changed = changed || (watch && watch->take_changes());  // what the old one saw last
      watch = std::move(*opened);
      watched = snapshot_;
    }
    if (watch->take_changes()) {
      changed = true;
    } else if (std::exchange(changed, false)) {
      log_.info("a file has changed: reloading");
      co_await reload_now();
    }
  }
}

}  // namespace tallygate
