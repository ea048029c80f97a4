#pragma once
/// What every proof is made from: the journal, its tree, its keys.

#include "audit/journal/failure.hpp"
#include "audit/proof/paths.hpp"
#include "audit/proof/verify.hpp"
#include "audit/search/key_history.hpp"
#include "audit/search/reader.hpp"
#include "audit/search/tree_index.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>

namespace tallygate::audit {

/// A journal opened for making proofs. One thread, one proof after the other.
class Prover {
 public:
  /// Errors: missing (no journal, or no checkpoint in it yet), unreadable.
  [[nodiscard]] static Result<Prover> open(const std::filesystem::path& journal);

  [[nodiscard]] JournalReader& reader() noexcept { return reader_; }
  /// Size of the newest checkpoint when this was opened.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

  /// Makes a proof file from the index, which covers size(), and the keys. Errors of another kind than
  /// tampered are such that no other index would mend them.
  using Make =
      std::function<Result<std::string>(TreeIndex& index, const NodeSource& nodes, const KeyHistory& keys)>;
  /// Whether the proof file holds for the provisioning key that the journal names.
  using Check = std::function<Result<void>(const std::string& proof, const RootKey& root)>;
  /// Makes a proof and checks it. The index is not believed: where what came of it does not hold it is made
  /// again, once. Errors: those of `make`; tampered where nothing comes of a new index either; unreadable.
  [[nodiscard]] Result<std::string> prove(const Make& make, const Check& check);

 private:
  Prover(JournalReader reader, TreeIndex index, std::uint64_t size)
      : reader_(std::move(reader)), index_(std::move(index)), size_(size) {}
  [[nodiscard]] Result<std::string> attempt(const Make& make, const Check& check);

  JournalReader reader_;
  TreeIndex index_;
  std::uint64_t size_;
};

}  // namespace tallygate::audit
