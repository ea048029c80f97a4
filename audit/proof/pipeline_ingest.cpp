// Records of enrolled writers: each signature is checked beside the rest, by the keys that were known when
// its chunk was joined.

#include "audit/proof/ingest_claims.hpp"
#include "audit/proof/pipeline.hpp"

#include <algorithm>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr std::size_t time_bytes = 6;
constexpr std::int64_t ns_per_ms = 1'000'000;

// Names a message, in an order that follows the time for which it was signed.
IdOfEntry message_id(Sha256& sha, std::string_view message, std::string_view sent, std::uint64_t seq) {
  IdOfEntry id;
  id.seq = seq;
  const std::int64_t ms = std::max<std::int64_t>(0, parse_sent_time(sent).value_or(0)) / ns_per_ms;
  for (std::size_t i = 0; i < time_bytes; ++i) {
    id.id[i] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(ms) >> (8 * (time_bytes - 1 - i)));
  }
  const Digest digest = sha.digest(message);
  std::copy_n(digest.begin(), id.id.size() - time_bytes, id.id.begin() + time_bytes);
  return id;
}

}  // namespace

void Pipeline::submit_ingested(std::vector<std::uint64_t> seqs) {
  if (seqs.empty() || plan_.terms.journal.empty()) {
    return;  // without a charter nobody is enrolled, and that is a finding already
  }
  workers_.submit([this, seqs = std::move(seqs), writers = state_.writers()](WorkerContext& worker) {
    check_ingested(worker, seqs, *writers);
  });
}

void Pipeline::check_ingested(WorkerContext& worker, const std::vector<std::uint64_t>& seqs,
                              const WriterKeys& writers) {
  IngestOutcome outcome;
  IngestOutcome part;  // of one segment, which may have to be read again
  const auto judge = [&](std::int64_t at, std::string_view body) {
    const auto seq = static_cast<std::uint64_t>(at);
    if (!std::binary_search(seqs.begin(), seqs.end(), seq)) {
      return true;
    }
    const auto entry = read_ingested(worker.sha(), body);
    if (!entry) {
      part.findings.add(seq, "ingest-forged", "entry " + std::to_string(seq) + " names no writer");
      return true;
    }
    if (const auto fault = writers.judge(*entry, seq, plan_.terms.journal)) {
      part.findings.add(seq, fault->what, fault->detail);
      return true;
    }
    if (const auto fault = claims_fault(*entry, seq)) {
      part.findings.add(seq, fault->what, fault->detail);
    }
    const std::string message = signed_bytes(plan_.terms.journal, *entry);
    part.messages.push_back(message_id(worker.sha(), message, entry->sent, seq));
    return true;
  };
  const auto look_at = [&](std::size_t segment, std::int64_t from, std::int64_t to) {
    const auto read = worker.with_segment(segment, [&](SegmentReader& reader) {
      part = {};
      return reader.entries(from, to, judge);
    });
    if (!read) {
      part.findings.add(static_cast<std::uint64_t>(from), "segment-unreadable", read.error().message);
    }
    outcome.findings.add(std::move(part.findings));
    outcome.messages.insert(outcome.messages.end(), part.messages.begin(), part.messages.end());
  };
  for_segments(plan_, seqs.front(), seqs.back() + 1, look_at);
  std::sort(outcome.messages.begin(), outcome.messages.end());
  const std::lock_guard lock(mutex_);
  ingested_.push_back(std::move(outcome));
}

void Pipeline::take(IngestOutcome outcome) {
  outcome_.findings.add(std::move(outcome.findings));
  messages_.add(outcome.messages);
}

void Pipeline::take_checked() {
  std::vector<CheckpointOutcome> checked;
  std::vector<IngestOutcome> ingested;
  {
    const std::lock_guard lock(mutex_);
    checked = std::exchange(checked_, {});
    ingested = std::exchange(ingested_, {});
  }
  for (CheckpointOutcome& one : checked) {
    take(std::move(one));
  }
  for (IngestOutcome& one : ingested) {
    take(std::move(one));
  }
}

}  // namespace tallygate::audit
