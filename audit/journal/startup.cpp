#include "audit/journal/startup.hpp"

#include <algorithm>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr std::string_view way_out =
    " Nothing is served until the newest files are put back, or until: tallygate audit recover --grant F";

std::string entries(std::uint64_t count) {
  return std::to_string(count) + (count == 1 ? " entry" : " entries");
}

Failure tampered(std::string message) {
  return fail(FailureKind::tampered, std::move(message) + "." + std::string(way_out));
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
  std::optional<Digest> root_at_head;
  std::optional<Digest> root_at_known;
};

Result<Walk> walk(RecordFiles& files, Tip from, std::uint64_t head_size, std::uint64_t known_size) {
  Sha256 sha;
  Walk walk{std::move(from), std::nullopt, std::nullopt};
  const auto look = [&] {
    if (walk.tip.range.size() == head_size) {
      walk.root_at_head = walk.tip.range.root(sha);
    }
    if (walk.tip.range.size() == known_size) {
      walk.root_at_known = walk.tip.range.root(sha);
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

Failure refuse(Standing standing, std::uint64_t size, const HeadBlock& head,
               const std::filesystem::path& path) {
  const std::uint64_t acknowledged = head.checkpoint.size;
  if (standing == Standing::behind) {
    return tampered("The journal ends after " + entries(size) + ", but " + path.string() + " acknowledged " +
                    std::to_string(acknowledged) + ": the newest " + entries(acknowledged - size) +
                    " are missing");
  }
  return tampered("The first " + entries(acknowledged) + " of the journal are not those that " +
                  path.string() + " acknowledged: the record was altered or replaced");
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
                         const std::optional<Checkpoint>& forgiven) {
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
  const bool abandons =
      forgiven && forgiven->size == head.checkpoint.size && forgiven->root == head.checkpoint.root;
  if (end->entries_end < head.checkpoint.size && !abandons) {
    return refuse(Standing::behind, end->entries_end, head, head_path);
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
  auto walked = walk(files, std::move(*from), head.checkpoint.size, known_size);
  if (!walked) {
    return walked.error();
  }
  if (remembered) {
    walked->root_at_head = remembered;
  }
  Sha256 sha;
  if (walked->tip.range.root(sha) != checkpoint->root) {
    return tampered(
        "The journal's entries do not have the root that its newest checkpoint signs: one was altered");
  }
  if (known && walked->root_at_known != known->tip.range.root(sha)) {
    return tampered("The journal is not the one that was written here before: it was replaced");
  }
  const Standing standing = compare(end->entries_end, walked->root_at_head, head.checkpoint);
  const bool refused = standing == Standing::behind || standing == Standing::different;
  if (refused && !abandons) {
    return refuse(standing, end->entries_end, head, head_path);
  }
  return Examined{std::move(walked->tip), std::move(end->note),
                  checkpoint->root,       standing,
                  head.checkpoint.size,   refused};
}

}  // namespace tallygate::audit
