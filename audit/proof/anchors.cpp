#include "audit/proof/anchors.hpp"

#include "audit/journal/file.hpp"
#include "audit/journal/head.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace tallygate::audit {
namespace {

namespace fs = std::filesystem;

enum class Standing { agrees, different, ahead, unsigned_, revoked };

struct Judged {
  Standing standing = Standing::unsigned_;
  const KeyRange* revoked = nullptr;  // the key that signed, where its signature does not count
};

Result<std::string> read_bytes(const fs::path& file, std::size_t bytes_max) {
  const auto opened = open_to_read(file);
  if (!opened) {
    return opened.error();
  }
  std::string bytes(bytes_max, '\0');
  std::size_t size = 0;
  while (size < bytes_max) {
    const ssize_t got = ::read(opened->get(), bytes.data() + size, bytes_max - size);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return fail(FailureKind::unreadable, file.string() + ": cannot be read: " + errno_text(errno));
    }
    if (got == 0) {
      break;
    }
    size += static_cast<std::size_t>(got);
  }
  bytes.resize(size);
  return bytes;
}

Anchor anchor_of(std::string name, std::string bytes) {
  Anchor anchor{std::move(name), std::move(bytes), std::nullopt, {}};
  const auto note = parse_note(anchor.bytes);
  if (!note) {
    anchor.fault = note.error().message;
    return anchor;
  }
  auto checkpoint = parse_checkpoint(note->text);
  if (!checkpoint) {
    anchor.fault = checkpoint.error().message;
    return anchor;
  }
  anchor.checkpoint = std::move(*checkpoint);
  return anchor;
}

Judged judge(const Anchor& anchor, const Checkpoint& checkpoint, const AnchorGround& ground) {
  const auto is_it = [&checkpoint](const Abandoned& one) {
    return one.size == checkpoint.size && one.root == checkpoint.root;
  };
  if (std::any_of(ground.abandoned.begin(), ground.abandoned.end(), is_it)) {
    return {Standing::agrees};  // the provisioning key itself named it
  }
  const auto note = parse_note(anchor.bytes);
  if (!note || checkpoint.origin != ground.origin) {
    return {};
  }
  const SignatureVerdict verdict = ground.keys.judge(*note, checkpoint.size);
  const bool only_revoked =
      std::all_of(verdict.faults.begin(), verdict.faults.end(),
                  [](const SignatureFault& fault) { return fault.what == std::string_view("key-revoked"); });
  if (verdict.revoked && !verdict.signer && only_revoked) {
    return {Standing::revoked, &ground.keys.ranges()[*verdict.revoked]};
  }
  // A key that the record does not know may have been known to the part that is missing.
  const bool unknown_key = checkpoint.size > ground.entries_end && !verdict.unknown_ids.empty();
  const bool trusted = verdict.faults.empty() && verdict.signer;
  if (!trusted && !unknown_key) {
    return {};
  }
  if (checkpoint.size > ground.entries_end) {
    return {Standing::ahead};
  }
  return {ground.root_at(checkpoint.size) == checkpoint.root ? Standing::agrees : Standing::different};
}

std::string size_text(const Checkpoint& checkpoint) {
  return "size " + std::to_string(checkpoint.size);
}

// What is to be said of a checkpoint whose signature does not count.
std::string revoked_text(const Checkpoint& checkpoint, const KeyRange& key, const AnchorGround& ground) {
  const auto root = ground.root_at(checkpoint.size);
  const std::string why = key.revoked_from != KeyRange::never
                              ? "entry " + std::to_string(key.revoked_at) + " revoked from size " +
                                    std::to_string(key.revoked_from) + " on"
                              : std::string("took over from a key whose signatures no longer counted");
  return "of " + size_text(checkpoint) + " is signed by " + key.key.vkey() + ", which " + why +
         ": it proves nothing; " +
         (!root                      ? "whether the record had its root is not known"
          : *root == checkpoint.root ? "the record has the same root at that size"
                                     : "the record has another root at that size");
}

