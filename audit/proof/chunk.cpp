#include "audit/proof/chunk.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tallygate::audit {
namespace {

const Digest no_predecessor{};

std::string entry_name(std::uint64_t seq) {
  return "entry " + std::to_string(seq);
}

// Whether the proof has to look at such an entry again in its order.
bool is_noted(Role role) noexcept {
  return role != Role::ordinary && role != Role::ingested;
}

// Whether the kind may be one of those that mean something for the proof. Canonical JSON has no spaces, and a
// quote within a string is escaped, so the member's name stands there as it is; it may stand deeper as well.
bool may_be_noted(std::string_view body) {
  constexpr std::string_view mark = R"("kind":")";
  for (;;) {
    const void* const found = ::memmem(body.data(), body.size(), mark.data(), mark.size());
    if (found == nullptr) {
      return false;
    }
    body.remove_prefix(static_cast<std::size_t>(static_cast<const char*>(found) - body.data()) + mark.size());
    if (is_noted(role_of(body.substr(0, body.find('"'))))) {
      return true;
    }
  }
}

// Calls `each` with every subject that a body may be sealed for: members deeper in it may be called so too.
// From the end, where the seal stands, and by braces, of which there are few.
template <typename Each>
void for_each_subject(std::string_view body, const Each& each) {
  std::string_view before = body;
  for (;;) {
    const void* const brace = ::memrchr(before.data(), '{', before.size());
    if (brace == nullptr) {
      return;
    }
    before = before.substr(0, static_cast<std::size_t>(static_cast<const char*>(brace) - body.data()));
    if (before.ends_with(R"("sealed":)")) {
      const std::string_view object = body.substr(before.size());
      each(sealed_subject(object.substr(0, object.find('}') + 1)));
    }
  }
}

}  // namespace

void ChunkScan::begin(std::uint64_t first, std::uint64_t end, bool settled) {
  lanes_.drop();
  facts_ = {};
  facts_.settled = settled;
  facts_.first = first;
  rows_end_ = first;
  facts_.end = end;
  facts_.times_ns.assign(static_cast<std::size_t>(end - first), no_time);
  facts_.ids.reserve(static_cast<std::size_t>(end - first));
  slots_.assign(static_cast<std::size_t>(end - first) + 1, {});
  told_.assign(static_cast<std::size_t>(end - first), std::nullopt);
  subjects_seen_.fill(std::nullopt);
}

void ChunkScan::row(std::uint64_t seq, std::string_view body) {
  const auto index = static_cast<std::size_t>(seq - facts_.first);
  Slot& slot = slots_[index];
  slot.present = true;
  rows_end_ = seq + 1;
  if (facts_.settled) {
    lanes_.add(body, slot.leaf);
    slot.bytes = body.size();
    settled_row(seq, body);
    return;
  }
  const auto entry = read_entry(body);
  const bool at_its_place = entry && entry->seq == seq;
  slot.readable = at_its_place;
  if (at_its_place) {
    slot.prev = entry->prev;
  }
  if (seq == facts_.end) {
    return;  // looked at for what it says of the last entry; its own chunk judges it
  }
  lanes_.add(body, slot.leaf);
  slot.bytes = body.size();
  if (!entry) {
    facts_.findings.add(seq, entry.error().what, entry_name(seq) + ": " + entry.error().detail);
    slot.suspect = true;
    return;
  }
  if (!at_its_place) {
    facts_.findings.add(seq, "seq-mismatch",
                        "the body stored as entry " + std::to_string(seq) + " says it is entry " +
                            std::to_string(entry->seq));
    slot.suspect = true;
    return;
  }
  if (!entry->kind_known) {
    facts_.findings.add(seq, "kind-unknown", entry_name(seq) + ": its kind is not of the catalogue");
  }
  facts_.times_ns[index] = entry->time_ns;
  facts_.ids.push_back({entry->id, seq});
  note_subject(entry->subject);
  if (is_noted(entry->role)) {
    facts_.noted.push_back({seq, entry->role, {}});
  } else if (entry->role == Role::ingested) {
    facts_.ingested.push_back({seq, {}});
  }
}

// The root shows that the body is what was verified before. What it means for keys, grants, segments and
// heartbeats has to be known again.
void ChunkScan::settled_row(std::uint64_t seq, std::string_view body) {
  for_each_subject(body, [this](const std::optional<UuidBytes>& subject) { note_subject(subject); });
  if (!may_be_noted(body)) {
    return;
  }
  const auto entry = read_entry(body);
  if (entry && entry->seq == seq && is_noted(entry->role)) {
    facts_.times_ns[static_cast<std::size_t>(seq - facts_.first)] = entry->time_ns;
    facts_.noted.push_back({seq, entry->role, {}});
  }
}

