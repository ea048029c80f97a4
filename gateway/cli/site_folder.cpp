#include "gateway/cli/site_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>

namespace tallygate::cli {
namespace {

using audit::fail;
using audit::Failure;
using audit::FailureKind;
using audit::Result;
namespace fs = std::filesystem;

constexpr unsigned folder_mode = 0700;

Failure system_failure(std::string_view what, const fs::path& path, int error) {
  const auto kind = error == EEXIST || error == ENOTEMPTY ? FailureKind::exists
                    : error == ENOENT                     ? FailureKind::missing
                                                          : FailureKind::unreadable;
  return fail(kind, fmt::format("{} {}: {}", what, path.string(), std::generic_category().message(error)));
}

/// Closes what it holds; never a negative number.
class Descriptor {
 public:
  explicit Descriptor(int number) noexcept : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) {
      ::close(number_);
    }
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int number() const noexcept { return number_; }

 private:
  int number_;
};

/// Whoever was to read a file still can: who may give files away gives it to its owner, others at least to
/// its group, as far as they may.
void give_to(const fs::path& path, const struct stat& old) {
  if (::chown(path.c_str(), old.st_uid, old.st_gid) != 0 &&
      ::chown(path.c_str(), static_cast<uid_t>(-1), old.st_gid) != 0) {
    return;  // it is theirs now, as after any editor that replaces files
  }
}

Result<void> sync_folder(const fs::path& path) {
  const Descriptor folder{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (folder.number() < 0 || ::fsync(folder.number()) != 0) {
    return system_failure("cannot sync", path, errno);
  }
  return {};
}

}  // namespace

Result<void> write_new_file(const fs::path& path, std::string_view text, unsigned mode) {
  const Descriptor file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)};
  if (file.number() < 0) {
    return system_failure("cannot create", path, errno);
  }
  while (!text.empty()) {
    const ssize_t written = ::write(file.number(), text.data(), text.size());
    if (written < 0 && errno != EINTR) {
      const int error = errno;
      ::unlink(path.c_str());
      return system_failure("cannot write", path, error);
    }
    text.remove_prefix(written > 0 ? static_cast<std::size_t>(written) : 0);
  }
  // The umask may have taken bits away that the caller wants others to have.
  if (::fchmod(file.number(), mode) != 0 || ::fsync(file.number()) != 0) {
    const int error = errno;
    ::unlink(path.c_str());
    return system_failure("cannot write", path, error);
  }
  return {};
}

Result<void> replace_file(const fs::path& path, std::string_view text, unsigned mode) {
  struct stat old{};
  const bool there = ::stat(path.c_str(), &old) == 0;
  if (there && ::access(path.c_str(), W_OK) != 0) {
    return system_failure("cannot replace", path, errno);
  }
  const fs::path next = path.string() + fmt::format(".{}.new", ::getpid());
  if (auto written = write_new_file(next, text, mode); !written) {
    return written;
  }
  if (there) {
    give_to(next, old);
  }
  std::error_code error;
  fs::rename(next, path, error);
  if (error) {
    std::error_code ignored;  // the failure that led here is the one to report
    fs::remove(next, ignored);
    return fail(FailureKind::unreadable,
                fmt::format("cannot replace {}: {}", path.string(), error.message()));
  }
  return {};
}

SiteFolder::SiteFolder(fs::path target, fs::path staged)
    : target_(std::move(target)), staged_(std::move(staged)) {}

SiteFolder::SiteFolder(SiteFolder&& other) noexcept
    : target_(std::move(other.target_)), staged_(std::exchange(other.staged_, fs::path{})) {}

SiteFolder::~SiteFolder() {
  if (!staged_.empty()) {
    std::error_code ignored;  // a leftover has a name that says what it is, and nothing uses it
    fs::remove_all(staged_, ignored);
  }
}

Result<SiteFolder> SiteFolder::stage(const fs::path& target) {
  std::error_code error;
  fs::path place = fs::absolute(target, error).lexically_normal();
  if (!place.has_filename()) {
    place = place.parent_path();
  }
  if (fs::exists(place, error) && !(fs::is_directory(place, error) && fs::is_empty(place, error))) {
    return fail(FailureKind::exists,
                fmt::format("{} is there already and is not empty: nothing was changed; name "
                            "a new folder, or remove this one",
                            place.string()));
  }
  if (!fs::is_directory(place.parent_path(), error)) {
    return fail(FailureKind::missing,
                fmt::format("{} is not a folder: make it first", place.parent_path().string()));
  }
  std::string pattern = (place.parent_path() / ("." + place.filename().string() + ".new-XXXXXX")).string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    return system_failure("cannot create a folder in", place.parent_path(), errno);
  }
  return SiteFolder{place, pattern};
}

Result<void> SiteFolder::write(const fs::path& name, std::string_view text, unsigned mode) const {
  fs::path folder = staged_;
  for (const auto& part : name.parent_path()) {
    folder /= part;
    if (::mkdir(folder.c_str(), folder_mode) != 0 && errno != EEXIST) {
      return system_failure("cannot create", folder, errno);
    }
  }
  return write_new_file(staged_ / name, text, mode);
}

Result<void> SiteFolder::commit() {
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(staged_, error)) {
    if (entry.is_directory(error)) {
      if (auto synced = sync_folder(entry.path()); !synced) {
        return synced;
      }
    }
  }
  if (auto synced = sync_folder(staged_); !synced) {
    return synced;
  }
  if (::rename(staged_.c_str(), target_.c_str()) != 0) {
    return system_failure("cannot create", target_, errno);
  }
  staged_.clear();
  return sync_folder(target_.parent_path());
}

}  // namespace tallygate::cli
