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

void Pipeline::submit_ingested(std::vector<SignedEntry> entries) {
  if (entries.empty() || plan_.terms.journal.empty()) {
    return;  // without a charter nobody is enrolled, and that is a finding already
  }
  workers_.submit([this, entries = std::move(entries), writers = state_.writers()](WorkerContext& worker) {
    check_ingested(worker, entries, *writers);
  });
}

void Pipeline::judge_ingested(WorkerContext& worker, const SignedEntry& entry, std::string_view body,
                              const WriterKeys& writers, IngestOutcome& outcome) const {
  const std::string name = "entry " + std::to_string(entry.seq);
  if (worker.sha().leaf(body) != entry.leaf) {
    outcome.findings.add(entry.seq, "body-changed",
                         name + " is another one where it is looked up than in its place");
    return;
  }
  const auto read = read_ingested(worker.sha(), body);
  if (!read) {
    outcome.findings.add(entry.seq, "ingest-forged", name + " names no writer");
    return;
  }
  if (const auto fault = writers.judge(*read, entry.seq, plan_.terms.journal)) {
    outcome.findings.add(entry.seq, fault->what, fault->detail);
    return;
  }
  if (const auto fault = claims_fault(*read, entry.seq)) {
    outcome.findings.add(entry.seq, fault->what, fault->detail);
  }
  const std::string message = signed_bytes(plan_.terms.journal, *read);
  outcome.messages.push_back(message_id(worker.sha(), message, read->sent, entry.seq));
}

void Pipeline::check_ingested(WorkerContext& worker, const std::vector<SignedEntry>& entries,
                              const WriterKeys& writers) {
  IngestOutcome outcome;
  const auto at_or_after = [&entries](std::int64_t seq) {
    return std::lower_bound(
        entries.begin(), entries.end(), static_cast<std::uint64_t>(seq),
        [](const SignedEntry& entry, std::uint64_t wanted) { return entry.seq < wanted; });
  };
  const auto look_at = [&](std::size_t segment, std::int64_t from, std::int64_t to) {
    IngestOutcome part;  // of one segment, which may have to be read again
    const auto read = worker.with_segment(segment, [&](SegmentReader& reader) {
      part = {};
      auto next = at_or_after(from);
      const auto end = at_or_after(to);
      const auto skip_to = [&](std::uint64_t seq) {
        for (; next != end && next->seq < seq; ++next) {
          part.findings.add(
              next->seq, "entry-missing",
              "entry " + std::to_string(next->seq) + " was there, and is not where it is looked up");
        }
      };
      auto done = reader.entries(from, to, [&](std::int64_t at, std::string_view body) {
        const auto seq = static_cast<std::uint64_t>(at);
        skip_to(seq);
        if (next != end && next->seq == seq) {
          judge_ingested(worker, *next++, body, writers, part);
        }
        return true;
      });
      if (done) {
        skip_to(UINT64_MAX);
      }
      return done;
    });
    if (!read) {
      part.findings.add(static_cast<std::uint64_t>(from), "segment-unreadable", read.error().message);
    }
    outcome.findings.add(std::move(part.findings));
    outcome.messages.insert(outcome.messages.end(), part.messages.begin(), part.messages.end());
  };
  for_segments(plan_, entries.front().seq, entries.back().seq + 1, look_at);
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
