#include "audit/search/key_history.hpp"

#include "audit/journal/canonical_json.hpp"
#include "audit/proof/grant_check.hpp"
#include "audit/proof/key_chain.hpp"
#include "audit/proof/key_entries.hpp"
#include "audit/proof/paths.hpp"
#include "audit/proof/tlog_proof.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

namespace tallygate::audit {
namespace {

// The provisioning key as entry 0 names it. Whoever checks a proof brings his own.
Result<CharterEntry> named_charter(std::string_view body) {
  auto nothing = fail(FailureKind::tampered, "entry 0 does not hold the journal's charter");
  std::array members = {WantedMember{"charter", {}}};
  if (check_canonical_object(body, members)) {
    return nothing;
  }
  const auto charter = parse_charter(members[0].json);
  const auto root = charter ? parse_vkey(charter->root) : NoteError{};
  if (!root) {
    return nothing;
  }
  auto entry = read_charter_entry(body, RootKey{root->key, root->name});
  if (!entry || !entry->fault.empty()) {
    return fail(FailureKind::tampered, entry ? entry->fault : entry.error().message);
  }
  return entry;
}

// A note without the signature lines that `keep` does not want.
std::string with_lines(std::string_view bytes, const Note& note,
                       const std::function<bool(const SignatureLine&)>& keep) {
  std::string kept(bytes.substr(0, note.text.size() + 1));
  std::string_view rest = bytes.substr(kept.size());
  for (const SignatureLine& line : note.lines) {
    const std::size_t end = rest.find('\n') + 1;
    if (keep(line)) {
      kept += rest.substr(0, end);
    }
    rest.remove_prefix(end);
  }
  return kept;
}

Result<Checkpoint> read_checkpoint(std::string_view bytes) {
  const auto note = parse_note(bytes);
  auto checkpoint = note ? parse_checkpoint(note->text) : note.error();
  if (!checkpoint) {
    return fail(FailureKind::invalid, "not a checkpoint note: " + checkpoint.error().message);
  }
  return std::move(*checkpoint);
}

bool is_by(const SignatureLine& line, const VerifyKey& key) {
  return line.id == key.id && line.name == key.name;
}

}  // namespace

KeyHistory::KeyHistory(CharterEntry charter, std::string charter_line)
    : charter_(std::move(charter)), charter_line_(std::move(charter_line)), keys_(charter_.key) {}

Result<KeyHistory> KeyHistory::read(JournalReader& reader, TreeIndex& index) {
  const auto first = reader.entry(0);
  if (!first) {
    return first.error();
  }
  if (!*first) {
    return fail(FailureKind::tampered, "the journal has no entry 0, which holds its charter");
  }
  auto charter = named_charter(**first);
  auto line = charter_line(**first);
  const auto seqs = index.key_entries();
  if (!charter || !line || !seqs) {
    return !charter ? charter.error() : !line ? line.error() : seqs.error();
  }
  GrantBook grants(charter->charter.journal, charter->root);
  KeyHistory history(std::move(*charter), std::move(*line));
  for (const std::uint64_t seq : *seqs) {
    const auto body = reader.entry(seq);
    if (!body) {
      return body.error();
    }
    if (*body) {
      history.take(seq, **body, grants);
    }
  }
  history.settle();
  return history;
}

// As the verifier does (RecordState), without its findings: what is not right changes nothing.
void KeyHistory::take(std::uint64_t seq, std::string_view body, GrantBook& grants) {
  const KeyChange change = take_key_entry(seq, body, charter_.charter.origin, keys_, grants);
  if (change == KeyChange::rotated || change == KeyChange::rotated_by_grant) {
    rotations_.push_back({seq, std::string(body), change == KeyChange::rotated_by_grant});
  }
}

void KeyHistory::settle() {
  begins_ = {0};
  for (std::size_t i = 0; i < rotations_.size(); ++i) {
    const bool established = ranges()[i + 1].established;
    begins_.push_back(rotations_[i].granted ? std::optional(i) : established ? begins_[i] : std::nullopt);
  }
}

Result<std::optional<KeptCheckpoint>> KeyHistory::keep(std::string_view bytes) const {
  auto checkpoint = read_checkpoint(bytes);
  if (!checkpoint) {
    return checkpoint.error();
  }
  const std::uint64_t size = checkpoint->size;
  const SignatureVerdict verdict = keys_.judge(*parse_note(bytes), size);
  if (!verdict.faults.empty()) {
    return fail(FailureKind::tampered, "the checkpoint of size " + std::to_string(size) +
                                           " does not count: " + verdict.faults.front().detail);
  }
  for (std::size_t i = 0; i < begins_.size(); ++i) {
    const KeyRange& range = ranges()[i];
    if (begins_[i] && range.counts_at(size)) {
      return std::optional(KeptCheckpoint{std::string(bytes), std::move(*checkpoint), i});
    }
  }
  return std::optional<KeptCheckpoint>();
}

Result<std::optional<KeptCheckpoint>> KeyHistory::checkpoint(JournalReader& reader, std::uint64_t first,
                                                             std::uint64_t end) const {
  for (std::size_t i = 0; i < begins_.size(); ++i) {
    const KeyRange& range = ranges()[i];
    const std::uint64_t from = std::max(first, range.from);
    const std::uint64_t until = range.until == KeyRange::never ? end : range.until + 1;
    const std::uint64_t to = std::min({end, range.revoked_from, until});
    if (!begins_[i] || from >= to) {
      continue;
    }
    const auto stored = reader.checkpoint_from(from, to);
    if (!stored) {
      return stored.error();
    }
    if (*stored) {
      auto checkpoint = read_checkpoint(**stored);
      if (!checkpoint) {
        return fail(FailureKind::tampered,
                    "a checkpoint from size " + std::to_string(from) + " on: " + checkpoint.error().message);
      }
      return std::optional(KeptCheckpoint{**stored, std::move(*checkpoint), i});
    }
  }
  return std::optional<KeptCheckpoint>();
}

Result<std::string> KeyHistory::line(JournalReader& reader, TreeIndex& index, std::size_t rotation) const {
  const auto& [seq, body, granted] = rotations_[rotation];
  const std::uint64_t size = seq + 1;
  const auto stored = reader.checkpoint_from(size, size + 1);
  if (!stored) {
    return stored.error();
  }
  const auto note = *stored ? parse_note(**stored) : NoteError{"it is not there"};
  if (!note) {
    return fail(FailureKind::missing,
                "the checkpoint of size " + std::to_string(size) +
                    ", where the signing key changes, cannot be used: " + note.error().message);
  }
  Sha256 sha;
  auto path = inclusion_from(
      sha, [&index](unsigned height, std::uint64_t number) { return index.node(height, number); }, seq, size);
  if (!path) {
    return path.error();
  }
  const VerifyKey& before = ranges()[rotation].key;
  const VerifyKey& after = ranges()[rotation + 1].key;
  auto kept = with_lines(**stored, *note, [&, by_grant = granted](const SignatureLine& line) {
    return is_by(line, after) || (!by_grant && is_by(line, before));
  });
  return rotation_line({body, seq, std::move(*path), std::move(kept)});
}

// Rotations that lead to the keys, in their order.
std::vector<std::size_t> KeyHistory::chain(std::size_t first, std::size_t last) const {
  std::vector<std::size_t> rotations;
  for (std::size_t i = begins_.at(first).value_or(first); i < last; ++i) {
    // A key that was revoked before it handed over leads nowhere: only a grant goes on from there.
    if (begins_[i + 1]) {
      rotations.push_back(i);
    }
  }
  return rotations;
}

std::string KeyHistory::signed_by_chain(std::string_view bytes, std::size_t first, std::size_t last) const {
  const auto note = parse_note(bytes);
  if (!note) {
    return std::string(bytes);
  }
  const std::vector<std::size_t> rotations = chain(first, last);
  return with_lines(bytes, *note, [&](const SignatureLine& line) {
    return line.name != charter_.key.name || is_by(line, charter_.key) ||
           std::any_of(rotations.begin(), rotations.end(),
                       [&](std::size_t i) { return is_by(line, ranges()[i + 1].key); });
  });
}

std::vector<std::uint64_t> KeyHistory::prefix_sizes(std::size_t first, std::size_t last) const {
  std::vector<std::uint64_t> sizes;
  for (const std::size_t rotation : chain(first, last)) {
    const auto& after = ranges()[rotation + 1].after;
    if (after) {
      sizes.push_back(after->size);
    }
    sizes.push_back(rotations_[rotation].seq + 1);
  }
  return sizes;
}

Result<std::string> KeyHistory::lines(JournalReader& reader, TreeIndex& index, std::size_t first,
                                      std::size_t last) const {
  std::string text = charter_line_;
  for (const std::size_t rotation : chain(first, last)) {
    auto one = line(reader, index, rotation);
    if (!one) {
      return one;
    }
    text += *one;
  }
  return text;
}

}  // namespace tallygate::audit
