#include "audit/proof/pipeline.hpp"

#include "audit/journal/seal.hpp"
#include "audit/proof/stored_leaves.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace tallygate::audit {
namespace {

// First entries of the chunks that hold any part of a segment: a gap, however long, is not walked through.
std::vector<std::uint64_t> chunks_of(const VerifyPlan& plan) {
  std::vector<std::uint64_t> chunks;
  for (const PlannedSegment& segment : plan.segments) {
    std::uint64_t first = segment.file.first / chunk_entries * chunk_entries;
    if (!chunks.empty() && first <= chunks.back()) {
      first = chunks.back() + chunk_entries;
    }
    for (; segment.readable && first < segment.end; first += chunk_entries) {
      chunks.push_back(first);
    }
  }
  return chunks;
}

// What a journal.recover may go on from: where it stands, or shortly before. It may be the first entry of the
// next chunk.
void add_recovery_sizes(const ChunkScan& scan, std::uint64_t first, std::uint64_t end,
                        std::vector<std::uint64_t>& sizes) {
  const auto add = [&](std::uint64_t at) {
    for (std::uint64_t back = 0; back <= entries_before_recovery && at > first + back; ++back) {
      sizes.push_back(at - back);
    }
  };
  for (const NotedEntry& entry : scan.noted()) {
    if (entry.role == Role::recover && entry.seq < end) {
      add(entry.seq);
    }
  }
  add(end);
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
}

}  // namespace

Pipeline::Pipeline(const VerifyPlan& plan, std::vector<std::uint64_t> sizes, unsigned threads,
                   std::function<void(const VerifyProgress&)> progress)
    : plan_(plan),
      sizes_(std::move(sizes)),
      progress_(std::move(progress)),
      state_(plan.terms),
      own_(plan),
      slots_(std::size_t{threads} * 3 + 1),
      workers_(plan, threads) {
  sizes_.push_back(plan.end);
  for (const PlannedSegment& segment : plan.segments) {
    sizes_.push_back(segment.end);
  }
  std::sort(sizes_.begin(), sizes_.end());
  sizes_.erase(std::unique(sizes_.begin(), sizes_.end()), sizes_.end());
  done_.entries_total = plan.end;
}

PipelineOutcome Pipeline::run() {
  outcome_.roots[0] = sha_.digest({});
  submit_page_checks();
  const std::vector<std::uint64_t> chunks = chunks_of(plan_);
  std::size_t submitted = 0;
  for (std::size_t next = 0; next < chunks.size(); ++next) {
    for (; submitted < chunks.size() && submitted < next + slots_.size(); ++submitted) {
      Slot& slot = slots_[submitted % slots_.size()];
      workers_.submit(
          [this, first = chunks[submitted], &slot](WorkerContext& worker) { scan(worker, first, slot); });
    }
    Slot& slot = slots_[next % slots_.size()];
    workers_.wait_until([this, &slot] {
      const std::lock_guard lock(mutex_);
      return slot.facts.has_value();
    });
    ChunkFacts facts;
    {
      const std::lock_guard lock(mutex_);
      facts = std::move(*std::exchange(slot.facts, std::nullopt));
    }
    join(std::move(facts));
  }
  workers_.drain();
  take_checked();
  ids_.finish([this](std::uint64_t seq, std::uint64_t before) {
    outcome_.findings.add(seq, "id-repeated", "its id is that of entry " + std::to_string(before));
  });
  messages_.finish([this](std::uint64_t seq, std::uint64_t before) {
    outcome_.findings.add(seq, "ingest-repeated",
                          "entry " + std::to_string(seq) + " is what its writer signed for entry " +
                              std::to_string(before) + ", taken a second time");
  });
  state_.finish();
  outcome_.keys = state_.keys();
  outcome_.abandoned = state_.abandoned();
  judge_unknown_signers();
  judge_stubs();
  judge_staying();
  judge_erased();
  judge_beginnings();
  judge_last_key();
  settle_proof();
  own_.let_go();
  outcome_.findings.add(state_.take_findings());
  outcome_.remarks = state_.take_remarks();
  outcome_.last_time_ns = state_.last_time_ns();
  outcome_.newest_time_ns = state_.newest_time_ns();
  if (const auto root = outcome_.roots.find(plan_.end); root != outcome_.roots.end()) {
    outcome_.root = root->second;
  }
  return std::move(outcome_);
}

