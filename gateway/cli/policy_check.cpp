#include "audit/search/escape.hpp"
#include "gateway/cli/audit_arguments.hpp"
#include "gateway/cli/groups_seen.hpp"
#include "gateway/cli/policy_actions.hpp"
#include "gateway/cli/policy_files.hpp"
#include "gateway/settings.hpp"
#include "policy/language/loader.hpp"
#include "policy/language/nearest.hpp"
#include "policy/lint/report.hpp"
#include "policy/program/program.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tallygate::cli {
namespace {

namespace json = boost::json;
using policy::lint::Finding;
using policy::lint::Severity;

std::string count(std::size_t number, std::string_view what) {
  return std::to_string(number) + " " + std::string(what) + (number == 1 ? "" : "s");
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

/// Everything about one policy.
struct Outcome {
  std::shared_ptr<const policy::Program> program;  ///< null: it does not load
  policy::yaml::SyntaxErrors errors;
  policy::lint::Report report;  ///< without the errors

  [[nodiscard]] bool ok() const { return errors.empty() && !report.warns(); }
  [[nodiscard]] ExitCode exit_code() const {
    if (!errors.empty()) {
      return ExitCode::usage_error;
    }
    return report.warns() ? ExitCode::answer_is_no : ExitCode::done;
  }
  /// Errors and findings.
  [[nodiscard]] policy::lint::Report all() const {
    policy::lint::Report out{{}, report.unfinished};
    std::transform(errors.begin(), errors.end(), std::back_inserter(out.findings), policy::lint::finding_of);
    out.findings.insert(out.findings.end(), report.findings.begin(), report.findings.end());
    return out;
  }
};

/// `p.yaml: ok`, or how many warnings it has.
std::string file_line(const std::string& file, const policy::lint::Report& report,
                      const policy::Style& style) {
  const auto warnings =
      std::count_if(report.findings.begin(), report.findings.end(), [&](const Finding& finding) {
        return finding.file == file && finding.severity == Severity::warning && !finding.reason;
      });
  return policy::printable(file) + ": " +
         (warnings == 0 ? style.good("ok")
                        : style.warn(count(static_cast<std::size_t>(warnings), "warning"))) +
         "\n";
}

std::string summary(const Outcome& outcome, const policy::Style& style) {
  const policy::Policy& policy = outcome.program->policy();
  std::string out;
  for (const std::string& file : policy.files) {
    out += file_line(file, outcome.report, style);
  }
  const auto& findings = outcome.report.findings;
  const auto suppressed = std::count_if(findings.begin(), findings.end(),
                                        [](const Finding& finding) { return finding.reason.has_value(); });
  if (suppressed != 0) {
    out += count(static_cast<std::size_t>(suppressed), "finding") + " suppressed by comments\n";
  }
  out += "policy " + style.strong(policy.name) + ": " + count(policy.roles.size(), "role") + ", " +
         count(policy.bindings.size(), "binding") + ", " + count(policy.resources.size(), "resource") + ", " +
         count(policy.conditions.size(), "condition") + ", " + count(policy.rules.size(), "rule") + "\n";
  return out + "digest sha256:" + outcome.program->digest_hex() + "\n";
}

std::string json_document(const Outcome& outcome) {
  json::object document{{"ok", outcome.ok()}};
  if (outcome.program) {
    const policy::Policy& policy = outcome.program->policy();
    document["policy"] = policy.name;
    document["digest"] = outcome.program->digest_hex();
    document["counts"] = {{"roles", policy.roles.size()},
                          {"bindings", policy.bindings.size()},
                          {"resources", policy.resources.size()},
                          {"conditions", policy.conditions.size()},
                          {"rules", policy.rules.size()}};
  }
  const policy::lint::Report all = outcome.all();
  document["findings"] = policy::lint::to_json(all.findings);
  if (!all.unfinished.empty()) {
    document["unfinished"] = json::array(all.unfinished.begin(), all.unfinished.end());
  }
  return audit::inert_json(json::serialize(document)) + "\n";
}

std::string text_of(const Outcome& outcome) {
  std::string text = audit::inert_lines(policy::lint::to_text(outcome.report.findings));
  return outcome.errors.empty() ? text + summary(outcome, stdout_style()) : text;
}

/// Findings are the result, and go to stdout; mistakes that keep the policy from loading go to stderr too.
ExitCode print_outcome(const Outcome& outcome, std::string_view format) {
  const std::string text = format == "json"    ? json_document(outcome)
                           : format == "sarif" ? policy::lint::to_sarif(outcome.all(), TALLYGATE_VERSION)
                                               : text_of(outcome);
  if (!print(text)) {
    return ExitCode::not_possible;
  }
  std::fputs(policy::yaml::to_string(outcome.errors).c_str(), stderr);
  for (const std::string_view id : outcome.report.unfinished) {
    complain(std::string(id) + " was too much work for this policy and is not finished");
  }
  return outcome.exit_code();
}

/// The groups that were seen, if anybody says where; or the exit code.
std::variant<std::optional<std::vector<std::string>>, ExitCode> groups_of(const PolicyCheckOptions& options) {
  if (options.groups_seen.empty() && !options.recorded_groups && !options.journal.journal) {
    return std::nullopt;
  }
  JournalArguments journal = options.journal;
  if (options.recorded_groups) {
    journal.config = options.config;
  }
  auto groups =
      options.groups_seen.empty() ? groups_of_journal(journal) : groups_of_file(options.groups_seen);
  if (!groups) {
    return static_cast<ExitCode>(report_failure(groups.error()));
  }
  if (groups->empty()) {
    complain("nobody was seen with any group, so L21 is left out");
    return std::nullopt;
  }
  return std::move(*groups);
}

/// Mistakes in what gateway.yaml says of routes; or the exit code.
std::variant<policy::yaml::SyntaxErrors, ExitCode> check_routes(const PolicyCheckOptions& options,
                                                                const policy::Policy& policy) {
  const auto settings = load_settings(options.config);
  if (settings.has_value()) {
    return route_findings(policy, &*settings);
  }
  if (const auto config = read_files({options.config}); std::holds_alternative<ExitCode>(config)) {
    return std::get<ExitCode>(config);  // not there at all, which is another code than a mistake in it
  }
  return settings.error();
}

std::chrono::sys_seconds clock_now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

}  // namespace

ExitCode policy_check(const PolicyCheckOptions& options) {
  const auto now = options.now.empty() ? std::optional(clock_now()) : policy::parse_timestamp(options.now);
  if (!now) {
    complain("--now: '" + options.now + "' is no time; write it like 2026-03-04T10:00:00Z");
    return ExitCode::usage_error;
  }
  const auto read = read_files(options.files);
  if (const auto* code = std::get_if<ExitCode>(&read)) {
    return *code;
  }
  const auto& files = std::get<0>(read);
  Outcome outcome;
  auto program = policy::load_program(files);
  if (program.has_error()) {
    outcome.errors = program.error();
    return print_outcome(outcome, options.format);
  }
  outcome.program = *program;
  auto groups = groups_of(options);
  if (const auto* code = std::get_if<ExitCode>(&groups)) {
    return *code;
  }
  outcome.report = policy::lint::lint(*outcome.program, files, {*now, std::get<0>(std::move(groups))});
  if (options.config.empty()) {
    for (const auto& each : route_findings(outcome.program->policy(), nullptr)) {
      outcome.report.findings.push_back(policy::lint::finding_of(each));
      outcome.report.findings.back().severity = Severity::note;
    }
    return print_outcome(outcome, options.format);
  }
  auto routes = check_routes(options, outcome.program->policy());
  if (const auto* code = std::get_if<ExitCode>(&routes)) {
    return *code;
  }
  outcome.errors = std::get<0>(std::move(routes));
  return print_outcome(outcome, options.format);
}

}  // namespace tallygate::cli
