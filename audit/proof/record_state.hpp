#pragma once
/// The part of a verification that must go through the record in order: clock, heartbeats, keys, grants,
/// seals.

#include "audit/journal/staying.hpp"
#include "audit/proof/chunk.hpp"
#include "audit/proof/erased_keys.hpp"
#include "audit/proof/findings.hpp"
#include "audit/proof/grant_check.hpp"
#include "audit/proof/held_erasures.hpp"
#include "audit/proof/ingest_check.hpp"
#include "audit/proof/key_ranges.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tallygate::audit {

/// How far the clock may step back (journal.md §2).
inline constexpr std::int64_t clock_back_max_ns = 5'000'000'000;

/// What a `journal.seal` says of the segment before it.
struct SealClaim {
  std::uint64_t seq = 0;  ///< of the journal.seal
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  Digest root{};
  Digest sha256{};
  std::optional<Stays> stays{};  ///< which bodies a stub of it keeps; seals of earlier versions do not say
};

/// A fork that a grant of the provisioning key gave up (journal.md §8): what was signed of it is no
/// contradiction.
struct Abandoned {
  std::uint64_t size = 0;
  Digest root{};
  std::uint64_t seq = 0;   ///< of the journal.recover
  std::uint64_t kept = 0;  ///< size from which the record went on instead; `size` where it is not told
};

/// Entries that may stand between what a recovery goes on from and its `journal.recover`: the seal of the
/// segment before, and the key that a grant lets sign.
inline constexpr std::uint64_t entries_before_recovery = 2;

/// What a `journal.recover`, or a `key.rotate` by grant, says of the record that it goes on from.
struct KeptClaim {
  std::uint64_t seq = 0;  ///< of that entry
  std::uint64_t size = 0;
  Digest root{};
};

/// A size that must have a checkpoint.
struct RequiredCheckpoint {
  std::uint64_t size = 0;
  const char* why = "";
};

/// What the charter settles for the whole record.
struct RecordTerms {
  std::string journal;  ///< its UUID; empty where there is no charter
  std::string origin;
  std::int64_t heartbeat_ns = 0;  ///< 0: none promised
  std::int64_t retention_ns = 0;  ///< nothing may be retired sooner without a grant; 0: none promised
  KeyRanges keys;                 ///< the charter's signing key; empty where there is no charter
  std::optional<GrantBook> grants;
};

/// Takes the chunks of a record in their order. One thread.
class RecordState {
 public:
  explicit RecordState(RecordTerms terms)
      : terms_(std::move(terms)), keys_(std::make_shared<const KeyRanges>(terms_.keys)) {}

  /// The body of an entry; nothing where it can't be read any more.
  using Fetch = std::function<std::optional<std::string>(std::uint64_t seq)>;

  /// Goes through a chunk. Findings and what follows are kept until they are taken.
  void take(const ChunkFacts& chunk, const Fetch& fetch);

