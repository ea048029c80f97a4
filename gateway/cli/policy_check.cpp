#include "gateway/cli/policy_actions.hpp"
#include "gateway/cli/policy_files.hpp"
#include "gateway/settings.hpp"
#include "policy/language/nearest.hpp"
#include "policy/program/program.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tallygate::cli {
namespace {

namespace json = boost::json;

json::array findings_json(const policy::yaml::SyntaxErrors& errors, std::string_view severity) {
  json::array findings;
  for (const policy::yaml::SyntaxError& error : errors) {
    json::object finding{{"severity", severity},
                         {"file", error.file},
                         {"line", error.mark.line},
                         {"column", error.mark.column},
                         {"message", error.message}};
    if (!error.id.empty()) {
      finding["id"] = error.id;
    }
    findings.push_back(std::move(finding));
  }
  return findings;
}

json::object counts_json(const policy::Policy& policy) {
  return {{"roles", policy.roles.size()},
          {"bindings", policy.bindings.size()},
          {"resources", policy.resources.size()},
          {"conditions", policy.conditions.size()},
          {"rules", policy.rules.size()}};
}

std::string count(std::size_t number, std::string_view what) {
  return std::to_string(number) + " " + std::string(what) + (number == 1 ? "" : "s");
}

std::string summary(const policy::Program& program, const policy::Style& style) {
  const policy::Policy& policy = program.policy();
  std::string out;
  for (const std::string& file : policy.files) {
    out += file + ": " + style.good("ok") + "\n";
  }
  out += "policy " + style.strong(policy.name) + ": " + count(policy.roles.size(), "role") + ", " +
         count(policy.bindings.size(), "binding") + ", " + count(policy.resources.size(), "resource") + ", " +
         count(policy.conditions.size(), "condition") + ", " + count(policy.rules.size(), "rule") + "\n";
  return out + "digest sha256:" + program.digest_hex() + "\n";
}

/// What is to be said of resources that name a route of gateway.yaml: with its settings, the routes that are
/// not there; without, that nobody looked: a note, since a policy that names routes is right without its
/// gateway at hand.
policy::yaml::SyntaxErrors route_findings(const policy::Policy& policy, const Settings* settings) {
  policy::yaml::Errors findings;
  std::vector<std::string> routes;
  if (settings != nullptr) {
    for (const RouteSettings& route : settings->routes) {
      routes.push_back(route.name);
    }
  }
  for (const policy::Resource& resource : policy.resources) {
    if (resource.route.empty() || std::find(routes.begin(), routes.end(), resource.route) != routes.end()) {
      continue;
    }
    std::string message = "resource '" + resource.name + "' names the route '" + resource.route + "'";
    if (settings == nullptr) {
      message += ", which was not looked up; --config gateway.yaml does";
    } else {
      message += ", which " + settings->file.string() + " does not have";
      message += policy::did_you_mean(resource.route, routes);
    }
    const policy::Place& place = resource.place;
    findings.add(policy.files[place.file], place.mark, std::move(message));
  }
  return findings.take();
}

struct Outcome {
  bool ok = true;
  std::string_view severity = "error";
  policy::yaml::SyntaxErrors findings;
  const policy::Program* program = nullptr;
};

/// Prints the outcome; the exit code is that of its findings.
ExitCode report(const Outcome& outcome, bool as_json) {
  std::string text;
  if (as_json) {
    json::object document{{"ok", outcome.ok}};
    if (outcome.program != nullptr) {
      document["policy"] = outcome.program->policy().name;
      document["digest"] = outcome.program->digest_hex();
      document["counts"] = counts_json(outcome.program->policy());
    }
    document["findings"] = findings_json(outcome.findings, outcome.severity);
    text = json::serialize(document) + "\n";
  } else if (outcome.ok && outcome.program != nullptr) {
    text = summary(*outcome.program, stdout_style());
  }
  if (!text.empty() && !print(text)) {
    return ExitCode::not_possible;
  }
  for (const policy::yaml::SyntaxError& finding : outcome.findings) {
    const std::string line = policy::yaml::to_string(finding);
    std::fprintf(stderr, "%s%s\n", outcome.severity == "note" ? "note: " : "", line.c_str());
  }
  if (outcome.findings.empty()) {
    return ExitCode::done;
  }
  return outcome.severity == "note" ? ExitCode::done : ExitCode::usage_error;
}

}  // namespace

ExitCode policy_check(const PolicyCheckOptions& options) {
  const auto files = read_files(options.files);
  if (const auto* code = std::get_if<ExitCode>(&files)) {
    return *code;
  }
  Outcome outcome;
  const auto program = policy::load_program(std::get<0>(files));
  if (program.has_error()) {
    outcome.ok = false;
    outcome.findings = program.error();
    return report(outcome, options.json);
  }
  outcome.program = program->get();
  if (options.config.empty()) {
    outcome.severity = "note";
    outcome.findings = route_findings((*program)->policy(), nullptr);
    return report(outcome, options.json);
  }
  const auto settings = load_settings(options.config);
  if (settings.has_error()) {
    if (const auto config = read_files({options.config}); std::holds_alternative<ExitCode>(config)) {
      return std::get<ExitCode>(config);  // not there at all, which is another code than a mistake in it
    }
    outcome.findings = settings.error();
  } else {
    outcome.findings = route_findings((*program)->policy(), &*settings);
  }
  outcome.ok = outcome.findings.empty();
  return report(outcome, options.json);
}

}  // namespace tallygate::cli
