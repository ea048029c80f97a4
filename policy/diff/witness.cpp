#include "policy/diff/witness.hpp"

#include "policy/diff/instants.hpp"
#include "policy/language/canonical_json.hpp"
#include "policy/testing/suite_reader.hpp"

#include <boost/json.hpp>

#include <map>
#include <stdexcept>

namespace tallygate::policy::diff {
namespace {

namespace json = boost::json;

std::string quoted(std::string_view text) {
  std::string out;
  append_canonical_string(text, out);  // JSON's strings are YAML's
  return out;
}

/// Collects `key: value` for a map in flow style.
class Flow {
 public:
  void add(std::string_view key, std::string_view value) {
    text_.append(text_.empty() ? "" : ", ").append(key).append(": ").append(value);
  }
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
  [[nodiscard]] std::string text() const { return "{" + text_ + "}"; }

 private:
  std::string text_;
};

template <typename Items, typename Words>
std::string list_yaml(const Items& items, Words words) {
  std::string text;
  for (const auto& item : items) {
    text.append(text.empty() ? "" : ", ").append(words(item));
  }
  return "[" + text + "]";
}

std::string value_yaml(const Value& value) {
  return policy::to_string(value);
}

std::string attributes_yaml(const std::vector<Attribute>& attributes) {
  Flow flow;
  for (const Attribute& each : attributes) {
    flow.add(quoted(each.name),
             each.values.size() == 1 ? value_yaml(each.values.front()) : list_yaml(each.values, value_yaml));
  }
  return flow.text();
}

json::object attributes_json(const std::vector<Attribute>& attributes) {
  json::object out;
  for (const Attribute& each : attributes) {
    json::array values;
    for (const Value& value : each.values) {
      values.push_back(std::visit([](const auto& held) { return json::value(held); }, value));
    }
    out[each.name] = std::move(values);
  }
  return out;
}

/// Lines by the name of their header, in order.
std::map<std::string, std::vector<std::string>> lines_of(const HeaderList& headers) {
  std::map<std::string, std::vector<std::string>> out;
  for (const auto& [name, value] : headers.lines()) {
    out[name].push_back(value);
  }
  return out;
}

std::string context_yaml(const Circumstances& around) {
  Flow flow;
  if (around.client) {
    flow.add("ip", quoted(to_string(*around.client)));
  }
  if (around.mfa_age) {
    flow.add("mfa_age", std::to_string(around.mfa_age->count()) + "s");
  }
  if (around.auth_age) {
    flow.add("auth_age", std::to_string(around.auth_age->count()) + "s");
  }
  if (around.auth_method) {
    flow.add("method_of_auth", to_string(*around.auth_method));
  }
  if (around.device) {
    flow.add("device", attributes_yaml(*around.device));
  }
  Flow headers;
  for (const auto& [name, values] : lines_of(around.headers)) {
    headers.add(quoted(name), list_yaml(values, quoted));
  }
  if (!headers.empty()) {
    flow.add("headers", headers.text());
  }
  return flow.empty() ? "" : flow.text();
}

json::object context_json(const Circumstances& around) {
  json::object out;
  if (around.client) {
    out["ip"] = to_string(*around.client);
  }
  if (around.mfa_age) {
    out["mfa_age_s"] = around.mfa_age->count();
  }
  if (around.auth_age) {
    out["auth_age_s"] = around.auth_age->count();
  }
  if (around.auth_method) {
    out["method_of_auth"] = to_string(*around.auth_method);
  }
  if (around.device) {
    out["device"] = attributes_json(*around.device);
  }
  json::object headers;
  for (const auto& [name, values] : lines_of(around.headers)) {
    headers[name] = json::array(values.begin(), values.end());
  }
  if (!headers.empty()) {
    out["headers"] = std::move(headers);
  }
  return out;
}

/// What a cell can say of a verdict: the outcome and the first of what decided.
std::string cell_of(const Verdict& verdict) {
  return std::string(to_string(verdict.outcome)) + " " + verdict.by.front();
}

std::string indented(std::string_view text) {
  std::string out;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = text.find('\n', start);
    out.append("  ").append(text.substr(start, end - start)).append(1, '\n');
    start = end + 1;
  }
  return out;
}

[[noreturn]] void unproven(const Row& row, const std::string& why) {
  throw std::logic_error("the witness " + request_text(row.witness) + " does not show " +
                         to_string(row.before) + " becoming " + to_string(row.after) + ": " + why);
}

void compare(const Row& row, const Verdict& before, const Verdict& after) {
  if (to_string(before) != to_string(row.before) || to_string(after) != to_string(row.after)) {
    unproven(row, to_string(before) + " became " + to_string(after));
  }
}

Verdict decide_cell(const testing::Suite& suite, const Program& program) {
  const testing::SuiteTest& test = suite.tests.front();
  const testing::Cell& cell = test.cells.front();
  DecideScratch scratch(program);
  return decide(program,
                {suite.principals[cell.principal].principal, suite.requests[cell.request],
                 suite.contexts[test.context].circumstances, test.now},
                scratch);
}

}  // namespace

