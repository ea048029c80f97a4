#pragma once
/// Drives a verification: chunks are read and hashed side by side, joined in order, their checkpoints judged
/// side by side again.

#include "audit/proof/checkpoint_check.hpp"
#include "audit/proof/chunk.hpp"
#include "audit/proof/erased_keys.hpp"
#include "audit/proof/plan.hpp"
#include "audit/proof/record_state.hpp"
#include "audit/proof/unique_ids.hpp"
#include "audit/proof/verify.hpp"
#include "audit/proof/workers.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tallygate::audit {

/// What the entries and checkpoints gave.
struct PipelineOutcome {
  std::uint64_t present = 0;
  std::uint64_t checkpoints_good = 0;
  std::uint64_t proven_size = 0;
  std::string proven_by;
  std::string proven_note;
  std::optional<Digest> root;             ///< over all entries
  std::map<std::uint64_t, Digest> roots;  ///< at the sizes that were asked for, as far as they are known
  std::shared_ptr<const KeyRanges> keys;
  std::int64_t last_time_ns = no_time;    ///< of the last entry
  std::int64_t newest_time_ns = no_time;  ///< the latest of all
  Findings findings;
  std::vector<std::string> remarks;
  std::vector<Abandoned> abandoned;  ///< forks that were given up by a grant
};

/// One verification. Not reusable.
class Pipeline {
 public:
  /// `sizes` are those whose roots are wanted besides the checkpoints' own. `plan` must outlive this.
  Pipeline(const VerifyPlan& plan, std::vector<std::uint64_t> sizes, unsigned threads,
           std::function<void(const VerifyProgress&)> progress);

  /// Throws what reading or memory may throw.
  [[nodiscard]] PipelineOutcome run();

 private:
  // Messages of writers in memory, 12 MB; more go to a temporary file.
  static constexpr std::size_t messages_held_max = 500'000;
  struct Slot {
    std::optional<ChunkFacts> facts;
  };
  void scan(WorkerContext& worker, std::uint64_t first, Slot& slot);
  [[nodiscard]] std::vector<std::uint64_t> wanted_sizes(WorkerContext& worker, std::uint64_t first,
                                                        std::uint64_t end, Findings& findings);
  [[nodiscard]] std::vector<std::uint64_t> settled_sizes(const ChunkScan& scan, std::uint64_t first,
                                                         std::uint64_t end) const;
  // SQLite walks a tree as its pages say, and what contradicts itself shows one thing to whoever reads in
  // order and another to whoever looks an entry up. Of sealed files and stubs the hash is recorded.
  void submit_page_checks();
  void join(ChunkFacts facts);
  [[nodiscard]] std::optional<std::string> read_again(const ChunkFacts& facts, std::uint64_t seq);
  void check_kept(const PrefixRoots& roots, std::uint64_t first, std::uint64_t end);
  void check_granted_for();
  [[nodiscard]] std::optional<Digest> root_at(std::uint64_t size);
  [[nodiscard]] std::vector<InnerRoot> inner_root(std::uint64_t first, std::uint64_t size);
  void remember_roots(const PrefixRoots& roots, std::uint64_t first, std::uint64_t end);
  void grow(const ChunkFacts& facts);
  void check_seal(const SealClaim& claim);
  void submit_checkpoints(std::uint64_t first, std::uint64_t end, PrefixRoots roots);
  void check_checkpoints(WorkerContext& worker, std::uint64_t first, std::uint64_t end, CheckpointCheck check,
                         const std::vector<RequiredCheckpoint>& required);
  void take(CheckpointOutcome outcome);
  // Records that writers signed, of one chunk.
  struct IngestOutcome {
    Findings findings;
    std::vector<IdOfEntry>
        messages;  // sorted; what each signature is over, in the order of the time it names
  };
  void submit_ingested(std::vector<SignedEntry> entries);
  void judge_ingested(WorkerContext& worker, const SignedEntry& entry, std::string_view body,
                      const WriterKeys& writers, IngestOutcome& outcome) const;
  void check_ingested(WorkerContext& worker, const std::vector<SignedEntry>& entries,
                      const WriterKeys& writers);
  void take(IngestOutcome outcome);
  void take_checked();
  // A line of the journal's own name that no key was known for when it was judged: a later key may have
  // signed it.
  void judge_unknown_signers();
  void judge_again(std::uint64_t size);
  void judge_stubs();
  void judge_staying();
  void judge_staying(const PlannedSegment& stub, const SealClaim& seal);
  void judge_erased();
  void judge_beginnings();
  void judge_last_key();
  void settle_proof();

  const VerifyPlan& plan_;
  std::vector<std::uint64_t> sizes_;  // sorted
  std::function<void(const VerifyProgress&)> progress_;

  // Of the joining thread.
  Sha256 sha_;
  RecordState state_;
  std::map<std::uint64_t, Digest> edge_roots_;  // at the newest sizes of the chunk before
  std::shared_ptr<const CompactRange> left_ =
      std::make_shared<const CompactRange>();  // null once it is not known
  std::vector<Digest> chunk_roots_;            // of whole chunks from the first on, as far as left_ is known
  KeyFilter subjects_;                         // whose keys entries are under
  UniqueIds ids_;
  UniqueIds messages_{messages_held_max};
  WorkerContext own_;
  VerifyProgress done_;
  PipelineOutcome outcome_;
  std::map<std::string, ProvenCheckpoint> proven_;  // by vkey

  std::set<std::uint64_t> sealed_at_;          // seqs of well-formed journal.seal entries
  std::map<std::uint64_t, SealClaim> sealed_;  // what they say, by the first entry of the segment

  // Shared with the workers.
  std::mutex mutex_;
  std::vector<Slot> slots_;  // a ring over chunks
  std::vector<CheckpointOutcome> checked_;
  std::vector<IngestOutcome> ingested_;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> unknown_;

  Workers workers_;  // last: its threads use all of the above
};

}  // namespace tallygate::audit
