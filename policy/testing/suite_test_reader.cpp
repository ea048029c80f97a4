// One item of `tests:`: its table, and its lists of principals, requests and raw lines.
#include "policy/language/loader.hpp"
#include "policy/testing/suite_keys.hpp"
#include "policy/testing/suite_parts.hpp"

#include <algorithm>
#include <set>

namespace tallygate::policy::testing {
namespace {

std::vector<std::optional<std::size_t>> read_columns(const yaml::Node& node, Tables& tables,
                                                     yaml::Errors& errors) {
  std::vector<std::optional<std::size_t>> columns;
  std::set<std::string> seen;
  for (const yaml::Node& item : yaml::list(node, "'columns'", errors)) {
    columns.push_back(tables.find_or_add_request(item, errors));
    if (!seen.insert(item.scalar()).second) {
      yaml::add(errors, item, "column '" + printable(item.scalar()) + "' stands twice; each request once");
    }
  }
  return columns;
}

/// Says so if one of the principals was met before; else notes them.
void check_once(const yaml::Node& at, const std::vector<std::size_t>& principals, const Suite& suite,
                std::set<std::size_t>& seen, yaml::Errors& errors) {
  for (const std::size_t principal : principals) {
    if (errors.full()) {
      return;
    }
    if (!seen.insert(principal).second) {
      yaml::add(errors, at, "principal '" + suite.principals[principal].name + "' stands twice; each once");
    }
  }
}

/// Whether so many more cells are too many; then nothing may be made of them. A few names can ask for a great
/// many cells.
bool too_many(const yaml::Node& at, std::size_t principals, std::size_t requests, const SuiteTest& test,
              yaml::Errors& errors) {
  // Neither count is more than the values of a file, so the product overflows nothing.
  const bool too_many = principals * requests > cells_max - std::min(test.cells.size(), cells_max);
  if (too_many) {
    yaml::add(errors, at, "a suite has at most " + std::to_string(cells_max) + " cells; split it");
  }
  return too_many;
}

void read_row(const yaml::Node& key, const yaml::Node& row, const std::vector<std::size_t>& principals,
              const std::vector<std::optional<std::size_t>>& columns, SuiteTest& test, yaml::Errors& errors) {
  const std::vector<yaml::Node> cells = yaml::list(row, "row '" + printable(key.scalar()) + "'", errors);
  if (cells.size() != columns.size() && !cells.empty()) {
    yaml::add(errors, row,
              "row '" + printable(key.scalar()) + "' has " + std::to_string(cells.size()) +
                  " cells, the table has " + std::to_string(columns.size()) +
                  " columns; every row has every column");
    return;
  }
  if (too_many(row, principals.size(), cells.size(), test, errors)) {
    return;
  }
  std::vector<std::optional<Expectation>> expected;
  expected.reserve(cells.size());
  for (const yaml::Node& cell : cells) {
    expected.push_back(read_expectation(cell, "a cell", errors));
  }
  for (const std::size_t principal : principals) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::optional<std::size_t>& request = columns[i];
      if (request && expected[i]) {
        test.cells.push_back({principal, *request, *expected[i], cells[i].mark(), cells[i].mark()});
      }
    }
  }
}

void read_table(const yaml::Node& node, Tables& tables, const Suite& suite, SuiteTest& test,
                yaml::Errors& errors) {
  if (node.kind() != yaml::Kind::map) {
    yaml::add(errors, node, "a table is a map: 'columns' and a row for each principal");
    return;
  }
  std::optional<yaml::Node> columns_node;
  for (std::size_t i = 0; i < node.size(); ++i) {
    const auto [key, value] = node.entry(i);
    if (key.scalar() == "columns") {
      columns_node = value;
    }
  }
  if (!columns_node) {
    yaml::add(errors, node, "the table has no 'columns', the list of its requests");
    return;
  }
  const std::vector<std::optional<std::size_t>> columns = read_columns(*columns_node, tables, errors);
  bool rows = false;
  std::set<std::size_t> seen;
  for (std::size_t i = 0; i < node.size(); ++i) {
    const auto [key, value] = node.entry(i);
    if (key.scalar() == "columns") {
      continue;
    }
    rows = true;
    if (!columns.empty()) {
      const std::vector<std::size_t> principals = tables.find_principals(key, errors);
      check_once(key, principals, suite, seen, errors);
      read_row(key, value, principals, columns, test, errors);
    }
  }
  if (!rows) {
    yaml::add(errors, node, "the table has no row; write one for each principal");
  }
}

/// What the list form of a test asks: each of the principals, each of the requests.
struct Lists {
  std::vector<std::size_t> principals;
  std::vector<std::size_t> requests;
  std::vector<RawItem> raw;
  bool written = false;  ///< any of the three keys is there
};

std::vector<std::size_t> read_principals(const yaml::Node& node, const Tables& tables, const Suite& suite,
                                         yaml::Errors& errors) {
  std::vector<std::size_t> principals;
  std::set<std::size_t> seen;
  for (const yaml::Node& item : yaml::list(node, "'principals'", errors)) {
    if (errors.full()) {
      break;  // a group that is named again and again would be copied as often
    }
    const std::vector<std::size_t> found = tables.find_principals(item, errors);
    check_once(item, found, suite, seen, errors);
    principals.insert(principals.end(), found.begin(), found.end());
  }
  return principals;
}

