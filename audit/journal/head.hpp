#pragma once

#include "audit/journal/failure.hpp"
#include "audit/journal/file.hpp"
#include "audit/journal/note.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

constexpr std::size_t head_block_size = 4096;
constexpr std::size_t head_blocks = 2;

/// Writes one block at an offset so that it is durable when this returns 0; otherwise an errno. The default
/// writes through a descriptor opened with O_DSYNC; tests hand in one that fails.
using WriteDurably = std::function<int(int descriptor, std::span<const char> block, std::int64_t offset)>;
WriteDurably write_through();

/// A checkpoint that a head block holds, verified.
struct HeadBlock {
  std::size_t index = 0;  ///< which of the two blocks
  Checkpoint checkpoint;
};

/// The valid block with the larger size among the bytes of a head file: a note by one of `keys`, which
/// share a name, whose origin is that name, padded with NUL. Nothing where there is none. Pure.
std::optional<HeadBlock> newest_head(std::string_view bytes, std::span<const VerifyKey> keys);

/// Every valid block among the bytes of a head file, as they lie. Pure.
std::vector<HeadBlock> valid_heads(std::string_view bytes, std::span<const VerifyKey> keys);

/// The companion `head` (journal.md §1): the newest acknowledged checkpoint in two blocks written in turn, so
/// that a torn write leaves the other whole. One thread at a time.
class Head {
 public:
  /// Makes the file with `note` in its first block. Errors: exists, unreadable.
  static Result<void> create(const std::filesystem::path& path, std::string_view note);

  /// Opens the file for reading and writing. Errors: missing, unreadable.
  static Result<Head> open(const std::filesystem::path& path, WriteDurably write = write_through());

  /// The newest valid block now in the file. Errors: unreadable, tampered (no valid block).
  Result<HeadBlock> read(std::span<const VerifyKey> keys);

  /// Writes `note` into the block that does not hold the newest one. Durable on return. After an error the
  /// other block still holds what it held. Errors: invalid (longer than a block), unreadable.
  Result<void> write(std::string_view note);

  /// Whether the path still leads to this file. Errors: missing, tampered (replaced).
  [[nodiscard]] Result<void> check_in_place() const;

 private:
  Head(FileDescriptor file, std::filesystem::path path, FileIdentity identity, WriteDurably write)
      : file_(std::move(file)), path_(std::move(path)), identity_(identity), write_(std::move(write)) {}

  FileDescriptor file_;
  std::filesystem::path path_;
  FileIdentity identity_;
  WriteDurably write_;
  std::size_t next_ = 0;  // the block to write next; read() sets it
};

}  // namespace tallygate::audit
