#pragma once
/// Makes the proof of an entry from the journal and its index.

#include "audit/journal/failure.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace tallygate::audit {

/// The proof file of entry `seq`; nothing where there is no such entry. Of the checkpoints over it that one
/// is taken which needs the fewest rotations: the first, where its key was not revoked. What comes of it has
/// been checked under the provisioning key that the journal names: whether that is the right one is for
/// whoever holds it. Takes `index.db` further where it lags behind, and makes it again where it leads
/// elsewhere. Errors: missing (no journal, or no checkpoint of a key that counts over the entry yet),
/// tampered (the entries do not give the root that was signed), unreadable.
[[nodiscard]] Result<std::optional<std::string>> prove_entry(const std::filesystem::path& journal,
                                                             std::uint64_t seq);

}  // namespace tallygate::audit
