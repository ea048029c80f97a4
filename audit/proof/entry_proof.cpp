#include "audit/proof/entry_proof.hpp"

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/tree.hpp"
#include "audit/proof/charter_check.hpp"
#include "audit/proof/entry_facts.hpp"

#include <array>
#include <utility>

namespace tallygate::audit {
namespace {

Failure no(std::string why) {
  return fail(FailureKind::invalid, std::move(why));
}

// The checkpoint, where the journal's key signed it.
Result<Checkpoint> signed_checkpoint(std::string_view bytes, const CharterEntry& charter) {
  const auto note = parse_note(bytes);
  if (!note) {
    return no("the checkpoint is not a signed note: " + note.error().message);
  }
  const std::array keys = {charter.key};
  if (const auto signers = verify_note(*note, keys); !signers) {
    return no("the checkpoint is not signed by the key that the charter names: " + signers.error().message);
  }
  auto checkpoint = parse_checkpoint(note->text);
  if (!checkpoint) {
    return no("the signed note is no checkpoint: " + checkpoint.error().message);
  }
  if (checkpoint->origin != charter.charter.origin) {
    return no("the checkpoint is of another journal, " + checkpoint->origin);
  }
  return std::move(*checkpoint);
}

// Every byte of a proof counts: nothing but the two members stands in this line.
std::string charter_line(std::string_view charter, std::string_view signature) {
  std::string line = "{\"charter\":";
  line.append(charter).append(",\"signature\":").append(signature).append("}\n");
  return line;
}

// The charter of the first line, where the provisioning key stands behind it.
Result<CharterEntry> sound_charter(std::string_view line, const RootKey& root) {
  std::array members = {WantedMember{"charter", {}}, WantedMember{"signature", {}}};
  if (check_canonical_object(line.substr(0, line.size() - 1), members) ||
      charter_line(members[0].json, members[1].json) != line) {
    return no("the proof does not carry the journal's charter");
  }
  auto charter = read_charter(members[0].json, json_string(members[1].json).value_or(std::string()), root);
  if (charter && !charter->fault.empty()) {
    return no(charter->fault);
  }
  return charter;
}

}  // namespace

Result<std::string> proof_extra(std::string_view entry_0, std::string_view body) {
  std::array members = {WantedMember{"charter", {}}, WantedMember{"signature", {}}};
  if (check_canonical_object(entry_0, members) || members[0].json.empty()) {
    return fail(FailureKind::tampered, "entry 0 holds no charter");
  }
  return charter_line(members[0].json, members[1].json) + std::string(body);
}

Result<ProvenEntry> check_entry_proof(std::string_view bytes, const RootKey& root) {
  const auto proof = parse_tlog_proof(bytes);
  if (!proof) {
    return proof.error();
  }
  const std::size_t middle = proof->extra.find('\n');
  if (middle == std::string::npos) {
    return no("the proof does not carry its entry and the journal's charter");
  }
  const std::string body = proof->extra.substr(middle + 1);
  const auto charter = sound_charter(std::string_view(proof->extra).substr(0, middle + 1), root);
  if (!charter) {
    return charter.error();
  }
  const auto checkpoint = signed_checkpoint(proof->checkpoint, *charter);
  if (!checkpoint) {
    return checkpoint.error();
  }
  const auto facts = read_entry(body);
  if (!facts) {
    return no("what it carries is no entry: " + facts.error().detail);
  }
  if (facts->seq != proof->index) {
    return no("the entry says it is number " + std::to_string(facts->seq) + ", the proof is for " +
              std::to_string(proof->index));
  }
  Sha256 sha;
  if (!verify_inclusion(sha, proof->index, checkpoint->size, sha.leaf(body), proof->path, checkpoint->root)) {
    return no("the entry is not in the tree that the checkpoint signs");
  }
  return ProvenEntry{charter->charter.origin, charter->charter.journal, proof->index,       body,
                     checkpoint->size,        checkpoint->root,         charter->key.vkey()};
}

}  // namespace tallygate::audit
