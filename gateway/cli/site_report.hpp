#pragma once

#include "audit/journal/failure.hpp"

#include <filesystem>
#include <string>

namespace tallygate::cli {

/// Says on stderr what went wrong, in one line, and returns the exit code that fits: what the caller could
/// have written otherwise is a usage error, anything else could not be done (interfaces.md §1).
[[nodiscard]] int report(const audit::Failure& failure);

/// `text` as one word of a shell command.
[[nodiscard]] std::string shell_quoted(const std::string& text);

/// How to call this very program from another terminal: its path.
[[nodiscard]] std::string own_program();

}  // namespace tallygate::cli
