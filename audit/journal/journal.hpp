#pragma once

#include "audit/journal/clock.hpp"
#include "audit/journal/encode.hpp"
#include "audit/journal/failure.hpp"
#include "audit/journal/head.hpp"
#include "audit/journal/kek.hpp"
#include "audit/journal/lock.hpp"
#include "audit/journal/segment.hpp"
#include "audit/journal/signer.hpp"
#include "audit/journal/startup.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

/// Where a journal is and who writes it.
struct JournalOptions {
  std::filesystem::path journal;  ///< folder of the segments
  std::filesystem::path head;     ///< see head_file()
  std::filesystem::path keyring;
  KekSource kek;
  std::string gateway;  ///< value of `gateway` in every entry
  Clock clock = system_clock();
  /// Shorter than the charter's, or zero for the charter's.
  std::chrono::seconds heartbeat{0};
  /// Where tests inject faults: the name of a registered SQLite VFS, and how head's blocks are written.
  std::string vfs;
  WriteDurably head_write = write_through();
};

/// Proof of durability: an entry's place and its leaf hash.
struct Receipt {
  std::uint64_t seq = 0;
  Digest leaf{};
};

/// The journal as its one writer holds it: lock, segment, key, head, and the tip of the chain. One thread at
/// a time. After a failed append() or check() nothing is accepted until reopen() succeeds.
class Journal {
 public:
  /// Takes the lock, unwraps the signing key, holds the record against its own signatures and against head,
  /// rolls head forward where a crash came between the two writes (`journal.recover`), and records
  /// `journal.open`. Errors: locked, missing, unreadable, crypto, invalid, tampered; the message says which
  /// anchor and by how much.
  static Result<std::unique_ptr<Journal>> open(JournalOptions options);

  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Records a batch in one transaction together with its checkpoint and gives the checkpoint; fills
  /// `receipts` in order. Durable, but nobody may hear of it before acknowledge(). Errors: any; sticky.
  Result<std::string> commit(std::span<EncodedEvent* const> batch, std::vector<Receipt>& receipts);

  /// Makes a checkpoint that commit() gave durable in head: it and all before it are acknowledged. May run on
  /// another thread beside commit(), check() and fold(), beside nothing else. Errors: unreadable; then
  /// reopen().
  Result<void> acknowledge(std::string_view note);

  /// Both steps. Errors: any; sticky.
  Result<void> append(std::span<EncodedEvent* const> batch, std::vector<Receipt>& receipts);

  /// Records one event of the journal's own, `members` sorted. Errors: as append().
  Result<void> append_own(std::string_view kind, std::span<const Member> members);

  /// Whether every file is in place and writable and the disks have room: what can be known without writing.
  /// Errors: missing, tampered, unreadable; sticky.
  Result<void> check();

  /// Closes the files as they stand, opens them again, holds them against head and against what this process
  /// committed, and records `journal.recover` with `cause`: the proof that writing works again. Errors: as
  /// open(); then nothing has changed and it may be tried again.
  Result<void> reopen(std::string_view cause);

  /// Folds the WAL into the segment if it has grown to `frames`. Errors: unreadable; the record is whole.
  Result<void> fold(int frames);

  /// Frames of the WAL that are not folded yet.
  [[nodiscard]] int wal_frames() const { return segment_ ? segment_->wal_frames() : 0; }

  /// Folds and removes the WAL. To be called last. Errors: unreadable, missing, tampered.
  Result<void> close();

  [[nodiscard]] std::uint64_t size() const { return known_.tip.range.size(); }
  [[nodiscard]] const std::string& gateway_json() const { return gateway_json_; }
  [[nodiscard]] std::chrono::seconds heartbeat() const { return heartbeat_; }
  /// When the newest entry was recorded.
  [[nodiscard]] Time newest() const { return newest_; }
  [[nodiscard]] Time now() const { return options_.clock(); }

 private:
  explicit Journal(JournalOptions options) : options_(std::move(options)) {}

  struct Attached {
    Standing standing = Standing::equal;
    std::uint64_t head_size = 0;  // what head acknowledged before it was rolled forward
  };
  Result<void> prepare();
  Result<Attached> attach(const std::optional<Known>& known);
  Result<void> record_recovery(const Attached& attached, std::string_view cause);
  Result<void> record_opening();
  Result<void> read_charter();
  [[nodiscard]] Result<void> check_in_place() const;
  Result<std::string> record(std::span<EncodedEvent* const> batch, std::vector<Receipt>& receipts);
  Result<std::string> sign(std::uint64_t size, const Digest& root);
  Result<void> check_room() const;

  JournalOptions options_;
  std::string gateway_json_;
  std::unique_ptr<Lock> lock_;
  std::unique_ptr<Signer> signer_;
  std::unique_ptr<Segment> segment_;
  std::unique_ptr<Head> head_;
  Sha256 sha_;
  Known known_;  // what is committed, and the newest checkpoints
  Tip next_;     // the tip while a batch is under way; kept for its memory
  Time newest_{};
  std::chrono::seconds heartbeat_{0};
  bool failed_ = false;
  std::vector<Receipt> own_receipts_;
};

}  // namespace tallygate::audit
