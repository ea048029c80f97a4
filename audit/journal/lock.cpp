#include "audit/journal/lock.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>

namespace tallygate::audit {
namespace {

std::string holder(const FileDescriptor& file) {
  std::array<char, 32> text{};
  const ssize_t got = ::pread(file.get(), text.data(), text.size(), 0);
  std::string pid;
  for (ssize_t i = 0;
       i < got && text[static_cast<std::size_t>(i)] >= '0' && text[static_cast<std::size_t>(i)] <= '9'; ++i) {
    pid.push_back(text[static_cast<std::size_t>(i)]);
  }
  return pid.empty() ? "another process" : "process " + pid;
}

std::string writes_already(const FileDescriptor& file, const std::filesystem::path& path) {
  return path.string() + ": " + holder(file) + " writes this journal already";
}

struct flock whole_file() {
  struct flock request{};
  request.l_type = F_WRLCK;
  request.l_whence = SEEK_SET;
  return request;
}

}  // namespace

std::optional<std::string> Lock::held(const std::filesystem::path& journal) {
  const auto path = journal / "lock";
  const auto file = open_own(path, O_RDONLY);
  struct flock request = whole_file();
  if (!file || ::fcntl(file->get(), F_OFD_GETLK, &request) != 0 || request.l_type == F_UNLCK) {
    return std::nullopt;
  }
  return writes_already(*file, path);
}

Result<Lock> Lock::acquire(const std::filesystem::path& journal) {
  const auto path = journal / "lock";
  // It is written to: whoever owns the folder must not have another file written, least of all by root.
  auto opened = open_own(path, O_RDWR | O_CREAT);
  if (!opened) {
    return fail(
        opened.error().kind == FailureKind::tampered ? FailureKind::tampered : FailureKind::unreadable,
        "cannot open the lock: " + opened.error().message);
  }
  FileDescriptor file = std::move(*opened);
  if (auto given = give_to_owner(file, path); !given) {
    return given.error();
  }
  const struct flock request = whole_file();
  if (::fcntl(file.get(), F_OFD_SETLK, &request) != 0) {
    const int error = errno;
    if (error == EAGAIN || error == EACCES) {
      return fail(FailureKind::locked, writes_already(file, path));
    }
    return fail(FailureKind::unreadable, path.string() + ": cannot lock: " + errno_text(error));
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(file.get(), 0) != 0 ||
      ::pwrite(file.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    // The number only serves the message above: a full disk must not keep a journal from being opened and
    // read.
    errno = 0;
  }
  const auto identity = identify(file, path);
  if (!identity) {
    return identity.error();
  }
  Lock lock(std::move(file), path, *identity);
  if (auto in_place = lock.check_in_place(); !in_place) {
    return in_place.error();
  }
  return lock;
}

Result<void> Lock::check_in_place() const {
  const auto now = identify(path_);
  if (!now) {
    return now.error();
  }
  if (*now != identity_) {
    return fail(FailureKind::tampered,
                path_.string() + ": the lock was replaced by another file while in use");
  }
  return {};
}

}  // namespace tallygate::audit
