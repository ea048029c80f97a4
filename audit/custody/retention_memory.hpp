#pragma once
/// What retention needs to know of a record, so that it is read once and not at every look.

#include "audit/custody/holds.hpp"
#include "audit/journal/charter.hpp"
#include "audit/journal/clock.hpp"
#include "audit/journal/failure.hpp"
#include "audit/journal/hash.hpp"
#include "audit/journal/seal.hpp"
#include "audit/journal/tree.hpp"

#include <boost/json/object.hpp>

#include <compare>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

/// What rules tell entries apart by.
struct EntryClass {
  std::string kind;
  std::string route;  ///< empty where there is none

  friend auto operator<=>(const EntryClass&, const EntryClass&) = default;
};

/// By what rules an entry is told apart; what is no entry is of the class that no rule names.
[[nodiscard]] EntryClass class_of(std::string_view body);

/// A segment of which `journal.seal` speaks.
struct SealedSegment {
  Seal seal;
  Time sealed{};
  std::optional<Digest> stub;  ///< `journal.retire` names it: the hash of the file that is to take its place
  bool archived = false;       ///< that entry says that its bodies are in an archive
  std::optional<std::vector<EntryClass>> classes;  ///< of its entries, once they were asked for
};

/// A sealed segment never changes, and the record only grows: so of what was read nothing needs to be read
/// again. Bodies are read of the file that was sealed alone; and nothing is believed for what is remembered
/// that a retirement rests on, since the file is held against its seal, and its entries against the rules,
/// before any body goes. One thread.
class RetentionMemory {
 public:
  /// Reads what was recorded since the last call; all of it at the first. Errors: missing, unreadable (also:
  /// stopped), tampered (the charter); then everything is read again the next time.
  [[nodiscard]] Result<void> follow(const std::filesystem::path& journal, const std::stop_token& stop);

  /// The kinds and routes of a segment's entries, each once, but for those that its stub keeps; its bodies
  /// are read at the first call only, unless there are too many to remember. Errors: missing, unreadable
  /// (also: stopped), tampered (`file` is not the one that was sealed); then nothing is remembered.
  [[nodiscard]] Result<std::vector<EntryClass>> classes(const std::filesystem::path& file,
                                                        std::uint64_t first, const std::stop_token& stop);
  /// For a segment whose bodies are gone, or of which something was not as it was sealed.
  void forget_classes(std::uint64_t first);

  [[nodiscard]] const std::map<std::uint64_t, SealedSegment>& segments() const { return segments_; }
  [[nodiscard]] const std::vector<Hold>& holds() const { return holds_; }
  /// The tree before a segment, as the seal before it has it: to be believed where the root that was sealed
  /// follows from it. Nothing where it is not known.
  [[nodiscard]] std::optional<CompactRange> tree_before(std::uint64_t first) const;
  /// After follow() had succeeded.
  [[nodiscard]] const Charter& charter() const { return *charter_; }

 private:
  void take(std::uint64_t seq, std::string_view body, const boost::json::object& entry);

  std::uint64_t read_ = 0;  // entries of the record
  std::optional<Charter> charter_;
  std::map<std::uint64_t, SealedSegment> segments_;  // by first
  std::vector<Hold> holds_;
};

}  // namespace tallygate::audit
