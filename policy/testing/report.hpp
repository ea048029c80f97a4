#pragma once
/// What a run of suites looks like to people and programs (policy-details.md S07). Each returns the whole
/// document, ended by a newline.
#include "policy/explain/explain.hpp"
#include "policy/testing/runner.hpp"

#include <boost/json/object.hpp>

#include <string>

namespace tallygate::policy::testing {

/// The explain of a failed cell: matched rules, the one the cell names, and the near misses. Where the runner
/// kept none, one line that says so.
[[nodiscard]] std::string explain_text(const SuiteResult& suite, const CellResult& cell, const Style& style);

/// For a terminal: a line a test, and for each failed cell its place, what was expected and why it came
/// otherwise.
[[nodiscard]] std::string report_text(const RunResult& result, const Style& style);

/// The whole tree for a terminal: suite, test, principal, and a line for each cell; a failed one with its
/// place and its explain.
[[nodiscard]] std::string report_tree(const RunResult& result, const Style& style);

/// `{ok, passed, failed, suites: [{file, suite, passed, failed, cells: [{test, principal, request, line,
/// expected, actual, ok}]}]}`; a failed cell also has `explain`.
[[nodiscard]] boost::json::object to_json(const RunResult& result);
[[nodiscard]] std::string report_json(const RunResult& result);

/// JUnit XML, one test case a cell.
[[nodiscard]] std::string report_junit(const RunResult& result);

/// TAP version 13, one test point a cell, with a YAML block for a failed one.
[[nodiscard]] std::string report_tap(const RunResult& result);

}  // namespace tallygate::policy::testing
