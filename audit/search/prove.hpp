#pragma once
/// Makes the proof of an entry from the journal and its index.

#include "audit/journal/failure.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace tallygate::audit {

/// The proof file of entry `seq` under the newest checkpoint; nothing where there is no such entry. What it
/// carries has been checked against that checkpoint's root, though not its signatures: that is for whoever
/// holds the provisioning key. Takes `index.db` further where it lags behind, and makes it again where it
/// leads elsewhere. Errors: missing (no journal, or no checkpoint over the entry yet), tampered (the entries
/// do not give the root that was signed), unreadable.
[[nodiscard]] Result<std::optional<std::string>> prove_entry(const std::filesystem::path& journal,
                                                             std::uint64_t seq);

}  // namespace tallygate::audit
