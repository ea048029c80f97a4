#pragma once
/// How long a proof may become.

#include "audit/journal/failure.hpp"
#include "audit/proof/tlog_proof.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace tallygate::audit {

/// The proof, where it is short enough to be read again. `key_lines` are those that it carries: they grow
/// with the number of rotations between the signing key and the charter, or the last grant of one. Errors:
/// missing (it would be too long: nothing is wrong with the record, and a key that a grant names begins
/// anew).
[[nodiscard]] Result<std::string> short_enough(std::string proof, std::string_view key_lines,
                                               std::size_t bytes_max = tlog_proof_bytes_max);

}  // namespace tallygate::audit
