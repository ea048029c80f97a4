#pragma once
/// One entry with everything that proves it, for somebody who has the provisioning public key and nothing
/// else.

#include "audit/journal/failure.hpp"
#include "audit/journal/note.hpp"
#include "audit/proof/tlog_proof.hpp"
#include "audit/proof/verify.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

/// The `extra` of a proof: what entry 0 says of the keys, {"charter":…,"signature":…}, and the entry, a line
/// each, which works because canonical JSON holds no line end. Errors: tampered (entry 0 is no charter).
[[nodiscard]] Result<std::string> proof_extra(std::string_view entry_0, std::string_view body);

/// What a proof has shown.
struct ProvenEntry {
  std::string origin;   ///< of the journal
  std::string journal;  ///< its UUID
  std::uint64_t seq = 0;
  std::string body;        ///< of the entry
  std::uint64_t size = 0;  ///< of the checkpoint
  Digest root{};
  std::string signed_by;  ///< vkey
};

/// Whether a proof file holds: the charter is the provisioning key's, its signing key signed the checkpoint,
/// and the entry is the leaf at that index of the tree. Pure. Errors: invalid where it is no such file or
/// does not hold; the message says which step failed.
[[nodiscard]] Result<ProvenEntry> check_entry_proof(std::string_view bytes, const RootKey& root);

}  // namespace tallygate::audit
