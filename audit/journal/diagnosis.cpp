#include "audit/journal/diagnosis.hpp"

#include "audit/journal/file.hpp"
#include "audit/journal/head.hpp"
#include "audit/journal/keyring.hpp"
#include "audit/journal/lock.hpp"
#include "audit/journal/provision.hpp"
#include "audit/journal/record_files.hpp"
#include "audit/journal/signing_keys.hpp"
#include "audit/journal/time_text.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr const char* making_suffix = ".making";

struct Keys {
  std::vector<VerifyKey> all;   // of one name
  std::vector<VerifyKey> ring;  // the keyring's, the newest last
};

Keys read_keys(const JournalOptions& options, std::span<const VerifyKey> record_keys, Diagnosis& found) {
  Keys keys;
  const auto ring = SigningKeys::open(options.keyring, options.kek);
  if (ring) {
    keys.ring = ring->verify_keys();
    found.newest_key = ring->newest_vkey();
  } else {
    found.keyring = ring.error();
  }
  keys.all = keys.ring;
  for (const VerifyKey& key : record_keys) {
    if (keys.all.empty() || key.name == keys.all.front().name) {
      keys.all.push_back(key);
    }
  }
  return keys;
}

// The valid blocks of head, the larger one first. Errors say why there is none.
Result<std::vector<Checkpoint>> read_heads(const std::filesystem::path& path,
                                           std::span<const VerifyKey> keys) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, head_block_size * head_blocks> bytes{};
  if (!file) {
    std::error_code error;
    const bool there = std::filesystem::exists(path, error);
    return fail(there ? FailureKind::unreadable : FailureKind::missing,
                path.string() + (there ? ": head cannot be read" : ": head is missing") +
                    "; it holds the newest acknowledged checkpoint");
  }
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  std::vector<Checkpoint> heads;
  for (HeadBlock& block : valid_heads({bytes.data(), static_cast<std::size_t>(file.gcount())}, keys)) {
    heads.push_back(std::move(block.checkpoint));
  }
  if (heads.empty()) {
    return fail(FailureKind::tampered,
                path.string() + ": neither block of head holds a checkpoint by a key of this journal");
  }
  std::sort(heads.begin(), heads.end(),
            [](const Checkpoint& a, const Checkpoint& b) { return a.size > b.size; });
  return heads;
}

// Of other anchors those that a key of the journal signed; what else lies there is for the verifier.
std::vector<Checkpoint> read_elsewhere(std::span<const KeptElsewhere> elsewhere,
                                       std::span<const VerifyKey> keys) {
  std::vector<Checkpoint> checkpoints;
  for (const KeptElsewhere& one : elsewhere) {
    const auto note = parse_note(one.note);
    const auto checkpoint = note && verify_note(*note, keys) ? parse_checkpoint(note->text) : NoteError{};
    if (checkpoint && checkpoint->origin == keys.front().name) {
      checkpoints.push_back(*checkpoint);
    }
  }
  return checkpoints;
}

bool is_there(const RecordEnd& end, const Checkpoint& one) {
  const auto root = end.roots.find(one.size);
  return root != end.roots.end() && root->second == one.root;
}

void give_up(Diagnosis& found, const RecordEnd& end, const Checkpoint& one) {
  const bool listed = std::any_of(
      found.given_up.begin(), found.given_up.end(),
      [&one](const Checkpoint& other) { return other.size == one.size && other.root == one.root; });
  if (!listed && !is_there(end, one)) {
    found.given_up.push_back(one);
  }
}

void hold_against(Diagnosis& found, const RecordEnd& end, const std::vector<Checkpoint>& heads,
                  const std::filesystem::path& path) {
  const Checkpoint& head = heads.front();
  const auto root = end.roots.find(head.size);
  const Standing standing =
      compare(found.size, root == end.roots.end() ? std::nullopt : std::optional(root->second), head);
  found.head = standing;
  found.head_size = head.size;
  if (standing == Standing::behind || standing == Standing::different) {
    found.head_fault = refusal_text(standing, found.size, head, path);
    for (const Checkpoint& block : heads) {
      give_up(found, end, block);
    }
  }
}

bool is_among(std::span<const VerifyKey> keys, const std::string& vkey) {
  return std::any_of(keys.begin(), keys.end(), [&vkey](const VerifyKey& key) { return key.vkey() == vkey; });
}

