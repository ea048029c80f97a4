#pragma once
/// What the policy commands share: reading the files of a policy, and terminals.
#include "gateway/cli/commands.hpp"
#include "policy/explain/explain.hpp"
#include "policy/language/yaml_reader.hpp"
#include "policy/testing/suite_files.hpp"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tallygate::cli {

/// Reads files named on the command line. Says on stderr which can't be read; the code is then not_possible.
[[nodiscard]] std::variant<std::vector<policy::yaml::SourceFile>, ExitCode> read_files(
    const std::vector<std::string>& paths);

/// Says on stderr what is wrong with suites or could not be read; done if nothing.
[[nodiscard]] ExitCode report_loading(const policy::testing::LoadedSuites& loaded);

/// Colour where stdout is a terminal that has it, unless NO_COLOR is set.
[[nodiscard]] policy::Style stdout_style();

/// Writes a result. False if stdout is closed or full.
[[nodiscard]] bool print(std::string_view text);

/// One line on stderr.
void complain(std::string_view text);

}  // namespace tallygate::cli
