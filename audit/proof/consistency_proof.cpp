#include "audit/proof/consistency_proof.hpp"

#include "audit/journal/tree.hpp"
#include "audit/proof/key_chain.hpp"
#include "audit/proof/proof_lines.hpp"
#include "audit/proof/tlog_proof.hpp"

#include <utility>

namespace tallygate::audit {
namespace {

constexpr std::string_view magic = "tallygate consistency-proof v1";
constexpr std::string_view extra_word = "extra ";
constexpr std::string_view old_word = "old ";

Failure no(std::string why) {
  return fail(FailureKind::invalid, std::move(why));
}

// The payload of the next line, which must begin with `word`.
Result<std::string> next_payload(ProofLines& lines, std::string_view word) {
  const auto line = lines.next();
  if (!line || !line->starts_with(word)) {
    return lines.wrong("expected \"" + std::string(word.substr(0, word.size() - 1)) + "\" and base64");
  }
  return lines.payload(*line, word);
}

Result<ProvenTree> signed_tree(std::string_view note, const KeyChain& chain, const char* which) {
  auto read = read_signed_checkpoint(note, chain);
  if (!read) {
    return no(std::string(which) + ": " + read.error().message);
  }
  return ProvenTree{read->checkpoint.size, read->checkpoint.root, std::move(read->signed_by)};
}

}  // namespace

std::string format_consistency_proof(const ConsistencyProof& proof) {
  std::string out(magic);
  out += '\n';
  append_payload(out, extra_word, proof.keys);
  append_payload(out, old_word, proof.older);
  append_path(out, proof.path);
  out += proof.newer;
  return out;
}

Result<ConsistencyProof> parse_consistency_proof(std::string_view bytes) {
  if (bytes.size() > tlog_proof_bytes_max) {
    return no("longer than a proof can be");
  }
  ProofLines lines(bytes);
  if (lines.next() != magic) {
    return no("not a proof of consistency (its first line must be \"" + std::string(magic) + "\")");
  }
  auto keys = next_payload(lines, extra_word);
  if (!keys) {
    return keys.error();
  }
  auto older = next_payload(lines, old_word);
  if (!older) {
    return older.error();
  }
  auto path = lines.path(consistency_path_max);
  if (!path) {
    return path.error();
  }
  return ConsistencyProof{std::move(*keys), std::move(*older), std::move(*path), std::string(lines.rest())};
}

Result<ProvenConsistency> check_consistency_proof(std::string_view bytes, const RootKey& root) {
  const auto proof = parse_consistency_proof(bytes);
  if (!proof) {
    return proof.error();
  }
  const auto chain = read_key_chain(proof->keys, root);
  if (!chain) {
    return chain.error();
  }
  auto older = signed_tree(proof->older, *chain, "the older one");
  if (!older) {
    return older.error();
  }
  auto newer = signed_tree(proof->newer, *chain, "the newer one");
  if (!newer) {
    return newer.error();
  }
  if (older->size > newer->size) {
    return no("the older checkpoint is of a larger tree than the newer one");
  }
  Sha256 sha;
  if (!verify_consistency(sha, older->size, newer->size, older->root, newer->root, proof->path)) {
    return no("the tree of " + std::to_string(older->size) + " entries is not the beginning of the one of " +
              std::to_string(newer->size));
  }
  const Charter& charter = chain->charter.charter;
  return ProvenConsistency{charter.origin, charter.journal, std::move(*older), std::move(*newer),
                           chain->keys.ranges().size() - 1};
}

}  // namespace tallygate::audit