// An anchor of what a recovery gave up cannot be told from one that an attacker contradicts, unless the
// provisioning key names it too. Where it may be that, it is said how.
std::string may_be_given_up(const Checkpoint& checkpoint, const AnchorGround& ground) {
  for (const Abandoned& one : ground.abandoned) {
    if (checkpoint.size > one.kept && checkpoint.size <= one.size) {
      return "; entry " + std::to_string(one.seq) + " gave up what had followed the first " +
             std::to_string(one.kept) +
             " entries: where this anchor is of that, a grant lets it go, which "
             "tallygate audit recover --anchors DIR names";
    }
  }
  return {};
}

}  // namespace

std::vector<Anchor> head_anchors(std::string_view bytes) {
  std::vector<Anchor> blocks;
  for (std::size_t i = 0; i < head_blocks && i * head_block_size < bytes.size(); ++i) {
    std::string_view block = bytes.substr(i * head_block_size, head_block_size);
    const std::size_t last = block.find_last_not_of('\0');
    block = block.substr(0, last == std::string_view::npos ? 0 : last + 1);
    Anchor anchor = anchor_of("head", std::string(block));
    if (anchor.checkpoint) {
      blocks.push_back(std::move(anchor));
    }
  }
  return blocks;
}

Result<std::optional<std::vector<Anchor>>> read_head_anchors(const fs::path& file) {
  std::error_code error;
  if (!fs::exists(file, error) && !error) {
    return std::optional<std::vector<Anchor>>();
  }
  const auto bytes = read_bytes(file, head_block_size * head_blocks);
  if (!bytes) {
    return bytes.error();
  }
  return std::optional(head_anchors(*bytes));
}

Result<std::vector<Anchor>> read_anchor_folder(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> files;
  fs::directory_iterator entries(folder, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    std::error_code ignored;
    if (!entries->is_directory(ignored) && !entries->path().filename().string().starts_with('.')) {
      files.push_back(entries->path());
    }
  }
  if (error) {
    return fail(FailureKind::missing,
                folder.string() + ": cannot read the folder of anchors: " + error.message());
  }
  std::sort(files.begin(), files.end());
  std::vector<Anchor> anchors;
  for (const fs::path& file : files) {
    std::error_code ignored;
    if (!fs::is_regular_file(file, ignored)) {
      anchors.push_back(
          {file.filename().string(), {}, std::nullopt, "it is no regular file, and was not read"});
      continue;
    }
    auto bytes = read_bytes(file, note_bytes_max + 1);
    if (!bytes) {
      return bytes.error();
    }
    anchors.push_back(anchor_of(file.filename().string(), std::move(*bytes)));
  }
  return anchors;
}

Result<Anchor> read_anchor_file(const fs::path& file, std::string name) {
  std::error_code error;
  if (!fs::exists(file, error)) {
    return fail(FailureKind::missing, file.string() + ": no such file");
  }
  auto bytes = read_bytes(file, note_bytes_max + 1);
  if (!bytes) {
    return bytes.error();
  }
  Anchor anchor = anchor_of(std::move(name), std::move(*bytes));
  if (!anchor.checkpoint) {
    return fail(FailureKind::invalid, file.string() + ": not a checkpoint note: " + anchor.fault);
  }
  return anchor;
}

