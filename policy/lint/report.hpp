#pragma once
/// Findings for people and for programs.
#include "policy/lint/lint.hpp"

#include <boost/json/array.hpp>

#include <span>
#include <string>
#include <string_view>

namespace tallygate::policy::lint {

/// A mistake of the loader as a finding, with the loader's id or load_id.
[[nodiscard]] Finding finding_of(const yaml::SyntaxError& error);

/// One line for each finding that is not suppressed, each ended by a newline.
[[nodiscard]] std::string to_text(std::span<const Finding> findings);

/// `[{id, severity, file, line, column, message, suppressed}]`; without `id` for load_id, without `line` and
/// `column` where a finding is about a whole file, with `suppressed` (the reason) only where it is.
[[nodiscard]] boost::json::array to_json(std::span<const Finding> findings);

/// A SARIF 2.1.0 log with one run, ended by a newline: all checks as rules, suppressed findings with their
/// reason as justification, checks that are not finished as notifications. `version` is that of the program.
/// Source: OASIS SARIF 2.1.0 §3.
[[nodiscard]] std::string to_sarif(const Report& report, std::string_view version);

}  // namespace tallygate::policy::lint
