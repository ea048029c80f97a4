#include "audit/search/prove_consistency.hpp"

#include "audit/proof/consistency_proof.hpp"
#include "audit/proof/paths.hpp"
#include "audit/search/proof_size.hpp"
#include "audit/search/prover.hpp"
#include "audit/search/settled.hpp"

#include <optional>
#include <utility>

namespace tallygate::audit {
namespace {

Failure none_of(std::uint64_t size, const std::string& why) {
  return fail(FailureKind::missing, "the journal has no checkpoint of size " + std::to_string(size) + why);
}

Result<KeptCheckpoint> stored(Prover& prover, const KeyHistory& keys, std::uint64_t size) {
  auto kept = keys.checkpoint(prover.reader(), size, size + 1);
  if (!kept) {
    return kept.error();
  }
  if (*kept) {
    return std::move(**kept);
  }
  const auto next = keys.checkpoint(prover.reader(), size, prover.size() + 1);
  return none_of(size, next && *next ? "; the next one is of size " + std::to_string((*next)->checkpoint.size)
                                     : " by a key that counts; there is one once a key that the provisioning "
                                       "key names goes on: tallygate keys rotate --prepare");
}

Result<KeptCheckpoint> given(Prover& prover, const KeyHistory& keys, const std::string& note) {
  auto kept = keys.keep(note);
  if (!kept) {
    return kept.error();
  }
  if (!*kept) {
    return fail(FailureKind::missing, "no key that counts was in force at the size of that checkpoint");
  }
  const std::uint64_t size = (*kept)->checkpoint.size;
  if (size > prover.size()) {
    return fail(FailureKind::tampered, "the journal ends at size " + std::to_string(prover.size()) +
                                           ", before the checkpoint of size " + std::to_string(size));
  }
  return std::move(**kept);
}

Result<KeptCheckpoint> choose(Prover& prover, const KeyHistory& keys, const CheckpointChoice& choice) {
  const auto* const size = std::get_if<std::uint64_t>(&choice);
  return size != nullptr ? stored(prover, keys, *size) : given(prover, keys, std::get<std::string>(choice));
}

Result<std::string> make_proof(Prover& prover, TreeIndex& index, const NodeSource& nodes,
                               const KeyHistory& keys, const CheckpointChoice& from,
                               const CheckpointChoice& to) {
  const auto older = choose(prover, keys, from);
  const auto newer = older ? choose(prover, keys, to) : older;
  if (!newer) {
    return newer.error();
  }
  if (older->checkpoint.size > newer->checkpoint.size) {
    return fail(FailureKind::invalid, "the checkpoint to start from is of size " +
                                          std::to_string(older->checkpoint.size) + ", larger than " +
                                          std::to_string(newer->checkpoint.size));
  }
  Sha256 sha;
  auto path = consistency_from(sha, nodes, older->checkpoint.size, newer->checkpoint.size);
  if (!path) {
    return path.error();
  }
  const auto lines = keys.lines(prover.reader(), index, older->key, newer->key);
  if (!lines) {
    return lines.error();
  }
  return short_enough(
      format_consistency_proof({*lines, keys.signed_by_chain(older->note, older->key, newer->key),
                                std::move(*path), keys.signed_by_chain(newer->note, older->key, newer->key)}),
      *lines);
}

Result<std::string> prove(Prover& prover, const CheckpointChoice& older, const CheckpointChoice& newer) {
  return prover.prove(
      [&](TreeIndex& index, const NodeSource& nodes, const KeyHistory& keys) {
        return make_proof(prover, index, nodes, keys, older, newer);
      },
      [](const std::string& made, const RootKey& root) -> Result<void> {
        const auto proven = check_consistency_proof(made, root);
        return proven ? Result<void>() : proven.error();
      });
}

Result<std::string> prove_settled(const std::filesystem::path& journal, const CheckpointChoice& older,
                                  const std::optional<CheckpointChoice>& newer) {
  return read_settled(journal, Replaced::counts, [&]() -> Result<std::string> {
    auto prover = Prover::open(journal);
    return prover ? prove(*prover, older, newer ? *newer : CheckpointChoice(prover->size())) : prover.error();
  });
}

}  // namespace

Result<std::string> prove_consistency(const std::filesystem::path& journal, const CheckpointChoice& older,
                                      const CheckpointChoice& newer) {
  return prove_settled(journal, older, newer);
}

Result<std::string> prove_consistency(const std::filesystem::path& journal, const CheckpointChoice& older) {
  return prove_settled(journal, older, std::nullopt);
}

}  // namespace tallygate::audit