std::vector<std::uint64_t> Pipeline::wanted_sizes(WorkerContext& worker, std::uint64_t first,
                                                  std::uint64_t end, Findings& findings) {
  std::vector<std::uint64_t> sizes(std::upper_bound(sizes_.begin(), sizes_.end(), first),
                                   std::upper_bound(sizes_.begin(), sizes_.end(), end));
  for_segments(plan_, first, end, [&](std::size_t segment, std::int64_t from, std::int64_t to) {
    const auto read = worker.with_segment(segment, [&](SegmentReader& reader) -> Result<void> {
      const auto there = reader.checkpoint_sizes(from + 1, to + 1);
      if (!there) {
        return there.error();
      }
      sizes.insert(sizes.end(), there->begin(), there->end());
      return {};
    });
    if (!read) {
      findings.add(static_cast<std::uint64_t>(from), "segment-unreadable", read.error().message);
    }
  });
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  return sizes;
}

// Of a settled chunk no other checkpoints are looked at than those that the rest needs.
std::vector<std::uint64_t> Pipeline::settled_sizes(const ChunkScan& scan, std::uint64_t first,
                                                   std::uint64_t end) const {
  std::vector<std::uint64_t> sizes(std::upper_bound(sizes_.begin(), sizes_.end(), first),
                                   std::upper_bound(sizes_.begin(), sizes_.end(), end));
  for (const NotedEntry& entry : scan.noted()) {
    if (entry.role == Role::rotate) {
      sizes.push_back(entry.seq + 1);
    }
  }
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  return sizes;
}

void Pipeline::scan(WorkerContext& worker, std::uint64_t first, Slot& slot) {
  const std::uint64_t end = std::min(first + chunk_entries, plan_.end);
  Findings findings;
  const bool settled = end <= plan_.settled_end;
  std::vector<std::uint64_t> sizes;
  if (!settled) {
    sizes = wanted_sizes(worker, first, end, findings);
  }
  ChunkScan& scan = worker.scan();
  scan.begin(first, end, settled);
  // One entry more: the next one tells whether the last one is what it was.
  for_segments(plan_, first, settled ? end : std::min(end + 1, plan_.end),
               [&](std::size_t segment, std::int64_t from, std::int64_t to) {
                 const auto read = worker.with_segment(segment, [&](SegmentReader& reader) {
                   scan.forget(static_cast<std::uint64_t>(from));
                   return reader.entries(from, to, [&](std::int64_t seq, std::string_view body) {
                     scan.row(static_cast<std::uint64_t>(seq), body);
                     return true;
                   });
                 });
                 if (!read) {
                   findings.add(static_cast<std::uint64_t>(from), "segment-unreadable", read.error().message);
                 }
               });
  if (settled) {
    sizes = settled_sizes(scan, first, end);
  }
  add_recovery_sizes(scan, first, end, sizes);
  StoredLeaves leaves(worker, first, end);
  ChunkFacts facts = scan.finish(
      worker.sha(), sizes, [&leaves](std::uint64_t seq) { return leaves.at(seq); },
      [this](std::uint64_t seq) { return plan_.is_absent(seq); });
  findings.add(std::move(facts.findings));
  facts.findings = std::move(findings);
  const std::lock_guard lock(mutex_);
  slot.facts = std::move(facts);
}

void Pipeline::submit_page_checks() {
  for (std::size_t index = 0; index < plan_.segments.size(); ++index) {
    if (!plan_.segments[index].readable || !plan_.segments[index].last) {
      continue;
    }
    workers_.submit([this, index](WorkerContext& worker) {
      const SegmentFile& file = plan_.segments[index].file;
      std::string fault;
      const auto read = worker.with_segment(index, [&](SegmentReader& reader) -> Result<void> {
        auto checked = reader.page_fault();
        if (!checked) {
          return checked.error();
        }
        fault = *std::move(checked);
        return {};
      });
      CheckpointOutcome outcome;
      if (!read) {
        outcome.findings.add(file.first, "segment-unreadable", read.error().message);
      } else if (!fault.empty()) {
        outcome.findings.add(file.first, "segment-altered",
                             file.path.filename().string() + ": its pages contradict each other: " + fault);
      }
      const std::lock_guard lock(mutex_);
      checked_.push_back(std::move(outcome));
    });
  }
}

