#pragma once

#include "audit/journal/clock.hpp"
#include "audit/journal/encode.hpp"
#include "audit/journal/failure.hpp"
#include "audit/journal/head.hpp"
#include "audit/journal/kek.hpp"
#include "audit/journal/leftovers.hpp"
#include "audit/journal/lock.hpp"
#include "audit/journal/seal.hpp"
#include "audit/journal/segment.hpp"
#include "audit/journal/signing_keys.hpp"
#include "audit/journal/startup.hpp"
#include "audit/journal/time_text.hpp"

#include <array>
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

/// How long one signing key serves (journal.md §6): whichever comes first.
struct EpochLimits {
  std::uint64_t entries = 1'000'000;
  std::chrono::seconds age = std::chrono::hours(24);
};

/// When a segment is sealed (journal.md §7): whichever comes first.
struct SegmentLimits {
  std::uint64_t entries = 1'000'000;
  std::uint64_t bytes = 2ULL * 1024 * 1024 * 1024;  ///< of the bodies together
  std::chrono::seconds age = std::chrono::hours(24);
  /// Pages in the WAL, which no writer can start over while a foreign reader holds a snapshot: a new segment
  /// begins with an empty one.
  int wal_frames = 8'192;
};

/// A grant as an entry carries it.
struct GrantMembers {
  std::string grant;      ///< RFC 8785 form
  std::string signature;  ///< base64
};

/// A signing key that a grant of the kind key.rotate names.
struct GrantedKey {
  std::string vkey;
  std::string after;  ///< the record that the grant has it go on from, RFC 8785 form
  GrantMembers grant;
  Time at{};  ///< when the grant was judged: its entry is of that instant
};

/// Entries that may follow on a `journal.recover` before head lets go of what it gives up: one or two for
/// each opening that a crash cuts short.
inline constexpr std::uint64_t entries_after_recovery = 16;

