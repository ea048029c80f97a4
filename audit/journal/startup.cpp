#include "audit/journal/startup.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

namespace tallygate::audit {
namespace {

std::string entries(std::uint64_t count) {
  return std::to_string(count) + (count == 1 ? " entry" : " entries");
}

Failure tampered(std::string message) {
  return fail(FailureKind::tampered, std::move(message));
}

// The newest checkpoint must be the batch's own: as large as the record, signed by the journal's key.
Result<Checkpoint> read_checkpoint(const SegmentEnd& end, std::span<const VerifyKey> keys) {
  if (end.entries_end == 0 || end.entries_end != end.checkpoint_size) {
    return tampered("The journal has " + entries(end.entries_end) + " but its newest checkpoint covers " +
                    std::to_string(end.checkpoint_size));
  }
  const auto note = parse_note(end.note);
  if (!note) {
    return tampered("The journal's newest checkpoint cannot be read: " + note.error().message);
  }
  if (const auto signers = verify_note(*note, keys); !signers) {
    return tampered("The journal's newest checkpoint is not signed by " + keys.back().vkey() + ": " +
                    signers.error().message);
  }
  auto checkpoint = parse_checkpoint(note->text);
  if (!checkpoint) {
    return tampered("The journal's newest checkpoint cannot be read: " + checkpoint.error().message);
  }
  if (checkpoint->origin != keys.front().name || checkpoint->size != end.checkpoint_size) {
    return tampered("The journal's newest checkpoint is for another journal or size");
  }
  return std::move(*checkpoint);
}

struct Walk {
  Tip tip;
  std::map<std::uint64_t, Digest> roots;  // at the sizes that were looked for
};

Result<Walk> walk(RecordFiles& files, Tip from, std::span<const std::uint64_t> sizes) {
  Sha256 sha;
  Walk walk{std::move(from), {}};
  std::vector<std::uint64_t> ahead(sizes.begin(), sizes.end());
  std::sort(ahead.begin(), ahead.end(), std::greater<>());
  const auto look = [&] {
    while (!ahead.empty() && ahead.back() <= walk.tip.range.size()) {
      if (ahead.back() == walk.tip.range.size()) {
        walk.roots[ahead.back()] = walk.tip.range.root(sha);
      }
      ahead.pop_back();
    }
  };
  look();
  const auto read = files.leaves(walk.tip.range.size(), [&](const Digest& leaf) {
    walk.tip.last = leaf;
    walk.tip.range.append(sha, walk.tip.last);
    look();
  });
  if (!read) {
    return read.error();
  }
  return walk;
}

Failure altered() {
  return tampered(
      "The journal's entries do not have the root that its newest checkpoint signs: one was altered");
}

std::optional<Digest> root_in(const std::map<std::uint64_t, Digest>& roots, std::uint64_t size) {
  const auto found = roots.find(size);
  return found == roots.end() ? std::nullopt : std::optional(found->second);
}

// Where to begin: at what this process knows, else at what was sealed before, else, where head is older than
// that, at the beginning.
Result<Tip> begin_at(RecordFiles& files, const HeadBlock& head, const std::optional<Known>& known,
                     bool from_known) {
  if (from_known) {
    return known->tip;
  }
  auto base = files.base();
  if (!base) {
    return base.error();
  }
  const std::uint64_t oldest =
      std::min(head.checkpoint.size, known ? known->tip.range.size() : head.checkpoint.size);
  return base->size() <= oldest ? Tip{std::move(*base), {}} : Tip{};
}

}  // namespace

void Known::advance(Tip& next, const Digest& root) {
  std::swap(tip, next);
  if (recent.size() == recent_max) {
    recent.erase(recent.begin());
  }
  recent.emplace_back(tip.range.size(), root);
}

std::optional<Digest> Known::root_at(std::uint64_t size) const {
  for (const auto& [at, root] : recent) {
    if (at == size) {
      return root;
    }
  }
  return std::nullopt;
}

Standing compare(std::uint64_t journal_size, const std::optional<Digest>& root_there,
                 const Checkpoint& anchor) {
  if (journal_size < anchor.size) {
    return Standing::behind;
  }
  if (!root_there || *root_there != anchor.root) {
    return Standing::different;
  }
  return journal_size == anchor.size ? Standing::equal : Standing::ahead;
}

Result<Examined> examine(RecordFiles& files, std::span<const VerifyKey> keys, const HeadBlock& head,
                         const std::filesystem::path& head_path, const std::optional<Known>& known,
                         std::span<const Checkpoint> forgiven) {
  auto end = files.end();
  if (!end) {
    return end.error();
  }
  const std::uint64_t known_size = known ? known->tip.range.size() : 0;
  // What this process acknowledged counts as much as head, which may have been rolled back together with the
  // file.
  if (end->entries_end < known_size) {
    return tampered("The journal ends after " + entries(end->entries_end) + ", but " +
                    std::to_string(known_size) + " were recorded: it was replaced by an older one");
  }
  const bool abandons = std::any_of(forgiven.begin(), forgiven.end(), [&head](const Checkpoint& one) {
    return one.size == head.checkpoint.size && one.root == head.checkpoint.root;
  });
  if (end->entries_end < head.checkpoint.size && !abandons) {
    return tampered(refusal_text(Standing::behind, end->entries_end, head.checkpoint, head_path));
  }
  const auto checkpoint = read_checkpoint(*end, keys);
  if (!checkpoint) {
    return checkpoint.error();
  }
  const auto remembered = known ? known->root_at(head.checkpoint.size) : std::nullopt;
  const bool from_known = known && (remembered || head.checkpoint.size >= known_size);
  auto from = begin_at(files, head, known, from_known);
  if (!from) {
    return from.error();
  }
  const std::array<std::uint64_t, 2> sizes = {head.checkpoint.size, known_size};
  auto walked = walk(files, std::move(*from), sizes);
  if (!walked) {
    return walked.error();
  }
  Sha256 sha;
  if (walked->tip.range.root(sha) != checkpoint->root) {
    return altered();
  }
  if (known && root_in(walked->roots, known_size) != known->tip.range.root(sha)) {
    return tampered("The journal is not the one that was written here before: it was replaced");
  }
  const auto there = remembered ? remembered : root_in(walked->roots, head.checkpoint.size);
  const Standing standing = compare(end->entries_end, there, head.checkpoint);
  const bool refused = standing == Standing::behind || standing == Standing::different;
  if (refused && !abandons) {
    return tampered(refusal_text(standing, end->entries_end, head.checkpoint, head_path));
  }
  return Examined{std::move(walked->tip), std::move(end->note),
                  checkpoint->root,       standing,
                  head.checkpoint.size,   refused};
}

std::string refusal_text(Standing standing, std::uint64_t size, const Checkpoint& head,
                         const std::filesystem::path& head_path) {
  if (standing == Standing::behind) {
    return "The journal ends after " + entries(size) + ", but " + head_path.string() + " acknowledged " +
           std::to_string(head.size) + ": the newest " + entries(head.size - size) + " are missing";
  }
  return "The first " + entries(head.size) + " of the journal are not those that " + head_path.string() +
         " acknowledged: the record was altered or replaced";
}

Result<RecordEnd> read_end(RecordFiles& files, std::span<const VerifyKey> keys,
                           std::span<const std::uint64_t> sizes) {
  auto end = files.end();
  if (!end) {
    return end.error();
  }
  const auto checkpoint = read_checkpoint(*end, keys);
  if (!checkpoint) {
    return checkpoint.error();
  }
  auto base = files.base();
  if (!base) {
    return base.error();
  }
  const bool enough =
      std::all_of(sizes.begin(), sizes.end(), [&base](std::uint64_t size) { return base->size() <= size; });
  auto walked = walk(files, enough ? Tip{std::move(*base), {}} : Tip{}, sizes);
  if (!walked) {
    return walked.error();
  }
  Sha256 sha;
  if (walked->tip.range.root(sha) != checkpoint->root) {
    return altered();
  }
  return RecordEnd{std::move(walked->tip), std::move(end->note), checkpoint->root, std::move(walked->roots)};
}

}  // namespace tallygate::audit
