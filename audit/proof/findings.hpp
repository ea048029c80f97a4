#pragma once
/// What a verification found, and how it is told.

#include "audit/journal/hash.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

/// Findings that are kept one by one; beyond, they are counted only. A record with so many is not helped by
/// more.
inline constexpr std::size_t findings_max = 10'000;

/// Findings of one kind that follow each other are told one by one up to here; the rest of them is one
/// finding with their number.
inline constexpr std::size_t findings_told_singly_max = 8;

/// Something that a whole record cannot have.
struct Finding {
  std::uint64_t seq = 0;  ///< the entry it is about; of a checkpoint or an anchor, the last entry it covers
  std::string what;       ///< its kind, in words that scripts may rely on: "body-changed"
  std::string detail;     ///< one sentence for people
  std::uint64_t count =
      1;                 ///< how many findings of its kind it stands for, from `seq` on: `detail` says which
  bool adjacent = true;  ///< they are about entries one after another, and told so by Findings

  friend bool operator==(const Finding&, const Finding&) = default;
};

/// A checkpoint from elsewhere that the record was held against.
struct AnchorReport {
  std::string name;  ///< "head", or a file of the anchors folder
  std::uint64_t size = 0;
  bool agrees = false;  ///< the record has that root at that size, and one of its keys signed it

  friend bool operator==(const AnchorReport&, const AnchorReport&) = default;
};

/// Everything that verify_journal() has to say.
struct VerifyReport {
  bool ok = false;                      ///< no finding
  std::uint64_t entries = 0;            ///< that are there
  std::uint64_t first = 0;              ///< seq of the first
  std::uint64_t last = 0;               ///< seq of the last; 0 where there is none
  std::uint64_t checkpoints = 0;        ///< whose signatures and roots were found right
  std::optional<Digest> root;           ///< of the tree over all entries; nothing where some are missing
  std::vector<Finding> findings;        ///< by seq
  std::uint64_t findings_unlisted = 0;  ///< beyond findings_max
  std::vector<std::string> remarks;     ///< worth knowing, nothing wrong
  std::vector<AnchorReport> anchors;

  std::string origin;  ///< the charter's; empty where there is no valid charter
  std::uint64_t proven_size =
      0;                      ///< size of the largest checkpoint that is right; entries below it are proven
  std::string proven_by;      ///< vkey that signed it
  std::string proven_note;    ///< that checkpoint, whole
  std::uint64_t settled = 0;  ///< entries that were hashed again and otherwise taken as verified before
  std::string newest_time;    ///< of the newest entry
};

/// Collects findings of one thread or chunk; merges runs of the same kind over adjacent entries.
class Findings {
 public:
  /// Adds one. A finding that continues the last one of its kind by one seq lengthens a run: see take().
  void add(std::uint64_t seq, const char* what, std::string detail);

  /// Adds one that stands for `count`, as its detail says.
  void add_run(std::uint64_t seq, const char* what, std::string detail, std::uint64_t count);

  /// Adds all of `other`.
  void add(Findings&& other);

  /// Drops what was found of entries from `seq` on.
  void forget_from(std::uint64_t seq);

  /// All, by seq, runs of more than a few adjacent ones of the same kind told as one; leaves nothing behind.
  [[nodiscard]] std::vector<Finding> take();

  /// How many were not kept.
  [[nodiscard]] std::uint64_t unlisted() const noexcept { return unlisted_; }
  [[nodiscard]] bool empty() const noexcept { return kept_.empty(); }

 private:
  [[nodiscard]] bool lengthens_run(std::uint64_t seq, std::string_view what) const;

  std::vector<Finding> kept_;
  std::uint64_t unlisted_ = 0;
};

/// The document of interfaces.md §1, one line without an end of line.
[[nodiscard]] std::string to_json(const VerifyReport& report);

}  // namespace tallygate::audit
