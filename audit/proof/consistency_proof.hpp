#pragma once
/// Two checkpoints with everything that proves that the newer one's tree only appended to the older one's,
/// for somebody who has the provisioning public key and nothing else.

#include "audit/journal/failure.hpp"
#include "audit/journal/hash.hpp"
#include "audit/proof/verify.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

/// What the file says, whose form is that of a tlog-proof:
///
///     tallygate consistency-proof v1
///     extra <base64 of the lines of read_key_chain()>
///     old <base64 of the older checkpoint, a signed note>
///     <base64 of a hash of RFC 9162 §2.1.4.1, a line each>
///
///     <the newer checkpoint, a signed note>
struct ConsistencyProof {
  std::string keys;  ///< lines that establish the signing keys
  std::string older;
  std::vector<Digest> path;
  std::string newer;
  friend bool operator==(const ConsistencyProof&, const ConsistencyProof&) = default;
};

/// The bytes of the file.
[[nodiscard]] std::string format_consistency_proof(const ConsistencyProof& proof);

/// Reads what format_consistency_proof() writes and nothing else. The notes and lines are left unread.
/// Errors: invalid, naming the line.
[[nodiscard]] Result<ConsistencyProof> parse_consistency_proof(std::string_view bytes);

/// A tree that was signed.
struct ProvenTree {
  std::uint64_t size = 0;
  Digest root{};
  std::string signed_by;  ///< vkey
};

/// What a consistency proof has shown.
struct ProvenConsistency {
  std::string origin;   ///< of the journal
  std::string journal;  ///< its UUID
  ProvenTree older;
  ProvenTree newer;
  std::size_t rotations = 0;  ///< of the signing key that the file carries
};

/// Whether a consistency proof holds: the charter is the provisioning key's, both checkpoints are signed by
/// the keys in force at their sizes, and the older tree is the beginning of the newer one (RFC 9162
/// §2.1.4.2). Pure. Errors: invalid where it is no such file or does not hold; the message says which step
/// failed.
[[nodiscard]] Result<ProvenConsistency> check_consistency_proof(std::string_view bytes, const RootKey& root);

}  // namespace tallygate::audit
