#include "audit/search/prove.hpp"

#include "audit/journal/note.hpp"
#include "audit/journal/tree.hpp"
#include "audit/proof/entry_proof.hpp"
#include "audit/proof/paths.hpp"
#include "audit/search/reader.hpp"
#include "audit/search/tree_index.hpp"

#include <utility>

namespace tallygate::audit {
namespace {

struct Signed {
  std::string note;
  Checkpoint checkpoint;
};

Result<Signed> newest_checkpoint(JournalReader& reader) {
  auto note = reader.checkpoint();
  if (!note) {
    return note.error();
  }
  if (!*note) {
    return fail(FailureKind::missing, "the journal has no checkpoint yet");
  }
  const auto parsed = parse_note(**note);
  if (!parsed) {
    return fail(FailureKind::tampered,
                "the newest checkpoint is not a signed note: " + parsed.error().message);
  }
  auto checkpoint = parse_checkpoint(parsed->text);
  if (!checkpoint) {
    return fail(FailureKind::tampered, "the newest checkpoint cannot be read: " + checkpoint.error().message);
  }
  return Signed{std::move(**note), std::move(*checkpoint)};
}

Result<std::vector<Digest>> path_to(TreeIndex& index, JournalReader& reader, std::uint64_t seq,
                                    std::uint64_t size) {
  if (const auto extended = index.extend(reader, size); !extended) {
    return extended.error();
  }
  Sha256 sha;
  return inclusion_from(
      sha, [&index](unsigned height, std::uint64_t number) { return index.node(height, number); }, seq, size);
}

}  // namespace

Result<std::optional<std::string>> prove_entry(const std::filesystem::path& journal, std::uint64_t seq) {
  auto reader = JournalReader::open(journal);
  if (!reader) {
    return reader.error();
  }
  const auto charter = reader->entry(0);
  const auto body = reader->entry(seq);
  if (!charter || !body) {
    return charter ? body.error() : charter.error();
  }
  if (!*body) {
    return std::optional<std::string>();
  }
  if (!*charter) {
    return fail(FailureKind::tampered, "the journal has no entry 0, which holds its charter");
  }
  const auto newest = newest_checkpoint(*reader);
  if (!newest) {
    return newest.error();
  }
  const Checkpoint& checkpoint = newest->checkpoint;
  if (checkpoint.size <= seq) {
    return fail(FailureKind::missing, "entry " + std::to_string(seq) + " is under no checkpoint yet");
  }
  auto index = TreeIndex::open(journal);
  if (!index) {
    return index.error();
  }
  auto extra = proof_extra(**charter, **body);
  if (!extra) {
    return extra.error();
  }
  Sha256 sha;
  const Digest leaf = sha.leaf(**body);
  // The index is not believed: where it leads to another root it is made again, once.
  for (const bool again : {false, true}) {
    if (again) {
      if (const auto cleared = index->clear(); !cleared) {
        return cleared.error();
      }
    }
    auto path = path_to(*index, *reader, seq, checkpoint.size);
    if (path && verify_inclusion(sha, seq, checkpoint.size, leaf, *path, checkpoint.root)) {
      return std::optional(format_tlog_proof({std::move(*extra), seq, std::move(*path), newest->note}));
    }
    if (!path && again) {
      return path.error();
    }
  }
  return fail(
      FailureKind::tampered,
      "the entries do not give the root that the newest checkpoint signs; see: tallygate audit verify");
}

}  // namespace tallygate::audit
