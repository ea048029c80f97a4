#pragma once
/// Findings for people and for programs.
#include "policy/lint/lint.hpp"

#include <boost/json/array.hpp>

#include <span>
#include <string>
#include <string_view>

namespace tallygate::policy::lint {

/// The id of findings that have no check of their own: YAML that cannot be read, keys that nobody knows.
inline constexpr std::string_view load_id = "load";

/// A mistake of the loader as a finding, with the loader's id or load_id.
[[nodiscard]] Finding finding_of(const yaml::SyntaxError& error);

/// One line for each finding that is not suppressed, each ended by a newline.
[[nodiscard]] std::string to_text(std::span<const Finding> findings);

/// `[{id, severity, file, line, column, message, suppressed}]`; without `line` and `column` where a finding
/// is about a whole file, with `suppressed` (the reason) only where it is.
[[nodiscard]] boost::json::array to_json(std::span<const Finding> findings);

/// A SARIF 2.1.0 log with one run, ended by a newline: all checks as rules, suppressed findings with their
/// reason as justification. `version` is that of the program. Source: OASIS SARIF 2.1.0 §3.
[[nodiscard]] std::string to_sarif(std::span<const Finding> findings, std::string_view version);

}  // namespace tallygate::policy::lint
