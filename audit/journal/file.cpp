#include "audit/journal/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
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

constexpr int links_max = 16;
constexpr std::size_t link_bytes_max = 4'096;

Result<struct stat> status_of(const FileDescriptor& file, const std::filesystem::path& path) {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) {
    return fail(FailureKind::unreadable, path.string() + ": " + errno_text(errno));
  }
  return status;
}

Failure cannot_open(const std::filesystem::path& path, int error) {
  return fail(error == ENOENT ? FailureKind::missing : FailureKind::unreadable,
              path.string() + ": " + errno_text(error));
}

// Whether the file belongs to whom its folder belongs to: then a second name of it gives nobody anything.
bool is_of_its_folder(const struct stat& file, const std::filesystem::path& path) {
  struct stat folder{};
  const auto parent = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  return ::stat(parent.c_str(), &folder) == 0 && folder.st_uid == file.st_uid;
}

// Where a link leads, if `path` is one; it is looked at and read as the same link.
Result<std::optional<std::filesystem::path>> target_of(const std::filesystem::path& path) {
  using Target = std::optional<std::filesystem::path>;
  const FileDescriptor link(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!link) {
    return errno == ENOENT ? Result<Target>(Target()) : cannot_open(path, errno);
  }
  const auto status = status_of(link, path);
  if (!status) {
    return status.error();
  }
  if (!S_ISLNK(status->st_mode)) {
    return Target();
  }
  if (status->st_uid != 0 && status->st_uid != ::geteuid()) {
    return fail(FailureKind::tampered,
                path.string() + ": it is a symbolic link that user " + std::to_string(status->st_uid) +
                    " made; only links of root or of the user who runs this are followed");
  }
  std::string target(link_bytes_max, '\0');
  const ssize_t got = ::readlinkat(link.get(), "", target.data(), target.size());
  if (got <= 0) {
    return fail(FailureKind::unreadable, path.string() + ": cannot be followed: " + errno_text(errno));
  }
  target.resize(static_cast<std::size_t>(got));
  return Target(path.parent_path() / target);
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

Result<FileDescriptor> open_own(const std::filesystem::path& path, int flags, mode_t mode) {
  FileDescriptor file(::open(path.c_str(), flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, mode));
  if (!file && errno == ELOOP) {
    return fail(FailureKind::tampered, path.string() + ": it is a symbolic link, which is not followed here");
  }
  if (!file) {
    return cannot_open(path, errno);
  }
  const auto status = status_of(file, path);
  if (!status) {
    return status.error();
  }
  if (!S_ISREG(status->st_mode)) {
    return fail(FailureKind::tampered, path.string() + ": it is no regular file");
  }
  if (status->st_nlink > 1 && !is_of_its_folder(*status, path)) {
    return fail(FailureKind::tampered, path.string() + ": it is another name of somebody else's file");
  }
  return file;
}

Result<FileDescriptor> open_to_read(const std::filesystem::path& path) {
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!file) {
    return cannot_open(path, errno);
  }
  const auto status = status_of(file, path);
  if (!status) {
    return status.error();
  }
  return S_ISREG(status->st_mode)
             ? Result<FileDescriptor>(std::move(file))
             : fail(FailureKind::unreadable, path.string() + ": it is no regular file, and not read");
}

Result<void> check_regular(const std::filesystem::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    return errno == ENOENT ? Result<void>() : cannot_open(path, errno);
  }
  return S_ISREG(status.st_mode)
             ? Result<void>()
             : fail(FailureKind::unreadable, path.string() + ": it is no regular file, and not read");
}

Result<std::filesystem::path> follow_links(const std::filesystem::path& path) {
  std::filesystem::path name = path;
  for (int links = 0; links < links_max; ++links) {
    const auto target = target_of(name);
    if (!target) {
      return target.error();
    }
    if (!*target) {
      return name;
    }
    name = **target;
  }
  return fail(FailureKind::tampered, path.string() + ": it leads through too many links");
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
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status{};
  if (!file && errno == ENOENT) {
    return {};
  }
  if (!file || ::fstat(file.get(), &status) != 0) {
    return fail(FailureKind::unreadable, path.string() + ": cannot overwrite: " + errno_text(errno));
  }
  if (!S_ISREG(status.st_mode)) {
    return fail(FailureKind::tampered, path.string() + ": cannot overwrite: it is no regular file");
  }
  constexpr std::size_t piece_bytes = std::size_t{64} * 1024;
  const std::string zeros(piece_bytes, '\0');
  Result<void> gone;
  for (auto left = static_cast<std::size_t>(status.st_size); gone && left > 0;) {
    const std::size_t piece = std::min(left, zeros.size());
    gone = write_all(file, std::string_view(zeros).substr(0, piece), path);
    left -= piece;
  }
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
