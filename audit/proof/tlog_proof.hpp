#pragma once
/// The file form of an inclusion proof: C2SP tlog-proof v1.

#include "audit/journal/failure.hpp"
#include "audit/journal/hash.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

/// Bytes of a proof file that are read at most: two entries, 63 hashes, a checkpoint and 6,000 rotations of
/// the signing key, sixteen years of daily ones, stay below (2,700 bytes each at most, under a name of 40).
/// Where there are more, a key that a grant names begins anew.
inline constexpr std::size_t tlog_proof_bytes_max = std::size_t{16} * 1024 * 1024;

/// What a proof file says. Whether it is true is another matter.
struct TlogProof {
  std::string extra;         ///< bytes of the application's; empty: there is no such line
  std::uint64_t index = 0;   ///< of the leaf
  std::vector<Digest> path;  ///< the leaf's side first
  std::string checkpoint;    ///< the signed note, whole
  friend bool operator==(const TlogProof&, const TlogProof&) = default;
};

/// The bytes of the file.
[[nodiscard]] std::string format_tlog_proof(const TlogProof& proof);

/// Reads what format_tlog_proof() writes and nothing else: no other line ends, no leading zeros, at most 63
/// hashes. The checkpoint is left unread. Errors: invalid, naming the line.
[[nodiscard]] Result<TlogProof> parse_tlog_proof(std::string_view bytes);

}  // namespace tallygate::audit
