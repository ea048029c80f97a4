#pragma once

#include "audit/journal/failure.hpp"

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace tallygate::audit {

/// Owns one file descriptor; closes it when destroyed.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int descriptor) : descriptor_(descriptor) {}
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept;
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  [[nodiscard]] int get() const { return descriptor_; }
  explicit operator bool() const { return descriptor_ >= 0; }

 private:
  int descriptor_ = -1;
};

/// Which file a name led to: a file that was removed, replaced or renamed shows by a changed identity.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

/// The identity of what `path` names now. Errors: missing, unreadable.
Result<FileIdentity> identify(const std::filesystem::path& path);
/// The identity of an open file. Errors: unreadable.
Result<FileIdentity> identify(const FileDescriptor& file, const std::filesystem::path& path);

/// Opens a file in a folder that somebody else may write to, so that nothing but its name is known: never
/// through a symbolic link, never waiting for a peer (a named pipe), and only where it is a regular file, and
/// no other name of a file of somebody else's. `flags` as open(2) has them. Errors: missing, unreadable,
/// tampered (a link or no such file).
Result<FileDescriptor> open_own(const std::filesystem::path& path, int flags, mode_t mode = 0640);

/// Opens a file to be read, through links, without waiting for a peer. Errors: missing, unreadable (also
/// where it is no regular file: a device or a pipe might never end).
Result<FileDescriptor> open_to_read(const std::filesystem::path& path);

/// Whether `path` names a regular file, through links, or nothing at all. Errors: unreadable (something
/// else).
Result<void> check_regular(const std::filesystem::path& path);

/// Where a name leads that an operator may have made a link: only links of root's or of this process's user
/// are followed, or whoever owns the folder could have root write to a file of his choosing. Errors: tampered
/// (a link of somebody else, or too many), unreadable. A name that leads nowhere is given as it is.
Result<std::filesystem::path> follow_links(const std::filesystem::path& path);

/// Writes all of `content` to where the file stands. Nothing is durable yet. Errors: unreadable.
Result<void> write_all(const FileDescriptor& file, std::string_view content,
                       const std::filesystem::path& path);

/// Where root makes a file in somebody's folder, it is to be theirs: who serves the journal must be able to
/// go on with it. Nothing happens for anybody else. Errors: unreadable.
Result<void> give_to_owner(const FileDescriptor& file, const std::filesystem::path& path);

/// Creates `path` with `content` and `mode`, never overwriting, for the owner of the folder, and syncs
/// the file and its folder. What it
/// began is removed again on an error. Errors: exists, unreadable.
Result<void> create_file(const std::filesystem::path& path, std::string_view content, mode_t mode);

/// Overwrites the content of a file with zeros, durably, and removes it: what it held is gone from the disk,
/// as far as the file system and the device write in place. Nothing happens where there is no such file.
/// Errors: unreadable.
Result<void> shred_file(const std::filesystem::path& path);

/// Makes names created in or removed from a folder durable. Errors: unreadable.
Result<void> sync_folder(const std::filesystem::path& folder);

/// The system's text for an error number.
std::string errno_text(int error);

}  // namespace tallygate::audit
