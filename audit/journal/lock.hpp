#pragma once

#include "audit/journal/failure.hpp"
#include "audit/journal/file.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace tallygate::audit {

/// The exclusive lock of a journal's one writer: an open-file-description lock on `lock` in its folder, which
/// the kernel drops with the process, however that ends.
class Lock {
 public:
  /// Takes the lock without waiting. Errors: locked (the message names the process), unreadable, tampered (in
  /// its place is a link, or no regular file).
  static Result<Lock> acquire(const std::filesystem::path& journal);

  /// That another process holds the lock, in words; nothing where none does or that cannot be told. Makes and
  /// writes nothing.
  [[nodiscard]] static std::optional<std::string> held(const std::filesystem::path& journal);

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
