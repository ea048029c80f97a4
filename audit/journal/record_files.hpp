#pragma once

#include "audit/journal/failure.hpp"
#include "audit/journal/folder.hpp"
#include "audit/journal/hash.hpp"
#include "audit/journal/segment.hpp"
#include "audit/journal/tree.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tallygate::audit {

/// The segments of a journal as its one writer takes them up: the newest open for writing, those before it to
/// be read. Where the newest one is sealed, the segment that followed it is lost: then the record ends there.
/// One thread.
class RecordFiles {
 public:
  /// Opens the newest segment; nothing is begun or changed. Errors: missing (no folder, no segment), tampered
  /// (a segment between others is not there), and as Segment::open().
  static Result<RecordFiles> open(const std::filesystem::path& folder, const std::string& origin,
                                  const std::string& vfs);

  /// The end of the record: that of the newest segment which has entries. Errors: unreadable.
  Result<SegmentEnd> end();

  /// The tree before the newest segment that has entries, as its `journal.seal` has it: where hashing may
  /// begin, since the newest signed root follows from it or not. Empty where there is none. Errors:
  /// unreadable.
  Result<CompactRange> base();

  /// Calls `each` with the leaf hash of every entry from `from` on, in order; those of a stub are its stored
  /// ones. Errors: unreadable, tampered (a gap).
  Result<void> leaves(std::uint64_t from, const std::function<void(const Digest&)>& each);

  /// The segment whose `journal.seal` is still to be written, since the open one has no entry yet or is lost.
  [[nodiscard]] std::optional<SegmentFile> unsealed() const;

  /// As Segment::rewrite_wal() for the open segment; what lies before was durable before it was begun.
  Result<void> make_durable() { return open_ ? open_->rewrite_wal() : Result<void>(); }

  /// The body of entry 0. Errors: missing, unreadable.
  Result<std::string> charter_entry();

  /// seq of the first entry of the segment that take() gives.
  [[nodiscard]] std::uint64_t open_first() const { return open_ ? files_.back().first : sealed_end_; }
  /// The open segment, to be kept; nothing else may be called afterwards. Where it is lost the next one is
  /// begun; what lies beside its place, a WAL of the lost one, is kept under a name that ends in `.lost`.
  /// Errors: those of Segment::create() and Segment::open().
  Result<Segment> take();

 private:
  RecordFiles(std::vector<SegmentFile> files, std::string origin, std::string vfs)
      : files_(std::move(files)), origin_(std::move(origin)), vfs_(std::move(vfs)) {}
  Result<void> open_newest();
  [[nodiscard]] Result<void> check_gaps();
  [[nodiscard]] Result<std::string> first_body(std::size_t index);
  [[nodiscard]] bool is_open(std::size_t index) const { return open_ && index + 1 == files_.size(); }
  Result<void> finish_newest_sealing();
  Result<Database> read(const SegmentFile& file) const;
  Result<void> leaves_of(std::size_t index, std::uint64_t from,
                         const std::function<void(const Digest&)>& each);

  std::vector<SegmentFile> files_;
  std::optional<Segment> open_;  // nothing where the newest segment is sealed
  std::string origin_;
  std::string vfs_;
  bool open_empty_ = false;
  std::uint64_t sealed_end_ = 0;  // where the record ends with a sealed segment
};

}  // namespace tallygate::audit
