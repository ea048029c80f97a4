#pragma once
/// What an `ingest.record` says beside the signature, held against what its writer signed.

#include "audit/proof/ingest_check.hpp"

#include <cstdint>
#include <optional>

namespace tallygate::audit {

/// Whether `source` and `observed` of the entry `seq` are what the signed body says, its time is one at which
/// a gateway takes what was signed at `sent`, and a body that is cut had to be. Of a cut body only the
/// beginning can tell. Nothing: all of it follows. Pure. `entry` bears the signature of its writer.
[[nodiscard]] std::optional<IngestFault> claims_fault(const IngestedEntry& entry, std::uint64_t seq);

}  // namespace tallygate::audit