// The body of an entry that was noted, which must be the one that was hashed in its place.
std::optional<std::string> Pipeline::read_again(const ChunkFacts& facts, std::uint64_t seq) {
  std::optional<std::string> body;
  for_segments(plan_, seq, seq + 1, [&](std::size_t segment, std::int64_t from, std::int64_t) {
    static_cast<void>(own_.with_segment(segment, [&](SegmentReader& reader) -> Result<void> {
      const auto read = reader.entry(from);
      body = read ? *read : std::nullopt;
      return {};
    }));
  });
  const auto noted = std::find_if(facts.noted.begin(), facts.noted.end(),
                                  [seq](const NotedEntry& entry) { return entry.seq == seq; });
  if (body && (noted == facts.noted.end() || sha_.leaf(*body) != noted->leaf)) {
    outcome_.findings.add(
        seq, "body-changed",
        "entry " + std::to_string(seq) + " is another one where it is looked up than in its place");
    return std::nullopt;
  }
  return body;
}

void Pipeline::join(ChunkFacts facts) {
  if (left_ && left_->size() != facts.first) {
    left_ = nullptr;
  }
  outcome_.present += facts.present;
  outcome_.findings.add(std::move(facts.findings));
  state_.take(facts, [this, &facts](std::uint64_t seq) { return read_again(facts, seq); });
  own_.rest();
  ids_.add(facts.ids);
  subjects_.add(facts.subjects);
  PrefixRoots roots(left_, std::move(facts.roots));
  remember_roots(roots, facts.first, facts.end);
  check_kept(roots, facts.first, facts.end);
  check_granted_for();
  submit_checkpoints(facts.first, facts.end, std::move(roots));
  for (const SealClaim& claim : state_.take_seals()) {
    check_seal(claim);
  }
  grow(facts);
  submit_ingested(std::move(facts.ingested));
  take_checked();
  done_.entries_done = facts.end;
  done_.bytes_done += facts.bytes;
  if (progress_) {
    progress_(done_);
  }
}

void Pipeline::remember_roots(const PrefixRoots& roots, std::uint64_t first, std::uint64_t end) {
  for (auto size = std::upper_bound(sizes_.begin(), sizes_.end(), first);
       size != sizes_.end() && *size <= end; ++size) {
    if (const auto root = roots.at(sha_, *size)) {
      outcome_.roots[*size] = *root;
    }
  }
}

// What a recovery went on from must be the record that its grant names. Where the root is not known there are
// findings enough.
void Pipeline::check_kept(const PrefixRoots& roots, std::uint64_t first, std::uint64_t end) {
  for (const KeptClaim& claim : state_.take_kept()) {
    const auto edge = edge_roots_.find(claim.size);
    const auto root = claim.size >= first         ? roots.at(sha_, claim.size)
                      : edge == edge_roots_.end() ? std::nullopt
                                                  : std::optional(edge->second);
    if (root && *root != claim.root) {
      state_.refuse_recovery(claim.seq);
    }
  }
  edge_roots_.clear();
  for (std::uint64_t back = 0; back <= entries_before_recovery && end > first + back; ++back) {
    if (const auto root = roots.at(sha_, end - back)) {
      edge_roots_[end - back] = *root;
    }
  }
}

void Pipeline::grow(const ChunkFacts& facts) {
  if (!left_ || facts.unknown_from) {
    left_ = nullptr;
    return;
  }
  auto grown = std::make_shared<CompactRange>(*left_);
  std::uint64_t rest = facts.inner.size();
  for (const Digest& subtree : facts.inner.hashes()) {
    const std::uint64_t width = std::bit_floor(rest);
    grown->append_subtree(sha_, static_cast<unsigned>(std::countr_zero(width)), subtree);
    rest -= width;
  }
  left_ = std::move(grown);
  if (facts.inner.size() == chunk_entries) {
    chunk_roots_.push_back(facts.inner.hashes().front());
  }
}

