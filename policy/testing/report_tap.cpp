#include "policy/testing/report.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace tallygate::policy::testing {
namespace {

/// A description: `#` would start a directive.
std::string description(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    if (c == '#' || c == '\\') {
      out.push_back('\\');
    }
    out.push_back(c);
  }
  return out;
}

/// A YAML scalar that means this text: JSON strings are YAML.
std::string scalar(std::string_view text) {
  return boost::json::serialize(boost::json::string(text));
}

void add_diagnosis(const SuiteResult& suite, const CellResult& cell, std::string& out) {
  out += "  ---\n  at: " + scalar(printable(suite.file) + ":" + std::to_string(cell.mark.line)) +
         "\n  expected: " + scalar(to_string(cell.expected)) +
         "\n  actual: " + scalar(to_string(cell.actual)) + "\n";
  out += "  explain: |\n";
  const std::string explained = explain_text(suite, cell, {});
  std::string_view rest = explained;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    out.append("    ").append(line).push_back('\n');
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  }
  out += "  ...\n";
}

}  // namespace

std::string report_tap(const RunResult& result) {
  std::string out = "TAP version 13\n1.." + std::to_string(result.passed + result.failed) + "\n";
  std::size_t number = 0;
  for (const SuiteResult& suite : result.suites) {
    for (const CellResult& cell : suite.cells) {
      out += std::string(cell.ok ? "ok " : "not ok ") + std::to_string(++number) + " - " +
             description(suite.name + ": " + cell.test + ": " + cell.principal + ", " + cell.request) + "\n";
      if (!cell.ok) {
        add_diagnosis(suite, cell, out);
      }
    }
  }
  return out;
}

}  // namespace tallygate::policy::testing
