#include "audit/journal/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace tallygate::audit {
namespace {

FileIdentity identity_of(const struct stat& status) {
  return {status.st_dev, status.st_ino};
}

Result<void> sync(const FileDescriptor& file, const std::filesystem::path& path) {
  if (::fsync(file.get()) != 0) {
    return fail(FailureKind::unreadable, path.string() + ": cannot sync: " + errno_text(errno));
  }
  return {};
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

Result<FileIdentity> identify(const std::filesystem::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    const int error = errno;
    return fail(error == ENOENT ? FailureKind::missing : FailureKind::unreadable,
                path.string() + ": " + errno_text(error));
  }
  return identity_of(status);
}

Result<FileIdentity> identify(const FileDescriptor& file, const std::filesystem::path& path) {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) {
    return fail(FailureKind::unreadable, path.string() + ": " + errno_text(errno));
  }
  return identity_of(status);
}

Result<void> write_all(const FileDescriptor& file, std::string_view content,
                       const std::filesystem::path& path) {
  while (!content.empty()) {
    const ssize_t wrote = ::write(file.get(), content.data(), content.size());
    if (wrote < 0 && errno == EINTR) {
      continue;
    }
    if (wrote < 0) {
      return fail(FailureKind::unreadable, path.string() + ": cannot write: " + errno_text(errno));
    }
    content.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return {};
}

Result<void> give_to_owner(const FileDescriptor& file, const std::filesystem::path& path) {
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  struct stat status{};
  if (::geteuid() != 0) {
    return {};
  }
  if (::stat(folder.c_str(), &status) != 0 || ::fchown(file.get(), status.st_uid, status.st_gid) != 0) {
    return fail(FailureKind::unreadable,
                path.string() + ": cannot be given to its folder's owner: " + errno_text(errno));
  }
  return {};
}

Result<void> create_file(const std::filesystem::path& path, std::string_view content, mode_t mode) {
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!file) {
    const int error = errno;
    return fail(error == EEXIST ? FailureKind::exists : FailureKind::unreadable,
                path.string() + ": cannot create: " + errno_text(error));
  }
  auto done = give_to_owner(file, path);
  done = done ? write_all(file, content, path) : done;
  done = done ? sync(file, path) : done;
  if (done) {
    const auto folder = path.parent_path();
    done = sync_folder(folder.empty() ? std::filesystem::path(".") : folder);
  }
  if (!done) {
    ::unlink(path.c_str());
  }
  return done;
}

Result<void> shred_file(const std::filesystem::path& path) {
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  if (!file && errno == ENOENT) {
    return {};
  }
  if (!file || ::fstat(file.get(), &status) != 0) {
    return fail(FailureKind::unreadable, path.string() + ": cannot overwrite: " + errno_text(errno));
  }
  const std::string zeros(static_cast<std::size_t>(status.st_size), '\0');
  auto gone = write_all(file, zeros, path);
  gone = gone ? sync(file, path) : gone;
  if (!gone) {
    return gone;
  }
  if (::unlink(path.c_str()) != 0) {
    return fail(FailureKind::unreadable, path.string() + ": cannot remove: " + errno_text(errno));
  }
  const auto folder = path.parent_path();
  return sync_folder(folder.empty() ? std::filesystem::path(".") : folder);
}

Result<void> sync_folder(const std::filesystem::path& folder) {
  FileDescriptor file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!file || ::fsync(file.get()) != 0) {
    return fail(FailureKind::unreadable, folder.string() + ": cannot sync the folder: " + errno_text(errno));
  }
  return {};
}

std::string errno_text(int error) {
  return std::error_code(error, std::generic_category()).message();
}

}  // namespace tallygate::audit