void judge_head(const std::optional<std::vector<Anchor>>& blocks, const AnchorGround& ground,
                Findings& findings, std::vector<AnchorReport>& reports, std::vector<std::string>& remarks) {
  const std::uint64_t end = ground.entries_end;
  if (!blocks) {
    findings.add(end, "head-missing",
                 "the head file is missing: nothing tells whether the newest entries are there");
    return;
  }
  if (blocks->empty()) {
    findings.add(end, "head-torn", "no block of the head file is a whole checkpoint");
    return;
  }
  if (ground.keys.ranges().empty()) {
    // What is wrong with the charter is a finding of its own; nothing follows from it about head.
    remarks.emplace_back("head cannot be judged: no key of the journal is known, for want of its charter");
    return;
  }
  const Checkpoint* newest = nullptr;
  Judged judged;
  std::uint64_t claimed = 0;
  for (const Anchor& block : *blocks) {
    if (!block.checkpoint) {
      continue;
    }
    const Checkpoint& checkpoint = *block.checkpoint;
    claimed = std::max(claimed, checkpoint.size);
    const Judged here = judge(block, checkpoint, ground);
    if (here.standing != Standing::unsigned_ && (newest == nullptr || checkpoint.size > newest->size)) {
      newest = &checkpoint;
      judged = here;
    }
  }
  if (newest == nullptr) {
    findings.add(end, "head-forged", "no key of the journal signed the checkpoint in the head file");
    reports.push_back({"head", claimed, false});
    return;
  }
  const Checkpoint& head = *newest;
  const Standing standing = judged.standing;
  reports.push_back({"head", head.size, standing == Standing::agrees});
  if (standing == Standing::ahead) {
    findings.add(end, "tail-cut",
                 "head acknowledged " + size_text(head) + ", the journal ends at " + std::to_string(end) +
                     ": the newest " + std::to_string(head.size - end) + " entries are missing");
  } else if (standing == Standing::different) {
    findings.add(head.size == 0 ? 0 : head.size - 1, "head-differs",
                 "head acknowledged another record at " + size_text(head) + " than the one that is here");
  } else if (standing == Standing::revoked) {
    findings.add(std::min(head.size, end + 1) - 1, "head-revoked",
                 "head " + revoked_text(head, *judged.revoked, ground));
  } else if (head.size < end) {
    remarks.push_back("head is " + std::to_string(end - head.size) +
                      " entries behind the journal and consistent with it");
  }
}

void judge_anchor(const Anchor& anchor, const AnchorGround& ground, Findings& findings,
                  std::vector<AnchorReport>& reports, std::vector<std::string>& remarks) {
  if (!anchor.checkpoint) {
    findings.add(ground.entries_end, "anchor-unreadable", "anchor " + anchor.name + ": " + anchor.fault);
    reports.push_back({anchor.name, 0, false});
    return;
  }
  const Checkpoint& checkpoint = *anchor.checkpoint;
  if (ground.keys.ranges().empty()) {
    reports.push_back({anchor.name, checkpoint.size, false});  // as with head: it is not the anchor's fault
    return;
  }
  const auto [standing, revoked] = judge(anchor, checkpoint, ground);
  reports.push_back({anchor.name, checkpoint.size, standing == Standing::agrees});
  const std::uint64_t seq = checkpoint.size == 0 ? 0 : std::min(checkpoint.size, ground.entries_end + 1) - 1;
  if (standing == Standing::unsigned_) {
    findings.add(seq, "anchor-forged", "anchor " + anchor.name + ": no key of this journal signed it");
  } else if (standing == Standing::revoked) {
    const std::string text = "anchor " + anchor.name + " " + revoked_text(checkpoint, *revoked, ground);
    if (checkpoint.size <= ground.proven_size && ground.root_at(checkpoint.size) == checkpoint.root) {
      remarks.push_back(text);
    } else {
      findings.add(seq, "anchor-revoked", text);
    }
  } else if (standing == Standing::ahead) {
    findings.add(ground.entries_end, "tail-cut",
                 "anchor " + anchor.name + " is of " + size_text(checkpoint) + ", the journal ends at " +
                     std::to_string(ground.entries_end) + may_be_given_up(checkpoint, ground));
  } else if (standing == Standing::different) {
    findings.add(seq, "anchor-differs",
                 "anchor " + anchor.name + " saw another record at " + size_text(checkpoint) +
                     " than the one that is here" + may_be_given_up(checkpoint, ground));
  }
}

}  // namespace tallygate::audit