// What is read again is noted again: one too many costs another look at it, one too few a finding.
void ChunkScan::note_subject(const std::optional<UuidBytes>& subject) {
  if (!subject) {
    return;
  }
  auto& seen = subjects_seen_[subject->front() % subjects_seen_.size()];
  if (seen != subject) {
    seen = subject;
    facts_.subjects.push_back(*subject);
  }
}

void ChunkScan::forget(std::uint64_t seq) {
  if (rows_end_ <= seq) {
    return;
  }
  lanes_.finish();
  const auto from = static_cast<std::ptrdiff_t>(seq - facts_.first);
  std::fill(slots_.begin() + from, slots_.end(), Slot{});
  std::fill(facts_.times_ns.begin() + from, facts_.times_ns.end(), no_time);
  std::erase_if(facts_.ids, [seq](const IdOfEntry& id) { return id.seq >= seq; });
  std::erase_if(facts_.noted, [seq](const NotedEntry& entry) { return entry.seq >= seq; });
  std::erase_if(facts_.ingested, [seq](const SignedEntry& entry) { return entry.seq >= seq; });
  facts_.findings.forget_from(seq);
  rows_end_ = seq;
}

void ChunkScan::judge_chain(ChunkFacts& facts) {
  // Backwards: whether an entry is to be believed about its predecessor depends on what its successor says of
  // it.
  for (std::size_t i = told_.size(); i-- > 0;) {
    const Slot& next = slots_[i + 1];
    Slot& slot = slots_[i];
    if (!next.present || !next.readable) {
      continue;
    }
    const std::uint64_t seq = facts.first + i;
    if (!slot.present) {
      told_[i] = next.prev;
    } else if (next.prev != slot.leaf) {
      if (next.suspect) {
        facts.findings.add(
            seq + 1, "chain-broken",
            "its prev is not the hash of entry " + std::to_string(seq) + ", and it was altered itself");
        continue;
      }
      told_[i] = next.prev;
      if (!std::exchange(slot.suspect, true)) {
        facts.findings.add(seq, "body-changed",
                           "the hash of entry " + std::to_string(seq) + " is " + to_hex(slot.leaf) +
                               ", its successor recorded " + to_hex(next.prev));
      }
    }
  }
  const Slot& first = slots_.front();
  if (facts.first == 0 && first.present && first.readable && first.prev != no_predecessor) {
    facts.findings.add(0, "chain-broken", "prev of entry 0 is not 64 zeros");
  }
}

void ChunkScan::judge_missing(ChunkFacts& facts, const std::function<bool(std::uint64_t)>& absent) {
  for (std::size_t i = 0; i < told_.size(); ++i) {
    const std::uint64_t seq = facts.first + i;
    facts.present += slots_[i].present ? 1 : 0;
    facts.bytes += slots_[i].bytes;
    if (!slots_[i].present && !absent(seq)) {
      facts.findings.add(seq, "entry-missing", entry_name(seq) + " is missing");
    }
  }
}

void ChunkScan::grow(Sha256& sha, ChunkFacts& facts, std::span<const std::uint64_t> sizes,
                     const StoredLeaf& stored_leaf) {
  auto wanted = sizes.begin();
  for (std::size_t i = 0; i < told_.size(); ++i) {
    const std::uint64_t seq = facts.first + i;
    // Where the chain and a body disagree, the chain is tried: signed roots show whether it was right.
    std::optional<Digest> leaf = told_[i];
    if (!leaf && slots_[i].present) {
      leaf = slots_[i].leaf;
    }
    if (!leaf) {
      leaf = stored_leaf(seq);
    }
    if (!leaf) {
      facts.unknown_from = seq;
      return;
    }
    facts.inner.append(sha, *leaf);
    if (wanted != sizes.end() && *wanted == seq + 1) {
      facts.roots.push_back({seq + 1, facts.inner.root(sha)});
      ++wanted;
    }
  }
}

ChunkFacts ChunkScan::finish(Sha256& sha, std::span<const std::uint64_t> sizes, const StoredLeaf& stored_leaf,
                             const std::function<bool(std::uint64_t)>& absent) {
  lanes_.finish();
  for (NotedEntry& entry : facts_.noted) {
    entry.leaf = slots_[static_cast<std::size_t>(entry.seq - facts_.first)].leaf;
  }
  for (SignedEntry& entry : facts_.ingested) {
    entry.leaf = slots_[static_cast<std::size_t>(entry.seq - facts_.first)].leaf;
  }
  judge_chain(facts_);
  judge_missing(facts_, absent);
  grow(sha, facts_, sizes, stored_leaf);
  sort_nearly_sorted(facts_.ids);
  return std::exchange(facts_, {});
}

}  // namespace tallygate::audit