// Every segment but the first begins with what became of the one before: or that could be another file.
void Pipeline::judge_beginnings() {
  for (const PlannedSegment& segment : plan_.segments) {
    const std::uint64_t first = segment.file.first;
    const bool there = segment.readable && segment.end > first && (segment.stub || !plan_.is_absent(first));
    if (first != 0 && there && !sealed_at_.contains(first)) {
      outcome_.findings.add(first, "seal-missing",
                            segment.file.path.filename().string() + " does not begin with a journal.seal");
    }
  }
}

void Pipeline::check_seal(const SealClaim& claim) {
  sealed_at_.insert(claim.seq);
  sealed_.emplace(claim.first, claim);
  const auto segment = std::find_if(
      plan_.segments.begin(), plan_.segments.end(),
      [&claim](const PlannedSegment& s) { return s.file.first == claim.first && s.end == claim.last + 1; });
  if (segment == plan_.segments.end()) {
    outcome_.findings.add(
        claim.seq, "seal-invalid",
        "no segment holds entries " + std::to_string(claim.first) + " to " + std::to_string(claim.last));
    return;
  }
  const auto root = outcome_.roots.find(segment->end);
  if (root != outcome_.roots.end() && root->second != claim.root) {
    outcome_.findings.add(
        claim.seq, "seal-invalid",
        "the root it records is not that of the entries up to " + std::to_string(claim.last));
  }
  if (segment->stub) {
    return;  // the file that was sealed is gone; judge_stubs() says whether that is right
  }
  workers_.submit([this, claim, file = segment->file](WorkerContext&) {
    const auto digest = file_sha256(file.path);
    if (!digest || *digest != claim.sha256) {
      CheckpointOutcome outcome;
      outcome.findings.add(file.first, "segment-altered",
                           file.path.filename().string() + " is not the file that entry " +
                               std::to_string(claim.seq) + " sealed");
      const std::lock_guard lock(mutex_);
      checked_.push_back(std::move(outcome));
    }
  });
}

void Pipeline::submit_checkpoints(std::uint64_t first, std::uint64_t end, PrefixRoots roots) {
  std::vector<RequiredCheckpoint> required = state_.take_required();
  for (const PlannedSegment& segment : plan_.segments) {
    const bool here = segment.end > first && segment.end <= end;
    const bool twice = std::any_of(required.begin(), required.end(),
                                   [&segment](const RequiredCheckpoint& r) { return r.size == segment.end; });
    if (here && segment.readable && !twice && (segment.stub || !plan_.is_absent(segment.end - 1))) {
      required.push_back({segment.end, "each segment ends with one"});
    }
  }
  std::sort(required.begin(), required.end(),
            [](const RequiredCheckpoint& a, const RequiredCheckpoint& b) { return a.size < b.size; });
  CheckpointCheck check(plan_.terms.origin, std::move(roots), state_.keys());
  workers_.submit([this, first, end, check = std::move(check), required = std::move(required)](
                      WorkerContext& worker) { check_checkpoints(worker, first, end, check, required); });
}

void Pipeline::check_checkpoints(WorkerContext& worker, std::uint64_t first, std::uint64_t end,
                                 CheckpointCheck check, const std::vector<RequiredCheckpoint>& required) {
  Findings unreadable;
  const auto look_at = [&](std::size_t segment, std::int64_t from, std::int64_t to) {
    const CheckpointCheck before = check;
    const auto read = worker.with_segment(segment, [&](SegmentReader& reader) {
      check = before;
      return reader.checkpoints(from + 1, to + 1, [&](std::int64_t size, std::string_view note) {
        check.row(worker.sha(), static_cast<std::uint64_t>(size), note);
        return true;
      });
    });
    if (!read) {
      unreadable.add(static_cast<std::uint64_t>(from), "segment-unreadable", read.error().message);
    }
  };
  if (end <= plan_.settled_end) {
    for (const RequiredCheckpoint& needed : required) {
      for_segments(plan_, needed.size - 1, needed.size, look_at);
    }
  } else {
    for_segments(plan_, first, end, look_at);
  }
  CheckpointOutcome outcome = check.finish(required);
  outcome.findings.add(std::move(unreadable));
  const std::lock_guard lock(mutex_);
  checked_.push_back(std::move(outcome));
}