// Beside its name until it holds the key: a crash leaves no keyring without one.
Result<void> make_keyring(const JournalOptions& options, const Signer& signer, std::uint64_t first) {
  auto kek = load_kek(options.kek);
  if (!kek && kek.error().kind == FailureKind::missing && options.kek.kind == KekSource::Kind::file) {
    if (auto made = create_kek_file(options.kek.name); !made) {
      return made.error();
    }
    kek = load_kek(options.kek);
  }
  if (!kek) {
    return kek.error();
  }
  const std::filesystem::path making = options.keyring.string() + making_suffix;
  if (auto gone = shred_file(making); !gone) {
    return gone.error();
  }
  {
    auto keyring = Keyring::create(making, signer.name());
    auto added = keyring ? keyring->add(signer, first, time_text(options.clock()), *kek)
                         : Result<void>(keyring.error());
    if (!added) {
      return added.error();
    }
  }
  std::error_code error;
  std::filesystem::rename(making, options.keyring, error);
  if (error) {
    return fail(FailureKind::unreadable, options.keyring.string() + ": " + error.message());
  }
  const auto folder = options.keyring.parent_path();
  return sync_folder(folder.empty() ? std::filesystem::path(".") : folder);
}

}  // namespace

Result<Diagnosis> diagnose(const JournalOptions& options, std::span<const VerifyKey> record_keys,
                           std::span<const KeptElsewhere> elsewhere) {
  const auto lock = Lock::acquire(options.journal);
  if (!lock) {
    return lock.error();
  }
  Diagnosis found;
  const Keys keys = read_keys(options, record_keys, found);
  if (keys.all.empty()) {
    return fail(FailureKind::tampered,
                options.journal.string() + ": neither the record nor the keyring has a key to read it by");
  }
  found.origin = keys.all.front().name;
  const auto path = head_file(options.head);
  const auto heads = read_heads(path, keys.all);
  if (!heads && heads.error().kind == FailureKind::unreadable) {
    return heads.error();
  }
  const auto others = read_elsewhere(elsewhere, keys.all);
  std::vector<std::uint64_t> sizes;
  for (const auto& list : {heads ? *heads : std::vector<Checkpoint>(), others}) {
    for (const Checkpoint& one : list) {
      sizes.push_back(one.size);
    }
  }
  auto files = RecordFiles::open(options.journal, found.origin, options.vfs);
  const auto end = files ? read_end(*files, keys.all, sizes) : Result<RecordEnd>(files.error());
  if (!end) {
    return end.error();
  }
  found.size = end->tip.range.size();
  found.root = end->root;
  const auto note = parse_note(end->note);
  found.in_turn = note && !keys.ring.empty() && may_go_on(*note, keys.ring);
  found.key_served = !found.in_turn && is_among(record_keys, found.newest_key);
  if (heads) {
    hold_against(found, *end, *heads, path);
  } else {
    found.head_fault = heads.error().message;
  }
  for (const Checkpoint& one : others) {
    give_up(found, *end, one);
  }
  return found;
}

Result<std::string> make_new_key(const JournalOptions& options, const Diagnosis& diagnosis) {
  const auto lock = Lock::acquire(options.journal);
  if (!lock) {
    return lock.error();
  }
  if (!diagnosis.keyring) {
    if (diagnosis.in_turn || !diagnosis.key_served) {
      return fail(FailureKind::invalid, "the keyring holds a key that may sign: no new one is needed");
    }
    auto keys = SigningKeys::open(options.keyring, options.kek);
    return keys ? keys->prepare(diagnosis.size, options.clock()) : Result<std::string>(keys.error());
  }
  std::error_code error;
  if (std::filesystem::exists(std::filesystem::symlink_status(options.keyring, error))) {
    return fail(FailureKind::exists, options.keyring.string() +
                                         ": it cannot be opened, and is not overwritten: move it elsewhere");
  }
  const auto signer = Signer::generate(diagnosis.origin);
  if (!signer) {
    return signer.error();
  }
  if (auto made = make_keyring(options, *signer, diagnosis.size); !made) {
    return made.error();
  }
  return signer->vkey();
}

}  // namespace tallygate::audit
