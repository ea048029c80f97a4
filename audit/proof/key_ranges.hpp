#pragma once
/// Which signing key may sign a checkpoint of which size (journal.md §6).

#include "audit/journal/note.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tallygate::audit {

/// The beginning of a record: how many entries, and the root of their tree.
struct Prefix {
  std::uint64_t size = 0;
  Digest root{};
  friend bool operator==(const Prefix&, const Prefix&) = default;
};

/// A signing key and the sizes of the checkpoints that are its to sign.
struct KeyRange {
  static constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

  VerifyKey key;
  std::uint64_t from = 1;              ///< smallest size
  std::uint64_t until = never;         ///< largest size
  std::uint64_t revoked_from = never;  ///< from this size on it does not count
  std::uint64_t revoked_at = never;    ///< seq of the revocation, which may come later
  bool granted = false;                ///< it took over out of turn, by a grant
  /// Which record that grant had it go on from; nothing where it is in turn, or the grant of an earlier form
  /// does not say.
  std::optional<Prefix> after{};
  /// Whether the provisioning key stands behind it: the charter or a grant names it, or such a key handed
  /// over to it while its own signatures still counted. Who stole a key can hand over to another one, and
  /// show no more than that.
  bool established = true;

  /// Whether its signature under a checkpoint of `size` proves something.
  [[nodiscard]] bool counts_at(std::uint64_t size) const noexcept {
    return established && size >= from && size <= until && size < revoked_from;
  }
};

/// What is wrong with the signatures of a checkpoint: the kind of finding, and a sentence.
struct SignatureFault {
  const char* what = "";
  std::string detail;
};

/// What the signatures of one checkpoint note are worth.
struct SignatureVerdict {
  std::vector<SignatureFault> faults;
  std::optional<std::size_t> signer;  ///< index of a key whose signature is right and counts
  /// Index of a key whose signature is right and in range, but does not count: the key was revoked from a
  /// smaller size on, or nothing establishes it.
  std::optional<std::size_t> revoked;
  std::vector<std::uint32_t> unknown_ids;  ///< of lines that bear the journal's name and no key known so far
};

/// The signing keys of a journal in their order, as far as its entries have been read. A plain value.
class KeyRanges {
 public:
  KeyRanges() = default;
  /// Starts with the charter's key.
  explicit KeyRanges(VerifyKey first) { ranges_.push_back({std::move(first)}); }

  /// A rotation at `size`: the checkpoint of that size is signed by the key so far (unless `granted`) and by
  /// `next`, larger ones by `next` only. `after` is what the grant says. A key that served before is refused:
  /// false, and nothing changes.
  [[nodiscard]] bool rotate(VerifyKey next, std::uint64_t size, bool granted,
                            std::optional<Prefix> after = {});

  /// The grant by which a key took over at `size` was for another record: nothing stands behind that key.
  void disown(std::uint64_t size);

  /// From checkpoints of `size` on, signatures of the key with this vkey do not count, by the entry `seq`;
  /// those that cover that entry must have another. False where there is no such key.
  [[nodiscard]] bool revoke(const std::string& vkey, std::uint64_t size, std::uint64_t seq);

  /// Judges the signature lines of a checkpoint of `size`: every key that must have signed has, no other key
  /// of the journal has, and all its keys' signatures are right.
  [[nodiscard]] SignatureVerdict judge(const Note& note, std::uint64_t size) const;

  [[nodiscard]] std::span<const KeyRange> ranges() const noexcept { return ranges_; }
  [[nodiscard]] bool empty() const noexcept { return ranges_.empty(); }

 private:
  void establish();

  std::vector<KeyRange> ranges_;
};

}  // namespace tallygate::audit
