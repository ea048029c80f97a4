#pragma once
/// Which submissions are on record, by writer and idempotency key. Pure.
#include "audit/custody/time_stretches.hpp"
#include "audit/journal/hash.hpp"
#include "gateway/review/ingest_request.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace tallygate::review {

/// Submissions that are remembered, of all writers together: some 50 MiB.
inline constexpr std::size_t ingest_keys_max = 262'144;
/// Submissions that may wait for the journal at once.
inline constexpr std::size_t ingest_pending_keys_max = 65'536;

/// How long a reserved key may be without its record, where the journal never answered. Beyond, whoever signs
/// again is taken at their word; what was signed then is too old by now to be taken once more.
inline constexpr std::chrono::seconds ingest_pending_max = ingest_age_max + 2 * ingest_ahead_max;

/// A submission that is on record.
struct KeptRecord {
  audit::Digest body{};  ///< SHA-256
  std::uint64_t seq = 0;
  audit::Digest leaf{};
};

/// What somebody would have recorded.
struct Submission {
  audit::Digest body{};                        ///< SHA-256
  std::chrono::system_clock::time_point sent;  ///< when it was signed
  bool timely = true;                          ///< whether that was just now
};

/// What is known of a submission.
enum class KeyState : std::uint8_t {
  fresh,      ///< nothing, and it cannot be on record: it is reserved now
  pending,    ///< the same is being recorded
  kept,       ///< the same is on record
  different,  ///< the key was used for another body
  untimely,   ///< nothing, and it was signed at a time of which not all is known: it may have been recorded
  crowded     ///< too many are being recorded
};

/// Remembers the newest `keys_max` submissions; where they are more, the oldest of the writer with the most
/// go first, so that no writer takes another's memory. What was forgotten, and what the record does not show
/// any more, leaves a stretch of time behind: nothing that was signed in it is fresh. So what bears one
/// signature is recorded once, whatever is forgotten; and a clock that was far ahead for a while shuts nobody
/// out but for that while. One thread.
class IngestKeys {
 public:
  using Tick = std::chrono::steady_clock::time_point;
  using Time = std::chrono::system_clock::time_point;

  explicit IngestKeys(std::size_t keys_max = ingest_keys_max) : keys_max_(keys_max) {}

  struct Answer {
    KeyState state = KeyState::fresh;
    KeptRecord kept;  ///< where it is kept
    Time after;       ///< where it is untimely: what is signed after this may be fresh, and before it is not
  };
  /// Asks, and reserves the key where it is fresh.
  [[nodiscard]] Answer reserve(std::string_view writer, std::string_view key, const Submission& submission,
                               Tick now);
  /// Gives a reserved key back: it was not recorded. What is kept stays.
  void release(std::string_view writer, std::string_view key);
  /// It is on record, signed at `sent`. The first record of a key counts.
  void keep(std::string_view writer, std::string_view key, const KeptRecord& record, Time sent);
  /// There were records of which nothing is known but that they were signed in that stretch.
  void miss(Time from, Time to) { missed_.add(from, to); }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  struct Known {
    KeptRecord record;
    Time sent;
    Tick since;  // where it is pending
    bool pending = true;
  };
  struct Reserved {
    audit::Digest id{};
    Tick since;
  };
  struct Writer {
    std::map<audit::Digest, Known> keys;  // by SHA-256 of the key
    std::deque<audit::Digest> kept;       // oldest first
    std::deque<Reserved> reserved;        // oldest first; some are kept or released by now
    audit::TimeStretches forgotten;       // when those were signed that are not known any more
  };
  [[nodiscard]] Writer& of(std::string_view writer);
  void forget_lapsed(Writer& writer, Tick now);
  void shrink();

  std::size_t keys_max_;
  std::size_t size_ = 0;     // of all that are kept
  std::size_t pending_ = 0;  // of all that are reserved
  audit::TimeStretches missed_;
  audit::Sha256 sha_;
  std::map<std::string, Writer, std::less<>> writers_;
};

}  // namespace tallygate::review
