#include "policy/testing/report.hpp"

namespace tallygate::policy::testing {
namespace {

/// Text for element content and attributes. All texts of a report are printable(), so nothing remains that
/// XML 1.0 forbids but line ends, which are kept.
std::string xml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

std::string attribute(std::string_view name, std::string_view value) {
  return " " + std::string(name) + "=\"" + xml(value) + "\"";
}

void add_case(const SuiteResult& suite, const CellResult& cell, std::string& out) {
  out += "    <testcase" + attribute("classname", printable(suite.name + "." + cell.test)) +
         attribute("name", cell.principal + ": " + cell.request) + attribute("file", printable(suite.file)) +
         attribute("line", std::to_string(cell.mark.line));
  if (cell.ok) {
    out += "/>\n";
    return;
  }
  out += ">\n      <failure" +
         attribute("message", "expected " + to_string(cell.expected) + ", got " + to_string(cell.actual)) +
         ">";
  out += xml(explain_text(suite, cell, {}));
  out += "</failure>\n    </testcase>\n";
}

std::string totals(std::size_t passed, std::size_t failed) {
  return attribute("tests", std::to_string(passed + failed)) + attribute("failures", std::to_string(failed));
}

}  // namespace

std::string report_junit(const RunResult& result) {
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites" +
                    totals(result.passed, result.failed) + ">\n";
  for (const SuiteResult& suite : result.suites) {
    out += "  <testsuite" + attribute("name", printable(suite.name)) +
           attribute("file", printable(suite.file)) + totals(suite.passed, suite.failed) + ">\n";
    for (const CellResult& cell : suite.cells) {
      add_case(suite, cell, out);
    }
    out += "  </testsuite>\n";
  }
  return out + "</testsuites>\n";
}

}  // namespace tallygate::policy::testing
