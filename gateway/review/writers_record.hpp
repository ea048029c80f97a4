#pragma once
/// What the record says of those who may append to it or read it, and of what they appended: kept in memory,
/// and up to date with the newest entry whenever it is asked.
#include "audit/custody/enrolments.hpp"
#include "audit/custody/sealed_files.hpp"
#include "audit/journal/failure.hpp"
#include "audit/journal/hash.hpp"
#include "gateway/review/ingest_keys.hpp"

#include <boost/json/object.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

namespace tallygate::review {

/// Follows a journal, read-only. Since a revocation is an entry, and every question is answered from all
/// entries that are durable when it is asked, it holds from the moment it is on record. The journal is opened
/// for each step and left again, as TlogReader does. One thread.
class WritersRecord {
 public:
  /// Entries that are read at once: a fraction of a second.
  static constexpr std::uint64_t step_entries = 65'536;

  /// `step` and `keys_max` are the defaults but for tests.
  explicit WritersRecord(std::filesystem::path journal, std::uint64_t step = step_entries,
                         std::size_t keys_max = ingest_keys_max)
      : journal_(std::move(journal)), step_(step), keys_(keys_max) {}

  /// Reads one step further, or looks at one more sealed segment whether it is what was sealed: nothing of
  /// the record is believed before all of them are. True: all that was durable when it was called has been
  /// read. Errors: missing, unreadable (also: `stop` was requested), tampered (entry 0 is no charter, a
  /// segment is missing or altered, an entry is missing that was not retired); the next call tries again.
  [[nodiscard]] audit::Result<bool> catch_up(const std::stop_token& stop = {});

  /// Who is enrolled; null before the charter was read.
  [[nodiscard]] const audit::Enrolments* enrolments() const noexcept {
    return enrolments_ ? &*enrolments_ : nullptr;
  }
  /// The journal's UUID, as its charter has it.
  [[nodiscard]] const std::string& journal_id() const noexcept { return journal_id_; }
  /// The journal's name, as its charter has it.
  [[nodiscard]] const std::string& origin() const noexcept { return origin_; }
  [[nodiscard]] IngestKeys& keys() noexcept { return keys_; }
  /// This process recorded it, and has the receipt: that it will be read is not waited for, and its body may
  /// be retired before.
  void keep(std::string_view writer, std::string_view key, const KeptRecord& record,
            std::chrono::system_clock::time_point sent);
  /// Seq of the next entry to be read.
  [[nodiscard]] std::uint64_t next() const noexcept { return next_; }

 private:
  [[nodiscard]] audit::Result<void> take(std::uint64_t seq, std::string_view body);
  [[nodiscard]] audit::Result<void> take_charter(std::string_view body);
  void take_ingested(std::uint64_t seq, std::string_view body);
  [[nodiscard]] audit::Result<void> pass_over(std::uint64_t first, std::uint64_t end);
  void look_at_clock(std::string_view body);
  void end_gap(std::string_view body);
  void end_segment(const boost::json::object& seal);
  void take_retirement(const boost::json::object& entry);
  void miss_gaps();
  void miss(std::chrono::nanoseconds from, std::chrono::nanoseconds to);

  std::filesystem::path journal_;
  std::uint64_t step_;
  std::uint64_t next_ = 0;
  audit::SealedFiles sealed_;
  std::string journal_id_;
  std::string origin_;
  std::uint64_t own_from_ = UINT64_MAX;  // of this process's records there are receipts from here on
  std::chrono::nanoseconds newest_{0};   // the largest time on record since 1970, or a second less
  bool gap_ = false;                     // bodies were passed over whose records nothing is known of
  std::optional<std::chrono::nanoseconds>
      gap_until_;  // the largest time so far, where some of this segment were
  std::map<std::uint64_t, std::chrono::nanoseconds>
      gaps_;  // the same of sealed segments, by their last entries
  std::optional<audit::Enrolments> enrolments_;
  IngestKeys keys_;
  audit::Sha256 sha_;
};

}  // namespace tallygate::review
