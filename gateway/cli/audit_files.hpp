#pragma once
/// The files that the verbs of `tallygate audit` read and write.

#include "audit/journal/failure.hpp"

#include <string>

namespace tallygate::cli {

/// The bytes of a proof file, of stdin for "-": up to one byte more than a proof can have, so that what is
/// too long is seen to be. Errors: unreadable.
[[nodiscard]] audit::Result<std::string> read_proof(const std::string& path);

/// Writes a proof to a new file, to stdout for "-" or an empty path. Gives the exit code, and a message where
/// it is not `done`.
[[nodiscard]] int write_proof(const std::string& path, const std::string& proof);

}  // namespace tallygate::cli
