#include "policy/lint/report.hpp"

#include "policy/language/printable.hpp"
#include "policy/request/path_bytes.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace tallygate::policy::lint {
namespace {

namespace json = boost::json;

constexpr Check load_check{
    load_id, "load", Severity::error, "A file that does not load",
    "It is no YAML of the kind that a policy takes, or has a key, value or name that a "
    "policy does not."};

/// Number of a check among checks(); load_check comes behind them.
std::size_t number_of(std::string_view id) noexcept {
  const auto all = checks();
  return static_cast<std::size_t>(
      std::find_if(all.begin(), all.end(), [&](const Check& check) { return check.id == id; }) - all.begin());
}

/// A path as a URI reference (RFC 3986): relative as it is, absolute as `file:`.
std::string uri_of(std::string_view path) {
  std::string out = path.starts_with('/') ? "file://" : "";
  for (const char c : path) {
    if (is_unreserved(static_cast<std::uint8_t>(c)) || c == '/') {
      out.push_back(c);
    } else {
      append_triplet(static_cast<std::uint8_t>(c), out);
    }
  }
  return out;
}

json::object text_of(std::string_view text) {
  return {{"text", text}};
}

json::object rule_of(const Check& check) {
  return {{"id", check.id},
          {"name", check.name},
          {"shortDescription", text_of(check.summary)},
          {"fullDescription", text_of(check.description)},
          {"help", text_of(check.description)},
          {"defaultConfiguration", {{"level", to_string(check.severity)}}}};
}

json::object location_of(const Finding& finding) {
  json::object physical{{"artifactLocation", {{"uri", uri_of(finding.file)}}}};
  if (finding.mark.line != 0) {
    physical["region"] = {{"startLine", finding.mark.line}, {"startColumn", finding.mark.column}};
  }
  return {{"physicalLocation", std::move(physical)}};
}

json::object result_of(const Finding& finding) {
  json::object result{{"ruleId", finding.id},
                      {"ruleIndex", number_of(finding.id)},
                      {"level", to_string(finding.severity)},
                      {"message", text_of(finding.message)},
                      {"locations", json::array{location_of(finding)}}};
  if (finding.reason) {
    result["suppressions"] = json::array{{{"kind", "inSource"}, {"justification", *finding.reason}}};
  }
  return result;
}

}  // namespace

Finding finding_of(const yaml::SyntaxError& error) {
  const auto all = checks();
  const auto check =
      std::find_if(all.begin(), all.end(), [&](const Check& each) { return each.id == error.id; });
  return {check == all.end() ? load_id : check->id,
          Severity::error,
          error.file,
          error.mark,
          error.message,
          std::nullopt};
}

std::string to_text(std::span<const Finding> findings) {
  std::string text;
  for (const Finding& finding : findings) {
    if (!finding.reason) {
      text += to_string(finding) + '\n';
    }
  }
  return text;
}

json::array to_json(std::span<const Finding> findings) {
  json::array array;
  for (const Finding& finding : findings) {
    json::object object{{"severity", to_string(finding.severity)},
                        {"file", printable(finding.file)},
                        {"message", printable(finding.message)}};
    if (finding.id != load_id) {
      object["id"] = finding.id;
    }
    if (finding.mark.line != 0) {
      object["line"] = finding.mark.line;
      object["column"] = finding.mark.column;
    }
    if (finding.reason) {
      object["suppressed"] = *finding.reason;
    }
    array.push_back(std::move(object));
  }
  return array;
}

std::string to_sarif(const Report& report, std::string_view version) {
  json::array rules;
  for (const Check& check : checks()) {
    rules.push_back(rule_of(check));
  }
  rules.push_back(rule_of(load_check));
  json::array results;
  for (const Finding& finding : report.findings) {
    results.push_back(result_of(finding));
  }
  json::array notifications;
  for (const std::string_view id : report.unfinished) {
    notifications.push_back(
        {{"level", "warning"},
         {"message", text_of(std::string(id) + " was too much work and is not finished")}});
  }
  json::object driver{{"name", "tallygate policy check"}, {"version", version}, {"rules", std::move(rules)}};
  json::object invocation{{"executionSuccessful", true},
                          {"toolExecutionNotifications", std::move(notifications)}};
  json::object run{{"tool", {{"driver", std::move(driver)}}},
                   {"columnKind", "unicodeCodePoints"},
                   {"invocations", json::array{std::move(invocation)}},
                   {"results", std::move(results)}};
  const json::object log{{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
                         {"version", "2.1.0"},
                         {"runs", json::array{std::move(run)}}};
  return json::serialize(log) + "\n";
}

}  // namespace tallygate::policy::lint
