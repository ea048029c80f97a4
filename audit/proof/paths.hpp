#pragma once
/// Merkle proofs from stored subtrees, in steps that grow with the logarithm of the tree.

#include "audit/journal/failure.hpp"
#include "audit/journal/hash.hpp"

#include <cstdint>
#include <functional>
#include <vector>

namespace tallygate::audit {

/// Gives the root of the perfect subtree over the leaves [`index` · 2^`height`, (`index` + 1) · 2^`height`).
using NodeSource = std::function<Result<Digest>(unsigned height, std::uint64_t index)>;

/// What inclusion_proof() gives, without the leaves (RFC 9162 §2.1.3.1). Errors: invalid where `index` is not
/// below `size`; the source's.
[[nodiscard]] Result<std::vector<Digest>> inclusion_from(Sha256& sha, const NodeSource& nodes,
                                                         std::uint64_t index, std::uint64_t size);

/// What consistency_proof() gives, without the leaves (RFC 9162 §2.1.4.1). Errors: invalid where `old_size`
/// is above `size`; the source's.
[[nodiscard]] Result<std::vector<Digest>> consistency_from(Sha256& sha, const NodeSource& nodes,
                                                           std::uint64_t old_size, std::uint64_t size);

}  // namespace tallygate::audit