void Pipeline::take(CheckpointOutcome outcome) {
  outcome_.checkpoints_good += outcome.good;
  for (auto& [vkey, checkpoint] : outcome.proven) {
    ProvenCheckpoint& largest = proven_[vkey];
    if (checkpoint.size > largest.size) {
      largest = std::move(checkpoint);
    }
  }
  outcome_.findings.add(std::move(outcome.findings));
  for (const auto& line : outcome.unknown) {
    if (unknown_.size() < findings_max) {
      unknown_.push_back(line);
    }
  }
}

void Pipeline::judge_unknown_signers() {
  const auto ranges = outcome_.keys->ranges();
  for (const auto& [size, id] : unknown_) {
    const auto is_its_key = [wanted = id](const KeyRange& range) { return range.key.id == wanted; };
    if (std::any_of(ranges.begin(), ranges.end(), is_its_key)) {
      judge_again(size);
    }
  }
}

void Pipeline::judge_stubs() {
  const auto& retired = state_.retired();
  for (const PlannedSegment& segment : plan_.segments) {
    if (!segment.stub) {
      continue;
    }
    const std::string name = segment.file.path.filename().string();
    const auto claim = std::find_if(retired.begin(), retired.end(), [&segment](const RetireClaim& one) {
      return one.first == segment.file.first && one.last + 1 == segment.end;
    });
    const auto digest = file_sha256(segment.file.path);
    if (claim == retired.end()) {
      outcome_.findings.add(segment.file.first, "bodies-missing",
                            name + " is a stub, and no journal.retire says that its bodies were retired");
    } else if (!digest || *digest != claim->stub) {
      outcome_.findings.add(
          segment.file.first, "segment-altered",
          name + " is not the stub that entry " + std::to_string(claim->seq) + " put in its place");
    }
  }
}

// Whoever stole a key can hand over to another of his, and repeat the revocation of the one he stole, grant
// and all. A key that was handed over to by one whose signature no longer counted is no better than that,
// until one that a grant names follows it.
void Pipeline::judge_last_key() {
  const auto ranges = outcome_.keys->ranges();
  if (ranges.empty() || ranges.back().established) {
    return;
  }
  const KeyRange& last = ranges.back();
  outcome_.findings.add(
      last.from - 1, "key-unestablished",
      last.key.vkey() + " took over from " + ranges[ranges.size() - 2].key.vkey() +
          ", whose signatures no longer counted there: nothing tells it from a thief's, and "
          "what it signs proves nothing, until a key follows that the provisioning key names: "
          "tallygate keys rotate --prepare");
}

void Pipeline::settle_proof() {
  // A key that was revoked from a size on that it proved proves nothing here: which of its sizes remain is
  // not kept.
  for (const KeyRange& range : outcome_.keys->ranges()) {
    const auto proven = proven_.find(range.key.vkey());
    if (proven != proven_.end() && range.counts_at(proven->second.size) &&
        proven->second.size > outcome_.proven_size) {
      outcome_.proven_size = proven->second.size;
      outcome_.proven_note = proven->second.note;
      outcome_.proven_by = proven->first;
    }
  }
}

void Pipeline::judge_again(std::uint64_t size) {
  for_segments(plan_, size - 1, size, [&](std::size_t segment, std::int64_t from, std::int64_t) {
    std::vector<SignatureFault> faults;
    const auto read = own_.with_segment(segment, [&](SegmentReader& reader) {
      return reader.checkpoints(from + 1, from + 2, [&](std::int64_t, std::string_view bytes) {
        const auto note = parse_note(bytes);
        faults = note ? outcome_.keys->judge(*note, size).faults : std::vector<SignatureFault>{};
        return false;
      });
    });
    if (!read) {
      faults.push_back({"segment-unreadable", read.error().message});
    }
    for (const SignatureFault& wrong : faults) {
      outcome_.findings.add(size - 1, wrong.what,
                            "the checkpoint of size " + std::to_string(size) + ": " + wrong.detail);
    }
  });
}

}  // namespace tallygate::audit
