#pragma once
/// What somebody may do whose journal is refused.

#include "audit/journal/journal.hpp"

#include <filesystem>
#include <string>

namespace tallygate::audit {

/// An absolute path as one word of a shell.
[[nodiscard]] std::string shell_path(const std::filesystem::path& path);

/// The command line that says of this very journal what is lost and what would let it go on, to be pasted
/// into a shell. It holds paths and the name of the key-encryption key's source, and no secret.
[[nodiscard]] std::string recover_command(const JournalOptions& options);

/// Adds to what a refusal says how to find the way out, where there may be one: where the record, its head
/// or its keys are missing or contradict each other.
[[nodiscard]] Failure with_way_out(Failure failure, const JournalOptions& options);

}  // namespace tallygate::audit
