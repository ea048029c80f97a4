#pragma once

#include "audit/journal/failure.hpp"
#include "audit/journal/file.hpp"

#include <filesystem>

namespace tallygate::audit {

/// The exclusive lock of a journal's one writer: an open-file-description lock on `lock` in its folder, which
/// the kernel drops with the process, however that ends.
class Lock {
 public:
  /// Takes the lock without waiting. Errors: locked (the message names the process), unreadable.
  static Result<Lock> acquire(const std::filesystem::path& journal);

  /// Whether the path still leads to the locked file; otherwise a second writer could lock another one.
  /// Errors: missing, tampered.
  [[nodiscard]] Result<void> check_in_place() const;

 private:
  Lock(FileDescriptor file, std::filesystem::path path, FileIdentity identity)
      : file_(std::move(file)), path_(std::move(path)), identity_(identity) {}

  FileDescriptor file_;
  std::filesystem::path path_;
  FileIdentity identity_;
};

}  // namespace tallygate::audit
