#include "policy/testing/suite_reader.hpp"

#include "policy/language/loader.hpp"
#include "policy/language/nearest.hpp"
#include "policy/testing/suite_keys.hpp"
#include "policy/testing/suite_parts.hpp"

#include <boost/unordered/unordered_flat_set.hpp>

#include <algorithm>
#include <optional>
#include <set>

namespace tallygate::policy::testing {
namespace {

/// Calls `read(name, value)` for each entry of a section whose keys are names.
template <typename Read>
void read_section(yaml::Map& map, std::string_view key, std::string_view what, yaml::Errors& errors,
                  Read read) {
  const std::optional<yaml::Node> section = map.find(key);
  if (!section) {
    return;
  }
  if (section->kind() != yaml::Kind::map || section->size() == 0) {
    yaml::add(errors, *section,
              "'" + std::string(key) +
                  "' is a map from names to their meaning, with at least one; leave it out if there is none");
    return;
  }
  for (std::size_t i = 0; i < section->size(); ++i) {
    const auto [name_node, value] = section->entry(i);
    if (std::optional<std::string> name = read_name(name_node, what, errors)) {
      read(*std::move(name), value);
    }
  }
}

/// `principal_groups:` one entry: a list of principals, which `principals` holds.
void read_principal_group(std::string name, const yaml::Node& node, NameTable& principals, Suite& suite,
                          yaml::Errors& errors) {
  PrincipalGroup group{std::move(name), {}};
  if (principals.places.contains(group.name)) {
    yaml::add(errors, node, "'" + group.name + "' is a principal already; call the group otherwise");
  }
  boost::unordered_flat_set<std::size_t> seen;
  for (const yaml::Node& item : yaml::list(node, "a group of principals", errors)) {
    const std::optional<std::size_t> member = find_name(item, principals, "principal", errors);
    if (member && !seen.insert(*member).second) {
      yaml::add(errors, item, "principal '" + item.scalar() + "' stands twice; each once");
    } else if (member) {
      group.members.push_back(*member);
    }
  }
  suite.groups.push_back(std::move(group));
}

/// `principal_groups:`, after `principals:`.
void read_principal_groups(yaml::Map& map, Suite& suite, yaml::Errors& errors) {
  NameTable principals;
  for (const NamedPrincipal& each : suite.principals) {
    principals.add(each.name);
  }
  read_section(map, "principal_groups", "group of principals", errors,
               [&](std::string name, const yaml::Node& node) {
                 read_principal_group(std::move(name), node, principals, suite, errors);
               });
}

void read_policy_paths(yaml::Map& map, Suite& suite, yaml::Errors& errors) {
  const std::optional<yaml::Node> node = map.require("policy");
  if (!node) {
    return;
  }
  std::vector<yaml::Node> items{*node};
  if (node->kind() == yaml::Kind::list) {
    items = yaml::list(*node, "'policy'", errors);
  }
  for (const yaml::Node& item : items) {
    if (std::optional<std::string> path = yaml::text(item, "'policy'", errors)) {
      suite.policy.push_back({*std::move(path), item.mark()});
    }
  }
}

std::optional<TimePoint> read_now(yaml::Map& map, yaml::Errors& errors) {
  const std::optional<yaml::Node> node = map.find("now");
  if (!node) {
    if (map) {
      yaml::add(
          errors, map.node(),
          "the suite has no 'now'; no test reads the real clock, write one like \"2026-03-04T10:00:00Z\"");
    }
    return std::nullopt;
  }
  const auto time = read_timestamp(*node, "'now'", errors);
  return time ? std::optional(to_time_point(*time)) : std::nullopt;
}

bool looks_like_policy(const yaml::Node& root) {
  bool rules = false;
  bool tests = false;
  for (std::size_t i = 0; i < root.size(); ++i) {
    const std::string& key = root.entry(i).first.scalar();
    rules |= key == "rules";
    tests |= key == "tests" || key == "suite";
  }
  return rules && !tests;
}

void read_tests(yaml::Map& map, TimePoint now, Suite& suite, yaml::Errors& errors) {
  const std::optional<yaml::Node> node = map.require("tests");
  if (!node) {
    return;
  }
  Tables tables(suite);
  tables.seal();
  const std::vector<yaml::Node> items = yaml::list(*node, "'tests'", errors);
  if (items.size() > tests_max) {
    yaml::add(errors, *node, "a suite has at most " + std::to_string(tests_max) + " tests; split it");
    return;
  }
  std::set<std::string> names;
  std::size_t cells = 0;
  for (const yaml::Node& item : items) {
    if (errors.full()) {
      return;
    }
    std::optional<SuiteTest> test = read_test(item, now, tables, suite, errors);
    if (!test) {
      continue;
    }
    if (!test->name.empty() && !names.insert(test->name).second) {
      yaml::add(errors, item, "test '" + printable(test->name) + "' stands twice; names are unique");
    }
    cells += test->cells.size();
    if (cells > cells_max) {
      yaml::add(errors, item, "a suite has at most " + std::to_string(cells_max) + " cells; split it");
      return;
    }
    suite.tests.push_back(*std::move(test));
  }
}

}  // namespace

yaml::Result<Suite> read_suite(const yaml::SourceFile& file) {
  const yaml::Result<yaml::Document> document = yaml::parse(file.text, file.name);
  if (document.has_error()) {
    return document.error();
  }
  yaml::Errors errors;
  Suite suite;
  suite.file = file.name;
  yaml::Map map(document->root(), "the suite", keys::suite, errors);
  if (map && looks_like_policy(document->root())) {
    yaml::add(errors, document->root(),
              "this is a policy, not a suite of tests; 'tallygate policy check' checks it");
    return errors.take();
  }
  if (map) {
    (void)map.integer("version", 1, 1);
    suite.name = map.require_text("suite").value_or("");
    read_policy_paths(map, suite, errors);
    const std::optional<TimePoint> now = read_now(map, errors);
    read_section(map, "principals", "principal", errors, [&](std::string name, const yaml::Node& node) {
      suite.principals.push_back({std::move(name), read_principal(node, errors)});
    });
    read_principal_groups(map, suite, errors);
    read_section(map, "contexts", "context", errors, [&](std::string name, const yaml::Node& node) {
      suite.contexts.push_back({std::move(name), read_circumstances(node, errors)});
    });
    read_section(map, "requests", "request", errors, [&](std::string name, const yaml::Node& node) {
      WrittenRequest request = read_inline_request(node, errors).value_or(WrittenRequest{});
      request.label = std::move(name);
      suite.requests.push_back(std::move(request));
    });
    read_tests(map, now.value_or(TimePoint{}), suite, errors);
    map.finish();
  }
  if (!errors.empty()) {
    return errors.take();
  }
  return suite;
}

yaml::SyntaxErrors check_names(const Suite& suite, const Policy& policy) {
  yaml::Errors errors;
  std::set<yaml::Mark> seen;  // the `expect` of a list belongs to many cells
  for (const SuiteTest& test : suite.tests) {
    for (const Cell& cell : test.cells) {
      if (!seen.insert(cell.mark).second) {
        continue;
      }
      if (std::optional<std::string> problem = find_name_problem(cell.expected, policy)) {
        errors.add(suite.file, cell.mark, *std::move(problem));
      }
    }
  }
  return errors.take();
}

yaml::SyntaxErrors find_warnings(const Suite& suite, const Policy& policy) {
  yaml::Errors warnings;
  std::vector<std::string> routes;  // for a hint
  for (const Resource& resource : policy.resources) {
    if (!resource.route.empty()) {
      routes.push_back(resource.route);
    }
  }
  std::set<std::string> seen(routes.begin(), routes.end());
  for (const SuiteTest& test : suite.tests) {
    for (const Cell& cell : test.cells) {
      const std::string& route = suite.requests[cell.request].route;
      if (route.empty() || !seen.insert(route).second) {
        continue;
      }
      warnings.add(
          suite.file, cell.mark,
          "no resource of the policy names route '" + printable(route) + "'" + did_you_mean(route, routes));
    }
  }
  return warnings.take();
}

}  // namespace tallygate::policy::testing
