#include "audit/proof/entry_proof.hpp"

#include "audit/journal/tree.hpp"
#include "audit/proof/entry_facts.hpp"
#include "audit/proof/key_chain.hpp"
#include "audit/proof/tlog_proof.hpp"

#include <utility>

namespace tallygate::audit {
namespace {

Failure no(std::string why) {
  return fail(FailureKind::invalid, std::move(why));
}

}  // namespace

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
  const std::string_view body = extra.substr(middle);
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
                     chain->keys.ranges().size() - 1};
}

}  // namespace tallygate::audit
