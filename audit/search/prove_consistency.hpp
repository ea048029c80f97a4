#pragma once
/// Makes the proof that one checkpoint's tree is the beginning of another's, from the journal and its index.

#include "audit/journal/failure.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>

namespace tallygate::audit {

/// A checkpoint: the size of one that the journal holds, or the bytes of a note that may come from anywhere.
using CheckpointChoice = std::variant<std::uint64_t, std::string>;

/// The proof file for two checkpoints, of which `older` must not be of the larger tree. What comes of it has
/// been checked under the provisioning key that the journal names. Errors: missing (no journal, no checkpoint
/// of that size, or none by a key that counts); invalid (no checkpoint note, or in the wrong order); tampered
/// (the journal does not go on from one of them, or ends before it); unreadable.
[[nodiscard]] Result<std::string> prove_consistency(const std::filesystem::path& journal,
                                                    const CheckpointChoice& older,
                                                    const CheckpointChoice& newer);

/// The same, up to the newest checkpoint that the journal holds.
[[nodiscard]] Result<std::string> prove_consistency(const std::filesystem::path& journal,
                                                    const CheckpointChoice& older);

}  // namespace tallygate::audit
