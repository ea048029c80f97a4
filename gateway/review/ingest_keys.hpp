#pragma once
/// Which submissions are on record, by writer and idempotency key. Pure.
#include "audit/journal/hash.hpp"

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

/// How long a reserved key may be without its record. Beyond, whoever tries again is taken at their word: an
/// answer of the journal that never came is either in the record by then, or lost.
inline constexpr std::chrono::seconds ingest_pending_max{60};

/// A submission that is on record.
struct KeptRecord {
  audit::Digest body{};  ///< SHA-256
  std::uint64_t seq = 0;
  audit::Digest leaf{};
};

/// What is known of a submission.
enum class KeyState : std::uint8_t {
  fresh,     ///< nothing: it is reserved now
  pending,   ///< the same is being recorded
  kept,      ///< the same is on record
  different  ///< the key was used for another body
};

/// Remembers the newest `keys_max` submissions; where they are more, the oldest of the writer with the most
/// go first, so that no writer takes another's memory. One thread.
class IngestKeys {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit IngestKeys(std::size_t keys_max = ingest_keys_max) : keys_max_(keys_max) {}

  struct Answer {
    KeyState state = KeyState::fresh;
    KeptRecord kept;  ///< where it is kept
  };
  /// Asks, and reserves the key where it is fresh.
  [[nodiscard]] Answer reserve(std::string_view writer, std::string_view key, const audit::Digest& body,
                               Time now);
  /// Gives a reserved key back: it was not recorded. What is kept stays.
  void release(std::string_view writer, std::string_view key);
  /// It is on record. The first record of a key counts.
  void keep(std::string_view writer, std::string_view key, const KeptRecord& record);

  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  struct Known {
    KeptRecord record;
    Time since;  // where it is pending
    bool pending = true;
  };
  struct Writer {
    std::map<audit::Digest, Known> keys;  // by SHA-256 of the key
    std::deque<audit::Digest> kept;       // oldest first
  };
  [[nodiscard]] Writer& of(std::string_view writer);
  void shrink();

  std::size_t keys_max_;
  std::size_t size_ = 0;  // of all that are kept
  audit::Sha256 sha_;
  std::map<std::string, Writer, std::less<>> writers_;
};

}  // namespace tallygate::review
