#include "audit/journal/startup.hpp"

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
Result<Checkpoint> read_checkpoint(const SegmentEnd& end, const VerifyKey& key) {
  if (end.entries_end == 0 || end.entries_end != end.checkpoint_size) {
    return tampered("The journal has " + entries(end.entries_end) + " but its newest checkpoint covers " +
                    std::to_string(end.checkpoint_size));
  }
  const auto note = parse_note(end.note);
  if (!note) {
    return tampered("The journal's newest checkpoint cannot be read: " + note.error().message);
  }
  if (const auto signers = verify_note(*note, std::span(&key, 1)); !signers) {
    return tampered("The journal's newest checkpoint is not signed by " + key.vkey() + ": " +
                    signers.error().message);
  }
  auto checkpoint = parse_checkpoint(note->text);
  if (!checkpoint) {
    return tampered("The journal's newest checkpoint cannot be read: " + checkpoint.error().message);
  }
  if (checkpoint->origin != key.name || checkpoint->size != end.checkpoint_size) {
    return tampered("The journal's newest checkpoint is for another journal or size");
  }
  return std::move(*checkpoint);
}

struct Walk {
  Tip tip;
  std::optional<Digest> root_at_head;
  std::optional<Digest> root_at_known;
};

Result<Walk> walk(Segment& segment, Tip from, std::uint64_t head_size, std::uint64_t known_size) {
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
  const auto read = segment.read(walk.tip.range.size(), [&](std::uint64_t, std::string_view body) {
    walk.tip.last = sha.leaf(body);
    walk.tip.range.append(sha, walk.tip.last);
    look();
  });
  if (!read) {
    return read.error();
  }
  return walk;
}

Result<void> refuse(Standing standing, std::uint64_t size, const HeadBlock& head,
                    const std::filesystem::path& path) {
  const std::uint64_t acknowledged = head.checkpoint.size;
  if (standing == Standing::behind) {
    return tampered("The journal ends after " + entries(size) + ", but " + path.string() + " acknowledged " +
                    std::to_string(acknowledged) + ": the newest " + entries(acknowledged - size) +
                    " are missing");
  }
  if (standing == Standing::different) {
    return tampered("The first " + entries(acknowledged) + " of the journal are not those that " +
                    path.string() + " acknowledged: the record was altered or replaced");
  }
  return {};
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

Result<Examined> examine(Segment& segment, const VerifyKey& key, const HeadBlock& head,
                         const std::filesystem::path& head_path, const std::optional<Known>& known) {
  auto end = segment.end();
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
  if (end->entries_end < head.checkpoint.size) {
    return refuse(Standing::behind, end->entries_end, head, head_path).error();
  }
  const auto checkpoint = read_checkpoint(*end, key);
  if (!checkpoint) {
    return checkpoint.error();
  }
  const auto remembered = known ? known->root_at(head.checkpoint.size) : std::nullopt;
  const bool from_known = known && (remembered || head.checkpoint.size >= known_size);
  auto walked = walk(segment, from_known ? known->tip : Tip{}, head.checkpoint.size, known_size);
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
  if (auto good = refuse(standing, end->entries_end, head, head_path); !good) {
    return good.error();
  }
  return Examined{std::move(walked->tip), std::move(end->note), checkpoint->root, standing,
                  head.checkpoint.size};
}

}  // namespace tallygate::audit
