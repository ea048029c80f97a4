#include "gateway/file_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <filesystem>
#include <utility>

namespace tallygate {
namespace {

namespace fs = std::filesystem;

/// As many links as the system follows on one way.
constexpr std::size_t links_max = 40;

constexpr std::uint32_t events = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                                 IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

boost::system::error_code last_error() {
  return {errno, boost::system::system_category()};
}

void put_first(std::deque<std::string>& names, const fs::path& path) {
  std::deque<std::string> parts;
  for (const fs::path& part : path.relative_path()) {
    parts.push_back(part.string());
  }
  names.insert(names.begin(), parts.begin(), parts.end());
}

}  // namespace

boost::system::result<FileWatch> FileWatch::open(std::span<const std::string> paths) {
  const int descriptor = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (descriptor < 0) {
    return last_error();
  }
  FileWatch watch(descriptor);
  for (const std::string& path : paths) {
    if (const auto error = watch.add_way(path)) {
      return error;
    }
  }
  return watch;
}

FileWatch::~FileWatch() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

FileWatch::FileWatch(FileWatch&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), names_(std::move(other.names_)) {}

FileWatch& FileWatch::operator=(FileWatch&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(names_, other.names_);
  return *this;
}

/// Goes the way as the system would, name by name, and watches each folder for the name that is looked up
/// there.
boost::system::error_code FileWatch::add_way(std::string_view path) {
  std::error_code error;
  std::deque<std::string> names;
  put_first(names, fs::absolute(path, error));
  fs::path folder = "/";
  for (std::size_t links = 0; !names.empty();) {
    const std::string name = std::move(names.front());
    names.pop_front();
    if (name.empty() || name == ".") {
      continue;
    }
    if (name == "..") {
      folder = folder.parent_path();
      continue;
    }
    if (const auto failed = add(folder.string(), name)) {
      // What is not there, or no folder, or closed to us, will be seen where its name appears or changes.
      const bool elsewhere = failed == boost::system::errc::no_such_file_or_directory ||
                             failed == boost::system::errc::not_a_directory ||
                             failed == boost::system::errc::permission_denied;
      if (!elsewhere) {
        return failed;
      }
    }
    const fs::path next = folder / name;
    const fs::path target = fs::read_symlink(next, error);
    if (error) {
      folder = next;
    } else if (++links > links_max) {
      return {};
    } else {
      put_first(names, target);
      folder = target.is_absolute() ? fs::path("/") : folder;
    }
  }
  return {};
}

boost::system::error_code FileWatch::add(const std::string& folder, const std::string& name) {
  const int watch = inotify_add_watch(descriptor_, folder.c_str(), events);
  if (watch < 0) {
    return last_error();
  }
  names_[watch].insert(name);
  return {};
}

bool FileWatch::concerns(int watch, std::string_view name) const {
  const auto found = names_.find(watch);
  return found != names_.end() && (name.empty() || found->second.contains(name));
}

bool FileWatch::take_changes() {
  bool changed = false;
  alignas(inotify_event) std::array<char, 65'536> buffer{};
  for (;;) {
    const ssize_t length = ::read(descriptor_, buffer.data(), buffer.size());
    if (length <= 0) {
      return changed;
    }
    for (std::size_t at = 0; at < static_cast<std::size_t>(length);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      // The name is filled up with zero bytes.
      const char* name = buffer.data() + at + sizeof event;
      const bool lost = (event.mask & IN_Q_OVERFLOW) != 0;
      changed = changed || lost || concerns(event.wd, event.len == 0 ? std::string_view() : name);
      at += sizeof event + event.len;
    }
  }
}

}  // namespace tallygate
