#pragma once

#include "audit/journal/failure.hpp"
#include "audit/journal/file.hpp"
#include "audit/journal/sqlite.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace tallygate::audit {

/// What a segment's end looks like.
struct SegmentEnd {
  std::uint64_t entries_end = 0;      ///< seq of its last entry + 1
  std::uint64_t checkpoint_size = 0;  ///< size of its newest checkpoint, 0 where there is none
  std::string note;                   ///< the newest checkpoint
};

/// The same of a segment that is open otherwise. Errors: unreadable.
Result<SegmentEnd> segment_end(Database& database);

/// How full the WAL is.
struct WalFrames {
  int in_wal = 0;  ///< told by SQLite at each commit
  int folded = 0;  ///< of these, already in the file
};

/// The open segment of a journal, for its one writer: the only connection that writes and that folds the WAL
/// (journal.md §10). After any error it is to be closed and opened again. One thread at a time.
class Segment {
 public:
  /// Makes an empty open segment that begins at `first`, whole or not at all. Errors: exists, unreadable.
  static Result<void> create(const std::filesystem::path& file, std::string_view origin, std::uint64_t first,
                             const std::string& vfs = {});

  /// Opens a segment for writing, never creating it. Refuses one whose schema, format or origin is another.
  /// Errors: missing, unreadable (also: of a later format), tampered.
  static Result<Segment> open(const std::filesystem::path& file, std::string_view origin,
                              const std::string& vfs = {});

  Result<SegmentEnd> end();

  /// Calls `each` with every entry from `from` on, in order. Errors: unreadable, tampered (a gap).
  Result<void> read(std::uint64_t from,
                    const std::function<void(std::uint64_t seq, std::string_view body)>& each);

  /// The body of one entry. Errors: missing, unreadable.
  Result<std::string> body(std::uint64_t seq);

  /// Bytes of all bodies together. Errors: unreadable.
  Result<std::uint64_t> body_bytes();

  /// The five steps of one batch: one transaction, durable when commit() returns.
  Result<void> begin();
  Result<void> insert(std::uint64_t seq, std::string_view body);
  Result<void> insert_checkpoint(std::uint64_t size, std::string_view note);
  Result<void> commit();
  void rollback();

  /// Whether the paths of the file and of its WAL still lead to the files that are open.
  /// Errors: missing, tampered (replaced).
  [[nodiscard]] Result<void> check_in_place() const;

  /// Frames of the WAL that are not folded into the file yet.
  [[nodiscard]] int wal_frames() const;

  /// Frames that the WAL has at all, folded or not: it starts over only when no reader holds it.
  [[nodiscard]] int wal_length() const { return wal_->in_wal; }

  /// Folds the WAL into the file as far as readers let it, so that the WAL starts over. Errors: unreadable;
  /// the record is whole all the same.
  Result<void> fold();

  /// Makes durable what can be read from the WAL, by writing it once more: some of it may never have become
  /// so, after a process was killed before it could sync it or after a sync that failed. Errors: unreadable.
  Result<void> rewrite_wal();

  /// Folds the WAL and removes it: the file alone is the segment then. Errors: as fold().
  Result<void> close();

 private:
  Segment(Database database, std::filesystem::path file)
      : database_(std::move(database)), file_(std::move(file)) {}
  Result<void> prepare(std::string_view origin);
  [[nodiscard]] Result<void> check_meta_format();
  Result<void> check_schema();

  Database database_;
  std::filesystem::path file_;
  FileIdentity identity_;
  FileIdentity wal_identity_;
  std::unique_ptr<WalFrames> wal_ = std::make_unique<WalFrames>();  // its address is known to SQLite
  Statement begin_, insert_, insert_checkpoint_, commit_, rollback_;
};

}  // namespace tallygate::audit
