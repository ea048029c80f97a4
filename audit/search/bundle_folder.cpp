#include "audit/search/bundle_folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

namespace tallygate::audit {
namespace {

constexpr mode_t folder_mode = 0750;

FileDescriptor open_folder(const std::filesystem::path& folder) {
  return FileDescriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

bool is_bundle_file(std::string_view name) {
  return std::find(bundle_files.begin(), bundle_files.end(), name) != bundle_files.end();
}

struct CloseStream {
  void operator()(DIR* stream) const { ::closedir(stream); }
};

// Whether every name in the folder is a regular file that a bundle has. A folder with anything else in it is
// somebody's, and so may be those that are called alike.
Result<bool> holds_a_bundle_alone(const FileDescriptor& folder, const std::filesystem::path& path) {
  const int own = ::openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, CloseStream> stream(own < 0 ? nullptr : ::fdopendir(own));
  if (!stream) {
    const int number = errno;
    const FileDescriptor unused(own);
    return fail(FailureKind::unreadable, path.string() + ": " + errno_text(number));
  }
  for (errno = 0;; errno = 0) {
    const dirent* const entry = ::readdir(stream.get());  // NOLINT(concurrency-mt-unsafe): of its own stream
    if (entry == nullptr) {
      return errno == 0 ? Result<bool>(true)
                        : fail(FailureKind::unreadable, path.string() + ": " + errno_text(errno));
    }
    const std::string_view name(entry->d_name);
    struct stat status{};
    if (name == "." || name == "..") {
      continue;
    }
    if (!is_bundle_file(name) || ::fstatat(folder.get(), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(status.st_mode)) {
      return false;
    }
  }
}

// The files of a bundle, and no others: whatever else is there, no export has made it.
Result<void> remove_files(const FileDescriptor& folder, const std::filesystem::path& path) {
  for (const char* name : bundle_files) {
    if (::unlinkat(folder.get(), name, 0) != 0 && errno != ENOENT) {
      return fail(FailureKind::unreadable, (path / name).string() + ": " + errno_text(errno));
    }
  }
  return {};
}

}  // namespace

BundleFolder::BundleFolder(const std::filesystem::path& name) : name_(name.lexically_normal()) {
  name_ = name_.has_filename() ? name_ : name_.parent_path();
  partial_ = name_;
  partial_ += ".partial";
}

BundleFolder::~BundleFolder() {
  if (made_) {
    std::error_code ignored;  // what cannot be removed proves nothing, and is removed by the next export
    std::filesystem::remove_all(partial_, ignored);
  }
}

Failure BundleFolder::not_ours() const {
  return fail(FailureKind::exists,
              partial_.string() + ": it holds files that no export made: remove it, or give another name");
}

Result<void> BundleFolder::clear_left() const {
  const FileDescriptor left = open_folder(partial_);
  struct stat status{};
  if (!left || ::fstat(left.get(), &status) != 0 || status.st_uid != ::geteuid()) {
    return fail(FailureKind::exists, partial_.string() +
                                         ": this is where a bundle is made, and there is something that no "
                                         "export of this user left: remove it, or give another name");
  }
  if (::flock(left.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(FailureKind::exists, partial_.string() + ": another export is under way");
  }
  const auto alone = holds_a_bundle_alone(left, partial_);
  if (!alone) {
    return alone.error();
  }
  if (!*alone) {
    return not_ours();
  }
  if (auto removed = remove_files(left, partial_); !removed) {
    return removed;
  }
  if (::rmdir(partial_.c_str()) != 0 && errno != ENOENT) {
    return errno == ENOTEMPTY || errno == EEXIST
               ? not_ours()
               : Result<void>(fail(FailureKind::unreadable, partial_.string() + ": " + errno_text(errno)));
  }
  return {};
}

Result<void> BundleFolder::make() {
  std::error_code error;
  if (std::filesystem::exists(std::filesystem::symlink_status(name_, error))) {
    return fail(FailureKind::exists, name_.string() + ": it is there already; nothing is overwritten");
  }
  made_ = ::mkdir(partial_.c_str(), folder_mode) == 0;
  if (!made_ && errno == EEXIST) {
    if (auto done = clear_left(); !done) {
      return done;
    }
    cleared_ = true;
    made_ = ::mkdir(partial_.c_str(), folder_mode) == 0;
  }
  if (!made_) {
    const int number = errno;
    return fail(
        number == EEXIST ? FailureKind::exists : FailureKind::unreadable,
        partial_.string() + (number == EEXIST ? ": another export is under way" : ": " + errno_text(number)));
  }
  lock_ = open_folder(partial_);
  if (!lock_ || ::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    made_ = lock_ && errno != EWOULDBLOCK;  // else it is in the hands of another export
    return fail(FailureKind::unreadable, partial_.string() + ": cannot be locked: " + errno_text(errno));
  }
  return {};
}

Result<void> BundleFolder::empty() const {
  return remove_files(lock_, partial_);
}

Result<void> BundleFolder::show() {
  if (auto synced = sync_folder(partial_); !synced) {
    return synced;
  }
  if (::rename(partial_.c_str(), name_.c_str()) != 0) {
    return fail(FailureKind::unreadable, name_.string() + ": " + errno_text(errno));
  }
  made_ = false;
  return sync_folder(name_.has_parent_path() ? name_.parent_path() : std::filesystem::path("."));
}

}  // namespace tallygate::audit
