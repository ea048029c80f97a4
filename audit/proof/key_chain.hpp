#pragma once
/// Signing keys out of the provisioning key alone: the lines of a proof file that establish each key from the
/// one before.

#include "audit/journal/failure.hpp"
#include "audit/journal/note.hpp"
#include "audit/proof/charter_check.hpp"
#include "audit/proof/key_ranges.hpp"
#include "audit/proof/tlog_proof.hpp"
#include "audit/proof/verify.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

/// Signing keys as far as a file establishes them.
struct KeyChain {
  CharterEntry charter;
  KeyRanges keys;
  /// Of each rotation the tree that ends with it, and before that the one that its grant names: none that the
  /// last key signs may begin otherwise.
  std::vector<Prefix> prefixes{};
};

/// The first line, which the charter makes: {"charter":…,"signature":…}, canonical JSON, and an end of line.
/// Errors: tampered (entry 0 is no charter).
[[nodiscard]] Result<std::string> charter_line(std::string_view entry_0);

/// The line of one rotation: `key `, the base64 of a tlog-proof, an end of line. The proof's `extra` is the
/// body of the `key.rotate`, its checkpoint the one that both keys signed.
[[nodiscard]] std::string rotation_line(const TlogProof& proof);

/// Where the key lines at the beginning of `text` end.
[[nodiscard]] std::size_t key_lines_size(std::string_view text);

/// Reads a charter's line and those of rotations, in their order. The charter must be the provisioning
/// key's. A rotation must be proven by a checkpoint of its very size that the key so far and the next one
/// signed; or, where it carries a grant of the provisioning key, that the next one signed: then the lines
/// before it may be left out. Pure. Errors: invalid; the message says which step failed.
[[nodiscard]] Result<KeyChain> read_key_chain(std::string_view lines, const RootKey& root);

/// A checkpoint and the key that stands behind it.
struct SignedCheckpoint {
  Checkpoint checkpoint;
  std::string signed_by;   ///< vkey
  std::size_t signer = 0;  ///< which of KeyChain::keys that is
};

/// Reads a checkpoint note of the journal that the key in force at its size signed. Signature lines of
/// other names (witnesses) are not looked at; one of the journal's own name by an unknown key is an error.
/// Errors: invalid.
[[nodiscard]] Result<SignedCheckpoint> read_signed_checkpoint(std::string_view note, const KeyChain& chain);

/// Whether all of the chain's prefixes are beginnings of that tree (RFC 9162 §2.1.4.2): `lines` has a proof
/// of each, a line with its hashes as hashes_text() writes them. Without that the last key could sign another
/// record of a time before its own. Pure. Errors: invalid.
[[nodiscard]] Result<void> check_prefixes(const KeyChain& chain, const Checkpoint& checkpoint,
                                          std::string_view lines);

}  // namespace tallygate::audit
