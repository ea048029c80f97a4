#include "audit/proof/key_chain.hpp"

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/tree.hpp"
#include "audit/proof/entry_facts.hpp"
#include "audit/proof/grant_check.hpp"
#include "audit/proof/key_entries.hpp"
#include "audit/proof/proof_lines.hpp"

#include <array>
#include <span>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr std::string_view key_word = "key ";

Failure no(std::string why) {
  return fail(FailureKind::invalid, std::move(why));
}

Failure no_rotation(std::uint64_t seq, const std::string& why) {
  return no("the rotation of entry " + std::to_string(seq) + " does not hold: " + why);
}

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// Every byte of a proof counts: nothing but the two members stands in this line.
std::string line_of(std::string_view charter, std::string_view signature) {
  std::string line = "{\"charter\":";
  line.append(charter).append(",\"signature\":").append(signature).append("}\n");
  return line;
}

// The charter of the first line, where the provisioning key stands behind it.
Result<CharterEntry> sound_charter(std::string_view line, const RootKey& root) {
  std::array members = {WantedMember{"charter", {}}, WantedMember{"signature", {}}};
  if (line.empty() || check_canonical_object(line.substr(0, line.size() - 1), members) ||
      line_of(members[0].json, members[1].json) != line) {
    return no("the proof does not carry the journal's charter");
  }
  auto charter = read_charter(members[0].json, json_string(members[1].json).value_or(std::string()), root);
  if (charter && !charter->fault.empty()) {
    return no(charter->fault);
  }
  return charter;
}

