#pragma once
/// Checks of options that several commands have. Each is a value; the messages name what was given.
#include <CLI/CLI.hpp>

namespace tallygate::cli {

/// Digits alone, few enough for a number: the library would take -1 for a very large one.
[[nodiscard]] CLI::Validator whole_number();
/// The same, but not 0.
[[nodiscard]] CLI::Validator counting_number();
/// A UUID as it is recorded: lower-case hexadecimal digits in groups of 8, 4, 4, 4 and 12.
[[nodiscard]] CLI::Validator uuid();
/// An empty value is a variable that was not set rather than somebody without a name.
[[nodiscard]] CLI::Validator not_empty();

}  // namespace tallygate::cli
