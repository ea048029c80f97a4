#include "audit/search/prover.hpp"

#include "audit/journal/note.hpp"

namespace tallygate::audit {
namespace {

Result<std::uint64_t> newest_size(JournalReader& reader) {
  const auto bytes = reader.checkpoint();
  if (!bytes) {
    return bytes.error();
  }
  if (!*bytes) {
    return fail(FailureKind::missing, "the journal has no checkpoint yet");
  }
  const auto note = parse_note(**bytes);
  const auto checkpoint = note ? parse_checkpoint(note->text) : note.error();
  if (!checkpoint) {
    return fail(FailureKind::tampered, "the newest checkpoint cannot be read: " + checkpoint.error().message);
  }
  return checkpoint->size;
}

}  // namespace

Result<Prover> Prover::open(const std::filesystem::path& journal) {
  auto reader = JournalReader::open(journal);
  if (!reader) {
    return reader.error();
  }
  const auto size = newest_size(*reader);
  if (!size) {
    return size.error();
  }
  auto index = TreeIndex::open(journal);
  if (!index) {
    return index.error();
  }
  return Prover(std::move(*reader), std::move(*index), *size);
}

Result<std::string> Prover::attempt(const Make& make, const Check& check) {
  if (const auto extended = index_.extend(reader_, size_); !extended) {
    const bool gap = extended.error().kind == FailureKind::missing;
    return fail(gap ? FailureKind::tampered : FailureKind::unreadable, extended.error().message);
  }
  const auto keys = KeyHistory::read(reader_, index_);
  if (!keys) {
    return keys.error();
  }
  // What the index lacks is no fault of the journal's.
  const NodeSource nodes = [this](unsigned height, std::uint64_t number) -> Result<Digest> {
    auto node = index_.node(height, number);
    return node || node.error().kind != FailureKind::missing
               ? node
               : fail(FailureKind::tampered, node.error().message);
  };
  auto proof = make(index_, nodes, *keys);
  if (proof) {
    const VerifyKey& root = keys->charter().root;
    if (const auto holds = check(*proof, RootKey{root.key, root.name}); !holds) {
      return fail(FailureKind::tampered, "the journal gives no proof that holds: " + holds.error().message +
                                             "; see: tallygate audit verify");
    }
  }
  return proof;
}

Result<std::string> Prover::prove(const Make& make, const Check& check) {
  auto proof = attempt(make, check);
  if (proof || proof.error().kind != FailureKind::tampered) {
    return proof;
  }
  if (const auto cleared = index_.clear(); !cleared) {
    return cleared.error();
  }
  return attempt(make, check);
}

}  // namespace tallygate::audit
