#pragma once
/// What the reports for terminals share. Internal to policy/testing.
#include "policy/testing/report.hpp"

#include <string>
#include <string_view>

namespace tallygate::policy::testing {

/// Every line of `text` behind `indent`.
[[nodiscard]] std::string indented(std::string_view text, std::string_view indent);

/// The last line: how many passed and failed.
[[nodiscard]] std::string summary_line(const RunResult& result, const Style& style);

}  // namespace tallygate::policy::testing
