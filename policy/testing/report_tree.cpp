#include "policy/testing/report_parts.hpp"

namespace tallygate::policy::testing {
namespace {

void add_cell(const SuiteResult& suite, const CellResult& cell, const Style& style, std::string& out) {
  if (cell.ok) {
    out += "      " + style.good("ok") + "    " + cell.request + "  " + style.faint(to_string(cell.actual)) +
           "\n";
    return;
  }
  out += "      " + style.bad("FAIL") + "  " + cell.request + "  expected " +
         style.strong(to_string(cell.expected)) + ", got " + style.bad(to_string(cell.actual)) + "  " +
         printable(suite.file) + ":" + std::to_string(cell.mark.line) + ":" +
         std::to_string(cell.mark.column) + "\n";
  out += indented(explain_text(suite, cell, style), "            ");
}

void add_suite(const SuiteResult& suite, const Style& style, std::string& out) {
  out += style.strong(printable(suite.name)) + "  " + style.faint(printable(suite.file)) + "\n";
  const CellResult* last = nullptr;
  for (const CellResult& cell : suite.cells) {
    const bool new_test = last == nullptr || last->test != cell.test;
    if (new_test) {
      out += "  " + printable(cell.test) + "\n";
    }
    if (new_test || last->principal != cell.principal) {
      out += "    " + printable(cell.principal) + "\n";
    }
    add_cell(suite, cell, style, out);
    last = &cell;
  }
  out += "\n";
}

}  // namespace

std::string report_tree(const RunResult& result, const Style& style) {
  std::string out;
  for (const SuiteResult& suite : result.suites) {
    if (!suite.cells.empty()) {
      add_suite(suite, style, out);
    }
  }
  return out + summary_line(result, style);
}

}  // namespace tallygate::policy::testing
