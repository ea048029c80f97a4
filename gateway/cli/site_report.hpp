#pragma once

#include "audit/journal/failure.hpp"

#include <filesystem>
#include <string>

namespace tallygate::cli {

/// The exit code of a failure of that kind, for every command that does something to a record (interfaces.md
/// §1): 1 where the answer is no, 2 where the caller could have written something else, 3 where it could not
/// be done.
[[nodiscard]] int exit_code_of(audit::FailureKind kind);

/// Says on stderr what went wrong, in one line, and returns its exit_code_of().
[[nodiscard]] int report(const audit::Failure& failure);

/// `text` as one word of a shell command.
[[nodiscard]] std::string shell_quoted(const std::string& text);

/// How to call this very program from another terminal: its path.
[[nodiscard]] std::string own_program();

}  // namespace tallygate::cli
