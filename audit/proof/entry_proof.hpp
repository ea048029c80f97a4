#pragma once
/// One entry with everything that proves it, for somebody who has the provisioning public key and nothing
/// else.

#include "audit/journal/failure.hpp"
#include "audit/journal/hash.hpp"
#include "audit/proof/verify.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tallygate::audit {

/// What a proof has shown.
struct ProvenEntry {
  std::string origin;   ///< of the journal
  std::string journal;  ///< its UUID
  std::uint64_t seq = 0;
  std::string body;        ///< of the entry
  std::uint64_t size = 0;  ///< of the checkpoint
  Digest root{};
  std::string signed_by;      ///< vkey
  std::size_t rotations = 0;  ///< that lead from the charter, or a grant, to that key
};

/// Whether a proof file holds: the charter is the provisioning key's, the rotations lead from it to the key
/// that signed the checkpoint, and the entry is the leaf at that index of the tree. Its `extra` is the lines
/// of read_key_chain() and the entry, which works because canonical JSON holds no line end. What it cannot
/// show is whether the key had been replaced, or was revoked later: only the journal knows. Pure. Errors:
/// invalid where it is no such file or does not hold; the message says which step failed.
[[nodiscard]] Result<ProvenEntry> check_entry_proof(std::string_view bytes, const RootKey& root);

}  // namespace tallygate::audit