void read_requests(const yaml::Node& node, Tables& tables, Suite& suite, Lists& lists, yaml::Errors& errors) {
  std::set<std::string> seen;
  for (const yaml::Node& item : yaml::list(node, "'requests'", errors)) {
    const std::optional<std::size_t> index = tables.find_or_add_request(item, errors);
    if (!seen.insert(item.scalar()).second) {
      suite.warnings.push_back({item.file(),
                                item.mark(),
                                "request '" + printable(item.scalar()) + "' is repeated in this list",
                                {}});
    } else if (index) {
      lists.requests.push_back(*index);
    }
  }
}

Lists read_lists(yaml::Map& map, Tables& tables, Suite& suite, yaml::Errors& errors) {
  Lists lists;
  const std::optional<yaml::Node> principals = map.find("principals");
  const std::optional<yaml::Node> requests = map.find("requests");
  const std::optional<yaml::Node> raw = map.find("raw");
  lists.written = principals || requests || raw;
  if (principals) {
    lists.principals = read_principals(*principals, tables, suite, errors);
  }
  if (requests) {
    read_requests(*requests, tables, suite, lists, errors);
  }
  if (raw) {
    for (const yaml::Node& item : yaml::list(*raw, "'raw'", errors)) {
      if (std::optional<RawItem> read = read_raw(item, errors)) {
        lists.raw.push_back(*std::move(read));
      }
    }
  }
  if (lists.written && !principals) {
    yaml::add(errors, map.node(), "this test has requests but no 'principals' to send them");
  }
  if (principals && !requests && !raw) {
    yaml::add(errors, *principals,
              "this test has 'principals' but neither 'requests' nor 'raw' for them to send");
  }
  return lists;
}

void add_list_cells(const yaml::Node& node, Lists lists, const std::optional<Expectation>& expected,
                    yaml::Mark mark, Tables& tables, SuiteTest& test, yaml::Errors& errors) {
  if (too_many(node, lists.principals.size(), lists.requests.size() + lists.raw.size(), test, errors)) {
    return;
  }
  std::vector<Cell> columns;
  for (const std::size_t request : lists.requests) {
    if (expected) {
      columns.push_back({0, request, *expected, mark, mark});
    }
  }
  for (RawItem& item : lists.raw) {
    const std::optional<Expectation>& own = item.expected ? item.expected : expected;
    if (own) {
      columns.push_back({0, tables.add_request(std::move(item.request)), *own, item.mark,
                         item.expected ? item.mark : mark});
    }
  }
  for (const std::size_t principal : lists.principals) {
    for (Cell cell : columns) {
      cell.principal = principal;
      test.cells.push_back(std::move(cell));
    }
  }
}

/// `expect:` is there where something has no expectation of its own, and only where there is a list for it.
std::optional<Expectation> read_expect(yaml::Map& map, const Lists& lists, yaml::Errors& errors) {
  const std::optional<yaml::Node> node = map.find("expect");
  const bool needed =
      !lists.requests.empty() ||
      std::any_of(lists.raw.begin(), lists.raw.end(), [](const RawItem& item) { return !item.expected; });
  if (!node) {
    if (needed) {
      yaml::add(errors, map.node(), "this test has no 'expect'; nothing is expected implicitly");
    }
    return std::nullopt;
  }
  if (!lists.written) {
    yaml::add(errors, *node, "'expect' says nothing here: every cell of a table says what it expects");
  }
  return read_expectation(*node, "'expect'", errors);
}

}  // namespace

std::optional<SuiteTest> read_test(const yaml::Node& node, TimePoint now, Tables& tables, Suite& suite,
                                   yaml::Errors& errors) {
  yaml::Map map(node, "test", keys::test, errors);
  if (!map) {
    return std::nullopt;
  }
  SuiteTest test;
  test.mark = node.mark();
  test.now = now;
  test.name = map.require_text("name").value_or("");
  if (const auto own_now = map.find("now")) {
    if (const auto time = read_timestamp(*own_now, "'now'", errors)) {
      test.now = to_time_point(*time);
    }
  }
  const std::optional<yaml::Node> context = map.find("context");
  const std::optional<std::size_t> context_index =
      context ? tables.find_or_add_context(*context, errors) : tables.no_context();
  test.context = context_index.value_or(0);
  const std::optional<yaml::Node> table = map.find("table");
  if (table) {
    read_table(*table, tables, suite, test, errors);
  }
  Lists lists = read_lists(map, tables, suite, errors);
  if (!table && !lists.written) {
    yaml::add(errors, node,
              "this test asks nothing; write a 'table', or 'principals' with 'requests' or 'raw'");
  }
  const std::optional<Expectation> expected = read_expect(map, lists, errors);
  yaml::Mark mark = node.mark();
  if (const auto expect = map.find("expect")) {
    mark = expect->mark();
  }
  add_list_cells(node, std::move(lists), expected, mark, tables, test, errors);
  map.finish();
  return test;
}

}  // namespace tallygate::policy::testing
