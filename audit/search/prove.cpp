#include "audit/search/prove.hpp"

#include "audit/proof/entry_proof.hpp"
#include "audit/proof/paths.hpp"
#include "audit/proof/tlog_proof.hpp"
#include "audit/search/proof_size.hpp"
#include "audit/search/prover.hpp"
#include "audit/search/settled.hpp"

#include <utility>

namespace tallygate::audit {
namespace {

// Of an entry from before the key's time: that the tree goes on from the one that the key's grant names.
Result<std::string> after_grant(const NodeSource& nodes, const KeyRange& key, std::uint64_t seq,
                                std::uint64_t size) {
  if (seq >= key.from || !key.after) {
    return std::string();
  }
  Sha256 sha;
  const auto path = consistency_from(sha, nodes, key.after->size, size);
  return path ? Result<std::string>(after_line(*path)) : path.error();
}

// The signed tree that needs the fewest rotations, and the path to the entry in it.
Result<std::string> make_proof(Prover& prover, TreeIndex& index, const NodeSource& nodes,
                               const KeyHistory& keys, std::uint64_t seq, const std::string& body) {
  auto kept = keys.checkpoint(prover.reader(), seq + 1, prover.size() + 1);
  if (!kept) {
    return kept.error();
  }
  if (!*kept) {
    return fail(FailureKind::missing,
                "entry " + std::to_string(seq) +
                    " is under no checkpoint of a key that counts: those over it are "
                    "of keys that were revoked or that nothing establishes. It can be "
                    "proven once a key that the provisioning key names goes on: tallygate "
                    "keys rotate --prepare");
  }
  const auto& [note, checkpoint, key] = **kept;
  Sha256 sha;
  auto path = inclusion_from(sha, nodes, seq, checkpoint.size);
  if (!path) {
    return path.error();
  }
  auto lines = keys.lines(prover.reader(), index, key, key);
  if (!lines) {
    return lines.error();
  }
  auto after = after_grant(nodes, keys.ranges()[key], seq, checkpoint.size);
  if (!after) {
    return after;
  }
  return short_enough(format_tlog_proof({*lines + *after + body, seq, std::move(*path),
                                         keys.signed_by_chain(note, key, key)}),
                      *lines);
}

Result<std::optional<std::string>> prove_once(const std::filesystem::path& journal, std::uint64_t seq) {
  auto prover = Prover::open(journal);
  if (!prover) {
    return prover.error();
  }
  const auto body = prover->reader().entry(seq);
  if (!body) {
    return body.error();
  }
  if (!*body) {
    return std::optional<std::string>();
  }
  if (prover->size() <= seq) {
    return fail(FailureKind::missing, "entry " + std::to_string(seq) + " is under no checkpoint yet");
  }
  auto proof = prover->prove(
      [&](TreeIndex& index, const NodeSource& nodes, const KeyHistory& keys) {
        return make_proof(*prover, index, nodes, keys, seq, **body);
      },
      [](const std::string& made, const RootKey& root) -> Result<void> {
        const auto proven = check_entry_proof(made, root);
        return proven ? Result<void>() : proven.error();
      });
  if (!proof) {
    return proof.error();
  }
  return std::optional(std::move(*proof));
}

}  // namespace

// What was proven holds, whatever became of its segment meanwhile.
Result<std::optional<std::string>> prove_entry(const std::filesystem::path& journal, std::uint64_t seq) {
  return read_settled(journal, Replaced::counts, [&] { return prove_once(journal, seq); });
}

}  // namespace tallygate::audit