bool fits_a_suite(const Witness& witness) noexcept {
  return witness.where.host.empty() || witness.where.route.empty();
}

std::string request_text(const Witness& witness) {
  return written(witness.where, witness.method).label;
}

std::string principal_yaml(const Principal& principal) {
  Flow flow;
  if (principal.anonymous) {
    flow.add("anonymous", "true");
    return flow.text();
  }
  if (!principal.user.empty()) {
    flow.add("user", quoted(principal.user));
  }
  flow.add("groups", list_yaml(principal.groups, quoted));
  if (!principal.claims.empty()) {
    flow.add("claims", attributes_yaml(principal.claims));
  }
  return flow.text();
}

std::string test_yaml(const Row& row, std::string_view test_name, std::string_view principal_name) {
  if (!fits_a_suite(row.witness)) {
    return {};
  }
  std::string out = "- name: " + quoted(test_name) + "\n";
  out += "  now: \"" + timestamp_of(row.witness.now) + "\"\n";
  if (const std::string context = context_yaml(row.witness.around); !context.empty()) {
    out += "  context: " + context + "\n";
  }
  out.append("  principals: [").append(principal_name).append("]\n");
  out += "  requests: [" + quoted(request_text(row.witness)) + "]\n";
  out += "  expect: " + cell_of(row.after) + "  # was: " + to_string(row.before) + "\n";
  return out;
}

std::string suite_yaml(std::span<const Row> rows, std::string_view name, std::span<const std::string> policy,
                       TimePoint now) {
  std::string principals;
  std::string tests;
  std::map<std::string, std::string> names;  // by principal
  std::size_t number = 0;
  for (const Row& row : rows) {
    ++number;
    if (!fits_a_suite(row.witness)) {
      continue;
    }
    const std::string principal = principal_yaml(row.witness.principal);
    const auto [found, added] = names.try_emplace(principal, "p" + std::to_string(names.size() + 1));
    if (added) {
      principals += "  " + found->second + ": " + principal + "\n";
    }
    const std::string title =
        std::to_string(number) + ", " + std::string(to_string(row.change)) + ": " + to_string(row.after);
    tests += indented(test_yaml(row, title, found->second));
  }
  std::string out = "suite: " + quoted(name) + "\npolicy: " + list_yaml(policy, quoted) + "\nnow: \"" +
                    timestamp_of(now) + "\"\n";
  return tests.empty() ? out + "tests: []\n" : out + "principals:\n" + principals + "tests:\n" + tests;
}

json::object witness_json(const Witness& witness) {
  json::object principal;
  if (witness.principal.anonymous) {
    principal["anonymous"] = true;
  } else {
    principal["user"] = witness.principal.user;
    principal["groups"] = json::array(witness.principal.groups.begin(), witness.principal.groups.end());
    principal["claims"] = attributes_json(witness.principal.claims);
  }
  json::object out{{"request", request_text(witness)}};
  if (!witness.where.route.empty()) {
    out["route"] = witness.where.route;
  }
  out["principal"] = std::move(principal);
  out["context"] = context_json(witness.around);
  out["now"] = timestamp_of(witness.now);
  return out;
}

void prove(const Row& row, const Program& before, const Program& after) {
  if (!fits_a_suite(row.witness)) {
    compare(row, ask(before, row.witness), ask(after, row.witness));
    return;
  }
  const std::vector<std::string> policy{"policy.yaml"};
  const yaml::Result<testing::Suite> suite =
      testing::read_suite({"witness", suite_yaml(std::span(&row, 1), "witness", policy, row.witness.now)});
  if (suite.has_error()) {
    unproven(row, yaml::to_string(suite.error()));
  }
  const Verdict verdict = decide_cell(*suite, after);
  compare(row, decide_cell(*suite, before), verdict);
  if (!meets(verdict, suite->tests.front().cells.front().expected)) {
    unproven(row, "its test expects another thing");
  }
}

}  // namespace tallygate::policy::diff
