#pragma once
/// Checkpoints of a stretch of the record against its roots and keys.

#include "audit/journal/hash.hpp"
#include "audit/journal/tree.hpp"
#include "audit/proof/chunk.hpp"
#include "audit/proof/findings.hpp"
#include "audit/proof/key_ranges.hpp"
#include "audit/proof/record_state.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tallygate::audit {

/// Roots of prefixes of the record: what lies left of a chunk, and the chunk's own part.
class PrefixRoots {
 public:
  /// `left` is the tree over everything before the chunk; `inner` the chunk's roots, by size.
  PrefixRoots(std::shared_ptr<const CompactRange> left, std::vector<InnerRoot> inner)
      : left_(std::move(left)), inner_(std::move(inner)) {}

  /// The root of the prefix of that size; nothing where it is not known.
  [[nodiscard]] std::optional<Digest> at(Sha256& sha, std::uint64_t size) const;

 private:
  std::shared_ptr<const CompactRange> left_;  // null where the record is not known as far as the chunk
  std::vector<InnerRoot> inner_;
};

/// A checkpoint that is right in every way.
struct ProvenCheckpoint {
  std::uint64_t size = 0;
  std::string note;
};

/// What came of the checkpoints of a chunk.
struct CheckpointOutcome {
  std::uint64_t good = 0;                          ///< checkpoints that are right in every way
  std::map<std::string, ProvenCheckpoint> proven;  ///< for each vkey the largest of them that it signed
  std::vector<std::uint64_t> seen;                 ///< sizes that have a checkpoint, ascending
  std::vector<std::pair<std::uint64_t, std::uint32_t>>
      unknown;  ///< size and id of lines of unknown journal keys
  Findings findings;
};

/// Judges checkpoints in ascending order of size. One thread.
class CheckpointCheck {
 public:
  CheckpointCheck(std::string origin, PrefixRoots roots, std::shared_ptr<const KeyRanges> keys)
      : origin_(std::move(origin)), roots_(std::move(roots)), keys_(std::move(keys)) {}

  void row(Sha256& sha, std::uint64_t size, std::string_view note);

  /// Ends the row of checkpoints: `required` ones that did not come are findings.
  [[nodiscard]] CheckpointOutcome finish(std::span<const RequiredCheckpoint> required);

 private:
  void fault(std::uint64_t size, const char* what, const std::string& detail, std::string_view cause);
  void fault(std::uint64_t size, const char* what, const std::string& detail) {
    fault(size, what, detail, detail);
  }
  void end_run();

  std::string origin_;
  PrefixRoots roots_;
  std::shared_ptr<const KeyRanges> keys_;
  CheckpointOutcome outcome_;
  // Checkpoints that are wrong in the same way one after another: the first few are told one by one, the rest
  // together.
  const char* run_what_ = nullptr;
  std::string run_cause_;
  std::uint64_t run_length_ = 0;
  std::string rest_detail_;
  std::uint64_t rest_first_ = 0;
  std::uint64_t rest_last_ = 0;
  std::uint64_t rest_length_ = 0;
};

}  // namespace tallygate::audit