/// What the provisioning key allows an opening to do that is refused otherwise (journal.md §8): exactly this,
/// on record.
struct Recovery {
  /// What anchors acknowledged and the journal does not have, head's first; empty where head itself is lost.
  std::vector<Checkpoint> abandoned;
  /// Where the record ends that is gone on with: no other one, so that nothing more can be lost unseen
  /// between the grant and its use.
  std::optional<Checkpoint> kept;
  std::optional<GrantMembers> recover;  ///< of the kind journal.recover
  /// The entry that records this very recovery by this very grant already, where a crash cut short what comes
  /// after: then no second one is recorded, and head lets the loss go.
  std::optional<std::uint64_t> recorded;
  /// Where the record's newest key is not in the keyring: the record's own keys, which are good for reading
  /// it, and a grant of the kind key.rotate for the keyring's.
  std::vector<VerifyKey> record_keys;
  std::optional<GrantMembers> rotate;
  std::string rotate_key;  ///< vkey that this grant names
  /// Where the record ends after which that grant lets the key sign: this one and no other.
  std::optional<Checkpoint> rotate_after;
  /// When the grants were judged: their entries are of that instant, so that none expires in between.
  std::optional<Time> at;
  std::string by;  ///< who does it, a JSON text
};

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
  std::optional<Recovery> recovery;
  EpochLimits epoch;
  SegmentLimits segment;
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
  /// `receipts` in order. Durable, but nobody may hear of it before acknowledge(). Entries are of the instant
  /// `at`, which is now() of just before where something was judged by it, else of now(). Errors: any;
  /// sticky.
  Result<std::string> commit(std::span<EncodedEvent* const> batch, std::vector<Receipt>& receipts,
                             std::optional<Time> at = {});

  /// The same in steps, for a batch that forms while others are on their way: add() completes an event and
  /// puts it into the open transaction, which the first one begins and whose instant is the first one's;
  /// commit_added() ends it as commit() does. Nothing else may be done to the journal in between but
  /// acknowledge(), and abandon(), which takes back what was added. Errors: any; sticky, and nothing of the
  /// batch is recorded.
  Result<void> add(EncodedEvent& event);
  Result<std::string> commit_added(std::vector<Receipt>& receipts);
  void abandon();

  /// Makes a checkpoint that commit() gave durable in head: it and all before it are acknowledged. May run on
  /// another thread beside commit(), check() and fold(), beside nothing else. Errors: unreadable; then
  /// reopen().
  Result<void> acknowledge(std::string_view note);

  /// Both steps. Errors: any; sticky.
  Result<void> append(std::span<EncodedEvent* const> batch, std::vector<Receipt>& receipts,
                      std::optional<Time> at = {});

  /// Records one event of the journal's own, `members` sorted; `at` as for commit(). Errors: as append().
  Result<void> append_own(std::string_view kind, std::span<const Member> members,
                          std::optional<Time> at = {});

  /// What is due by the limits of the options, judged at the newest entry's time.
  enum class Due { nothing, rotate, seal };
  [[nodiscard]] Due due() const;

  /// Hands over to a new signing key: `key.rotate` signed by both, then the old private key is destroyed.
  /// Everything committed must be acknowledged. Errors: any; sticky, and reopen() settles what was begun.
  /// `by` is who asked for it, a JSON text, where somebody did.
  Result<void> rotate(std::string_view by = {});

  /// The same out of turn, to the key that the grant names, which prepare_key() made: the key in force signs
  /// no more, not even the handing over. Errors: as rotate(); missing (no such key waits, and nothing has
  /// begun).
  Result<void> rotate_to(const GrantedKey& next, std::string_view by);

  /// Makes a signing key for a grant to name, and gives its vkey. It signs nothing before rotate_to(); one
  /// that was made so before is destroyed. Errors: crypto, unreadable; the journal stays good.
  Result<std::string> prepare_key();

  /// Ends the open segment and begins the next with `journal.seal`. Nothing happens where the open one holds
  /// nothing but that. Everything committed must be acknowledged. Errors: any; sticky, and reopen() finishes
  /// it.
  Result<void> seal(std::string_view by = {});

  /// The keys of these people in order (journal.md §6); those who have none get one, durable when this
  /// returns. Errors: those of Keyring and load_kek(); the journal stays good.
  Result<std::vector<SubjectKey>> make_subjects(std::span<const std::string> names);

  /// Erasing a person takes three steps, in one act: this, then the entry `journal.erase`, which must be the
  /// next one, then settle_erasures(). So does destroying keys that a `journal.retire` names in `erased`.
  /// Errors: unreadable; nothing has begun.
  Result<void> begin_erasure(std::string_view uuid);
  /// Destroys the keys of erasures that are on record, and takes those back that are not: what the steps end
  /// with, and what an opening does after a crash between them. With what Keyring::prepare_without() made of
  /// just these people nobody waits until all keys are copied, and Keyring::destroy_old() is to follow.
  /// Errors: unreadable; sticky, and reopen() tries again.
  Result<void> settle_erasures(const KeyringWithout* prepared = nullptr);

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

  /// Whether nothing failed since it was opened.
  [[nodiscard]] bool good() const { return !failed_; }
  [[nodiscard]] std::uint64_t size() const { return known_.tip.range.size(); }
  /// The root over all of it.
  [[nodiscard]] Digest root() const;
  [[nodiscard]] const std::string& gateway_json() const { return gateway_json_; }
  [[nodiscard]] std::chrono::seconds heartbeat() const { return heartbeat_; }
  /// When the newest entry was recorded.
  [[nodiscard]] Time newest() const { return newest_; }
  [[nodiscard]] Time now() const { return options_.clock(); }
  /// Where it lies and how it is kept.
  [[nodiscard]] const JournalOptions& options() const { return options_; }
  /// The journal's name.
  [[nodiscard]] const std::string& origin() const { return keys_->signer().name(); }
  /// The vkey of the signing key in force.
  [[nodiscard]] std::string vkey() const { return keys_->signer().vkey(); }
  /// What a crash had left in the folder, and what the opening did about it, for a log.
  [[nodiscard]] const std::vector<Leftover>& leftovers() const { return leftovers_; }
  /// seq of the first entry of the open segment.
  [[nodiscard]] std::uint64_t segment_first() const { return segment_first_; }

 private:
  explicit Journal(JournalOptions options) : options_(std::move(options)) {}

  struct Attached {
    Standing standing = Standing::equal;
    std::uint64_t head_size = 0;  // what head acknowledged before it was rolled forward
  };
  Result<void> prepare();
  Result<void> hand_over(std::span<const Member> members, Turn turn, Time now);
  Result<bool> settle_keys(std::string_view newest_note);
  Result<void> measure_segment();
  struct OwnEntry {
    std::string_view kind;
    std::span<const Member> members;
  };
  Result<void> append_own(std::span<const OwnEntry> entries, std::optional<Time> at);
  Result<SealMembers> finish_unsealed();
  Result<void> begin_segment(std::string_view by = {}, std::optional<Time> at = {});
  Result<void> take_turn();
  [[nodiscard]] Result<void> check_recovery(const Examined& examined) const;
  [[nodiscard]] Result<void> check_granted_for(const Examined& examined) const;
  [[nodiscard]] bool recovering() const { return options_.recovery && options_.recovery->recover; }
  Result<bool> is_erased(const BegunErasure& begun);
  Result<HeadBlock> open_head(std::optional<Head>& head, std::span<const VerifyKey> keys);
  [[nodiscard]] Result<void> check_turn(std::string_view newest_note) const;
  Result<void> record_grant();
  Result<Attached> attach(const std::optional<Known>& known);
  Result<void> record_recovery(const Attached& attached, std::string_view cause);
  Result<void> record_opening();
  Result<void> read_charter(RecordFiles& files);
  [[nodiscard]] Result<void> check_in_place() const;
  Result<void> begin_batch(Time now);
  Result<void> record(EncodedEvent& event);
  Result<std::string> record_checkpoint();
  Result<void> check_room() const;

  JournalOptions options_;
  std::string gateway_json_;
  std::unique_ptr<Lock> lock_;
  std::unique_ptr<SigningKeys> keys_;
  std::unique_ptr<Segment> segment_;
  std::unique_ptr<Head> head_;
  Sha256 sha_;
  Known known_;  // what is committed, and the newest checkpoints
  // The batch under way. What is kept from one to the next is kept for its memory.
  struct Forming {
    bool open = false;
    Tip tip;
    Time time{};
    std::array<char, time_text_size> time_text{};
    std::vector<Receipt> receipts;
    std::uint64_t bytes = 0;
  };
  Forming forming_;
  Time newest_{};
  bool head_lost_ = false;      // and made anew by a grant
  bool gives_up_head_ = false;  // that, or what it acknowledged is not there
  bool out_of_turn_ = false;  // the keyring's key does not follow from the record: only a grant lets it sign
  Turn turn_ = Turn::one;     // who signs the checkpoint of the batch under way
  std::optional<SegmentFile> unsealed_;  // the segment whose journal.seal is to be the next entry
  std::uint64_t segment_first_ = 0;
  std::uint64_t segment_bytes_ = 0;    // of the bodies in it
  std::optional<Time> segment_begun_;  // when its first entry was recorded
  std::optional<Time> epoch_begun_;
  std::chrono::seconds heartbeat_{0};
  bool failed_ = false;
  std::vector<Receipt> own_receipts_;
  std::vector<Leftover> leftovers_;
};

}  // namespace tallygate::audit
