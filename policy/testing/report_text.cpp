#include "policy/testing/report_parts.hpp"

#include <algorithm>

namespace tallygate::policy::testing {
namespace {

std::string count(std::size_t number, std::string_view what) {
  return std::to_string(number) + " " + std::string(what) + (number == 1 ? "" : "s");
}

void add_failure(const SuiteResult& suite, const CellResult& cell, const Style& style, std::string& out) {
  out += "        " + printable(suite.file) + ":" + std::to_string(cell.mark.line) + ":" +
         std::to_string(cell.mark.column) + "  " + style.strong(cell.principal + ", " + cell.request) + "\n";
  out += "            expected " + style.strong(to_string(cell.expected)) + ", got " +
         style.bad(to_string(cell.actual)) + "\n";
  out += indented(explain_text(suite, cell, style), "            ");
}

/// One test: the cells from `first` on that belong to it. Returns where the next test begins.
std::size_t add_test(const SuiteResult& suite, std::size_t first, const Style& style, std::string& out) {
  std::size_t next = first;
  std::size_t failed = 0;
  while (next < suite.cells.size() && suite.cells[next].test == suite.cells[first].test) {
    failed += suite.cells[next++].ok ? 0 : 1;
  }
  const std::string name = printable(suite.cells[first].test);
  if (failed == 0) {
    out += "  " + style.good("ok") + "    " + name + "  " + style.faint(count(next - first, "cell")) + "\n";
    return next;
  }
  out += "  " + style.bad("FAIL") + "  " + name + "  " + std::to_string(failed) + " of " +
         count(next - first, "cell") + "\n";
  for (std::size_t i = first; i < next; ++i) {
    if (!suite.cells[i].ok) {
      add_failure(suite, suite.cells[i], style, out);
    }
  }
  return next;
}

}  // namespace

std::string indented(std::string_view text, std::string_view indent) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    out.append(indent).append(text.substr(0, end));
    text.remove_prefix(end);
  }
  return out;
}

std::string explain_text(const SuiteResult& suite, const CellResult& cell, const Style& style) {
  if (!cell.explanation) {
    return "only the first " + std::to_string(explained_max) + " failures are explained; use --filter\n";
  }
  return to_text(*suite.program, *cell.explanation, {style, false, cell.expected.by});
}

std::string report_text(const RunResult& result, const Style& style) {
  std::string out;
  for (const SuiteResult& suite : result.suites) {
    if (suite.cells.empty()) {
      continue;
    }
    out += style.strong(printable(suite.name)) + "  " + style.faint(printable(suite.file)) + "\n";
    for (std::size_t at = 0; at < suite.cells.size();) {
      at = add_test(suite, at, style, out);
    }
    out += "\n";
  }
  return out + summary_line(result, style);
}

std::string summary_line(const RunResult& result, const Style& style) {
  if (result.passed + result.failed == 0) {
    return style.bad("no cell was run") + ": the filter matches none\n";
  }
  const std::string passed = std::to_string(result.passed) + " passed";
  const std::string failed = std::to_string(result.failed) + " failed";
  return (result.failed == 0 ? style.good(passed) : passed) + ", " +
         (result.failed == 0 ? failed : style.bad(failed)) + " (" + count(result.suites.size(), "suite") +
         ")\n";
}

}  // namespace tallygate::policy::testing
