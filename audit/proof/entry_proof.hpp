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
#include <vector>

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
  /// Worth knowing, nothing wrong: where it is that key alone that vouches for the entry, which was recorded
  /// before it was in force. Empty otherwise.
  std::string remark{};
};

/// What stands before the entry in a proof's `extra` where the entry was recorded before the key that signs
/// took over by a grant: the hashes that lead from the record which the grant names to the one that the
/// checkpoint signs (RFC 9162 §2.1.4.1), as a line.
[[nodiscard]] std::string after_line(const std::vector<Digest>& path);

/// Whether a proof file holds: the charter is the provisioning key's, the rotations lead from it to the key
/// that signed the checkpoint, and the entry is the leaf at that index of the tree. Its `extra` is the lines
/// of read_key_chain(), after_line() where that is needed, and the entry, which works because canonical JSON
/// holds no line end. The key that signed must have been in force when the entry was recorded, or a grant
/// must have let it vouch for what went before: whoever has today's key cannot prove another yesterday. What
/// it cannot show is whether the key had been replaced, or was revoked later: only the journal knows. Pure.
/// Errors: invalid where it is no such file or does not hold; the message says which step failed.
[[nodiscard]] Result<ProvenEntry> check_entry_proof(std::string_view bytes, const RootKey& root);

}  // namespace tallygate::audit
