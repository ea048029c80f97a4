#pragma once
/// Reads a journal across its segments, for people: no proof, no lock, no trace.

#include "audit/journal/failure.hpp"
#include "audit/journal/folder.hpp"
#include "audit/journal/hash.hpp"
#include "audit/proof/segment_reader.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

/// Receives an entry as it is stored; false ends the reading. The bytes are valid during the call.
using VisitEntry = std::function<bool(std::uint64_t seq, std::string_view body)>;

/// A journal's entries by seq, also while it is written. Reads a thousand or so at a time, so that a slow
/// consumer keeps no writer from folding its WAL. A segment or an entry of a later format is an error, so
/// that nobody takes it for what this version knows; members that it does not know stay. One thread.
class JournalReader {
 public:
  /// Errors: missing (no folder, or no segment in it), unreadable.
  [[nodiscard]] static Result<JournalReader> open(const std::filesystem::path& folder);

  /// One entry; nothing where the journal has none of that seq. Errors: unreadable.
  [[nodiscard]] Result<std::optional<std::string>> entry(std::uint64_t seq);
  /// Seq after the newest entry. Errors: unreadable.
  [[nodiscard]] Result<std::uint64_t> end();
  /// The newest checkpoint as it is stored; nothing where there is none. Errors: unreadable.
  [[nodiscard]] Result<std::optional<std::string>> checkpoint();
  /// The first checkpoint with first ≤ size < end as it is stored; nothing where there is none. Errors:
  /// unreadable.
  [[nodiscard]] Result<std::optional<std::string>> checkpoint_from(std::uint64_t first, std::uint64_t end);
  /// Stored leaf hashes of first ≤ seq < end, in order, up to the first that is missing: what a retired
  /// segment keeps of its entries. Derived, not to be believed. At most a few thousand. Errors: unreadable.
  [[nodiscard]] Result<std::vector<Digest>> leaves(std::uint64_t first, std::uint64_t end);
  /// Entries with first ≤ seq < end, ascending. Errors: unreadable.
  [[nodiscard]] Result<void> up(std::uint64_t first, std::uint64_t end, const VisitEntry& visit);
  /// Entries with first ≤ seq < end, descending. Errors: unreadable.
  [[nodiscard]] Result<void> down(std::uint64_t first, std::uint64_t end, const VisitEntry& visit);

  /// Whether anything may have been added since the last call, or since open(): cheap, for polling. Takes up
  /// segments that are new. Errors: missing, unreadable.
  [[nodiscard]] Result<bool> changed();

 private:
  explicit JournalReader(std::filesystem::path folder) : folder_(std::move(folder)) {}
  [[nodiscard]] Result<void> list();
  [[nodiscard]] Result<SegmentReader*> reader(std::size_t index);
  [[nodiscard]] Result<std::uint64_t> segment_end(std::size_t index);
  [[nodiscard]] std::size_t segment_of(std::uint64_t seq) const;
  [[nodiscard]] Result<bool> piece(std::size_t index, std::uint64_t first, std::uint64_t end, bool descending,
                                   const VisitEntry& visit);

  std::filesystem::path folder_;
  std::vector<SegmentFile> segments_;
  std::optional<SegmentReader> reader_;
  std::size_t index_ = 0;
  std::optional<std::int64_t> version_;
};

}  // namespace tallygate::audit