  /// The signing keys as far as the record was read; immutable, to be shared with other threads.
  [[nodiscard]] std::shared_ptr<const KeyRanges> keys() const noexcept { return keys_; }
  /// Who was enrolled as a writer, likewise.
  [[nodiscard]] std::shared_ptr<const WriterKeys> writers() const noexcept { return writers_; }
  /// Sizes of the chunk taken last that must have a checkpoint.
  [[nodiscard]] std::vector<RequiredCheckpoint> take_required() { return std::exchange(required_, {}); }
  [[nodiscard]] std::vector<SealClaim> take_seals() { return std::exchange(seals_, {}); }
  /// All that was retired so far.
  [[nodiscard]] const std::vector<RetireClaim>& retired() const noexcept { return retired_; }
  /// All erasures so far that came while anything was held.
  [[nodiscard]] const std::vector<ErasureClaim>& erasures() const noexcept { return erasures_; }
  /// Which records were gone on from, of the chunk taken last.
  [[nodiscard]] std::vector<KeptClaim> take_kept() { return std::exchange(kept_, {}); }
  /// Where the root of such a record is another one: nothing was given up by that entry.
  void refuse_recovery(std::uint64_t seq);
  /// Which records keys were granted for that took over out of turn, of the chunk taken last.
  [[nodiscard]] std::vector<KeptClaim> take_granted_for() { return std::exchange(granted_for_, {}); }
  /// Where the root of such a record is another one: nothing stands behind that key.
  void refuse_rotation(std::uint64_t seq);
  /// All that was given up so far.
  [[nodiscard]] const std::vector<Abandoned>& abandoned() const noexcept { return abandoned_; }
  /// To be called after the last chunk: what depended on the entries that follow is settled.
  void finish();
  [[nodiscard]] Findings take_findings() { return std::exchange(findings_, {}); }
  /// Adds one, up to a number that no sound record needs.
  void remark(std::string text);
  [[nodiscard]] std::vector<std::string> take_remarks() { return std::exchange(remarks_, {}); }
  /// Time of the newest entry read; no_time before the first.
  [[nodiscard]] std::int64_t last_time_ns() const noexcept { return last_ns_; }
  /// The latest time of any entry read; no_time before the first.
  [[nodiscard]] std::int64_t newest_time_ns() const noexcept { return newest_ns_; }

 private:
  void clock(std::uint64_t seq, std::int64_t time_ns, Role role, const Fetch& fetch);
  [[nodiscard]] bool may_begin(std::uint64_t seq, Role role, const Fetch& fetch) const;
  void forgive_gaps();
  void report_gaps();
  void settled_clock(std::int64_t time_ns, Role role);
  void noted(const NotedEntry& entry, std::int64_t time_ns, const Fetch& fetch);
  void rotate(std::uint64_t seq, std::int64_t time_ns, const std::string& body);
  void revoke(std::uint64_t seq, std::int64_t time_ns, const std::string& body);
  void seal(std::uint64_t seq, std::int64_t time_ns, const std::string& body);
  void hold(std::uint64_t seq, const std::string& body);
  void recover(std::uint64_t seq, std::int64_t time_ns, const std::string& body);
  void give_up(std::uint64_t seq, const std::string& body);
  void fault_recovery(std::uint64_t seq, const char* why);
  void release(std::uint64_t seq, std::int64_t time_ns, const std::string& body);
  void retire(std::uint64_t seq, std::int64_t time_ns, const std::string& body);
  [[nodiscard]] std::vector<UuidBytes> erased_by(std::uint64_t seq, const std::string& body);
  void erase(std::uint64_t seq, const std::string& body);
  void act(std::uint64_t seq, std::int64_t time_ns, const std::string& body);
  [[nodiscard]] bool granted(std::uint64_t seq, std::int64_t time_ns, const std::string& body);

  RecordTerms terms_;
  std::shared_ptr<const KeyRanges> keys_;
  std::shared_ptr<const WriterKeys> writers_ = std::make_shared<const WriterKeys>();
  std::int64_t newest_ns_ = no_time;
  std::int64_t last_ns_ = no_time;
  bool beating_ = false;  // between journal.open and gateway.stop
  // Before entries with which a journal may be taken up: whether it was, only what follows tells.
  struct Gap {
    std::uint64_t seq = 0;
    std::string text;
  };
  std::vector<Gap> gaps_;
  std::vector<RequiredCheckpoint> required_;
  struct Held {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
  };
  std::multimap<std::string, Held> holds_;           // in force
  std::map<std::uint64_t, std::int64_t> sealed_ns_;  // last entry of each segment, and when it was sealed
  std::vector<RetireClaim> retired_;
  std::vector<ErasureClaim> erasures_;
  std::vector<Abandoned> abandoned_;
  std::vector<KeptClaim> kept_;
  std::vector<KeptClaim> granted_for_;
  std::uint64_t turn_begun_ = 0;  // seq after the newest entry that is no journal.seal and no key.rotate
  std::vector<SealClaim> seals_;
  Findings findings_;
  std::vector<std::string> remarks_;
};

}  // namespace tallygate::audit
