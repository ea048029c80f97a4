#include "audit/proof/entry_proof.hpp"

#include "audit/journal/tree.hpp"
#include "audit/proof/entry_facts.hpp"
#include "audit/proof/key_chain.hpp"
#include "audit/proof/proof_lines.hpp"
#include "audit/proof/tlog_proof.hpp"

#include <utility>

namespace tallygate::audit {
namespace {

Failure no(std::string why) {
  return fail(FailureKind::invalid, std::move(why));
}

constexpr std::string_view after_word = "after ";

// What is said of the record that a grant was for, taken off the front of `rest`.
Result<std::optional<std::vector<Digest>>> take_after(std::string_view& rest) {
  if (!rest.starts_with(after_word)) {
    return std::optional<std::vector<Digest>>();
  }
  const std::size_t end = rest.find('\n');
  auto path = end == std::string_view::npos
                  ? std::nullopt
                  : parse_hashes(rest.substr(after_word.size(), end - after_word.size()));
  if (!path) {
    return no("what stands behind \"after\" are no hashes");
  }
  rest.remove_prefix(end + 1);
  return path;
}

// Whether the key has a say about the entry; gives what is to be said of that.
Result<std::string> judge_turn(const KeyRange& key, std::uint64_t index, const Checkpoint& signed_tree,
                               const std::optional<std::vector<Digest>>& path) {
  // The first key is in force from the first entry on; any other one from the entry after its own.
  const bool in_force = key.from == 1 || index >= key.from;
  const bool says_after = !in_force && key.granted && key.after;
  if (!in_force && !key.granted) {
    return no("the key that signed took over at size " + std::to_string(key.from) +
              ": it has no say about entry " + std::to_string(index) + ", which was recorded before");
  }
  if (path.has_value() != says_after) {
    return no(says_after ? "it does not show that the record goes on from the one that the key's grant names"
                         : "it speaks of the record of a grant, and rests on none");
  }
  Sha256 sha;
  if (says_after &&
      !verify_consistency(sha, key.after->size, signed_tree.size, key.after->root, signed_tree.root, *path)) {
    return no("the record that the key's grant names is not the beginning of the one that is signed");
  }
  if (in_force || (says_after && index < key.after->size)) {
    return std::string();
  }
  return "the entry was recorded before the key that signed took over by a grant" +
         std::string(says_after ? ", and after the record that the grant names"
                                : " that does not say after which record") +
         ": that key alone vouches for it";
}

}  // namespace

std::string after_line(const std::vector<Digest>& path) {
  return std::string(after_word) + hashes_text(path) + '\n';
}

Result<ProvenEntry> check_entry_proof(std::string_view bytes, const RootKey& root) {
  const auto proof = parse_tlog_proof(bytes);
  if (!proof) {
    return proof.error();
  }
  const std::string_view extra = proof->extra;
  const std::size_t middle = key_lines_size(extra);
  if (middle == 0) {
    return no("the proof does not carry its entry and the journal's charter");
  }
  const auto chain = read_key_chain(extra.substr(0, middle), root);
  if (!chain) {
    return chain.error();
  }
  std::string_view body = extra.substr(middle);
  const auto after = take_after(body);
  if (!after) {
    return after.error();
  }
  const auto checkpoint = read_signed_checkpoint(proof->checkpoint, *chain);
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
  auto remark =
      judge_turn(chain->keys.ranges()[checkpoint->signer], proof->index, checkpoint->checkpoint, *after);
  if (!remark) {
    return remark.error();
  }
  const auto& [origin, size, tree, extensions] = checkpoint->checkpoint;
  Sha256 sha;
  if (!verify_inclusion(sha, proof->index, size, sha.leaf(body), proof->path, tree)) {
    return no("the entry is not in the tree that the checkpoint signs");
  }
  return ProvenEntry{origin,
                     chain->charter.charter.journal,
                     proof->index,
                     std::string(body),
                     size,
                     tree,
                     checkpoint->signed_by,
                     chain->keys.ranges().size() - 1,
                     std::move(*remark)};
}

}  // namespace tallygate::audit
