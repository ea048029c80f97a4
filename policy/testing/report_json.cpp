#include "policy/testing/report.hpp"

#include <boost/json.hpp>

namespace tallygate::policy::testing {
namespace {

namespace json = boost::json;

json::object cell_json(const SuiteResult& suite, const CellResult& cell) {
  json::object object{
      {"test", cell.test},      {"principal", cell.principal},          {"request", cell.request},
      {"line", cell.mark.line}, {"expected", to_string(cell.expected)}, {"actual", to_string(cell.actual)},
      {"ok", cell.ok}};
  if (cell.explanation) {
    object["explain"] = to_json(*suite.program, *cell.explanation);
  }
  return object;
}

}  // namespace

json::object to_json(const RunResult& result) {
  json::array suites;
  for (const SuiteResult& suite : result.suites) {
    json::array cells;
    for (const CellResult& cell : suite.cells) {
      cells.push_back(cell_json(suite, cell));
    }
    suites.push_back({{"file", printable(suite.file)},
                      {"suite", suite.name},
                      {"passed", suite.passed},
                      {"failed", suite.failed},
                      {"cells", std::move(cells)}});
  }
  return {{"ok", result.ok()},
          {"passed", result.passed},
          {"failed", result.failed},
          {"suites", std::move(suites)}};
}

std::string report_json(const RunResult& result) {
  return json::serialize(to_json(result)) + "\n";
}

}  // namespace tallygate::policy::testing