Result<TlogProof> rotation_proof(std::string_view line) {
  const auto bytes = base64_decode(line.substr(key_word.size()), tlog_proof_bytes_max);
  if (!bytes) {
    return no("what stands behind \"key\" is not base64");
  }
  auto proof = parse_tlog_proof({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  if (!proof) {
    return no("what stands behind \"key\" is no proof: " + proof.error().message);
  }
  return proof;
}

// Takes up the next key, where the line shows that it was its turn.
Result<void> take_rotation(KeyChain& chain, GrantBook& grants, std::string_view line) {
  const auto proof = rotation_proof(line);
  if (!proof) {
    return proof.error();
  }
  const std::uint64_t seq = proof->index;
  const std::string& body = proof->extra;
  const auto facts = read_entry(body);
  if (!facts || facts->role != Role::rotate || facts->seq != seq) {
    return no_rotation(seq, "it does not carry the key.rotate of that number");
  }
  auto rotation = read_rotation(body);
  if (!rotation.key || rotation.key->name != chain.charter.charter.origin || rotation.size != seq + 1) {
    return no_rotation(seq, "it does not name a key of the journal and the size " + std::to_string(seq + 1));
  }
  if (!rotation.is_sound()) {
    return no_rotation(seq, "it does not name what is before it that its grant is for");
  }
  if (rotation.carries_grant) {
    if (const auto granted = grants.use(body, "key.rotate", facts->time_ns); !granted) {
      return no_rotation(seq, granted.error().detail);
    }
  }
  const std::optional<Prefix> after = rotation.carries_grant ? rotation.after : std::nullopt;
  if (*rotation.size <= chain.keys.ranges().back().from ||
      !chain.keys.rotate(std::move(*rotation.key), *rotation.size, rotation.carries_grant, after)) {
    return no_rotation(seq, "it comes after a later one, or brings back a key that served before");
  }
  const auto at = read_signed_checkpoint(proof->checkpoint, chain);
  if (!at) {
    return no_rotation(seq, at.error().message);
  }
  Sha256 sha;
  if (at->checkpoint.size != seq + 1 ||
      !verify_inclusion(sha, seq, seq + 1, sha.leaf(body), proof->path, at->checkpoint.root)) {
    return no_rotation(seq, "the entry is not the last one in the tree that its checkpoint signs");
  }
  if (after) {
    chain.prefixes.push_back(*after);
  }
  chain.prefixes.push_back({at->checkpoint.size, at->checkpoint.root});
  return {};
}

}  // namespace

Result<std::string> charter_line(std::string_view entry_0) {
  std::array members = {WantedMember{"charter", {}}, WantedMember{"signature", {}}};
  if (check_canonical_object(entry_0, members) || members[0].json.empty()) {
    return fail(FailureKind::tampered, "entry 0 holds no charter");
  }
  return line_of(members[0].json, members[1].json);
}

std::string rotation_line(const TlogProof& proof) {
  return std::string(key_word) + base64_encode(bytes_of(format_tlog_proof(proof))) + '\n';
}

std::size_t key_lines_size(std::string_view text) {
  std::size_t end = text.find('\n') + 1;  // 0 where there is none
  while (end != 0 && text.substr(end).starts_with(key_word)) {
    const std::size_t next = text.find('\n', end);
    if (next == std::string_view::npos) {
      break;
    }
    end = next + 1;
  }
  return end;
}

Result<KeyChain> read_key_chain(std::string_view lines, const RootKey& root) {
  const std::size_t first = lines.find('\n') + 1;
  auto charter = sound_charter(lines.substr(0, first), root);
  if (!charter) {
    return charter.error();
  }
  GrantBook grants(charter->charter.journal, charter->root);
  KeyRanges keys(charter->key);
  KeyChain chain{std::move(*charter), std::move(keys)};
  for (lines.remove_prefix(first); !lines.empty();) {
    const std::size_t end = lines.find('\n');
    const std::string_view line = lines.substr(0, end);
    if (end == std::string_view::npos || !line.starts_with(key_word)) {
      return no("expected a line that begins with \"key\"");
    }
    if (const auto taken = take_rotation(chain, grants, line); !taken) {
      return taken.error();
    }
    lines.remove_prefix(end + 1);
  }
  return chain;
}

Result<SignedCheckpoint> read_signed_checkpoint(std::string_view bytes, const KeyChain& chain) {
  const auto note = parse_note(bytes);
  if (!note) {
    return no("the checkpoint is not a signed note: " + note.error().message);
  }
  auto checkpoint = parse_checkpoint(note->text);
  if (!checkpoint) {
    return no("the signed note is no checkpoint: " + checkpoint.error().message);
  }
  if (checkpoint->origin != chain.charter.charter.origin || !checkpoint->extensions.empty()) {
    return no("the checkpoint is not one of this journal, but of " + checkpoint->origin);
  }
  const SignatureVerdict verdict = chain.keys.judge(*note, checkpoint->size);
  if (!verdict.faults.empty()) {
    return no("the checkpoint does not count: " + verdict.faults.front().detail);
  }
  if (!verdict.unknown_ids.empty() || !verdict.signer) {
    return no("the checkpoint is signed by a key that nothing establishes");
  }
  return SignedCheckpoint{std::move(*checkpoint), chain.keys.ranges()[*verdict.signer].key.vkey(),
                          *verdict.signer};
}

Result<void> check_prefixes(const KeyChain& chain, const Checkpoint& checkpoint, std::string_view lines) {
  ProofLines rest(lines);
  Sha256 sha;
  for (const auto& [size, root] : chain.prefixes) {
    const auto line = rest.next();
    const auto path = line ? parse_hashes(*line) : std::nullopt;
    if (!path) {
      return rest.wrong("expected the hashes that lead from the tree of " + std::to_string(size) +
                        " entries");
    }
    if (!verify_consistency(sha, size, checkpoint.size, root, checkpoint.root, *path)) {
      return no("the tree of " + std::to_string(size) +
                " entries, which came before the last key, is not the beginning of the one of " +
                std::to_string(checkpoint.size));
    }
  }
  return rest.rest().empty() ? Result<void>() : no("more is proven than the trees that the keys rest on");
}

}  // namespace tallygate::audit
