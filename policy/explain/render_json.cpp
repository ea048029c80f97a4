#include "policy/explain/explain.hpp"

#include <boost/json.hpp>
#include <date/date.h>

#include <chrono>

namespace tallygate::policy {
namespace {

namespace json = boost::json;

json::object request_json(const Explanation& explanation) {
  const CanonicalRequest& request = explanation.request;
  json::object object;
  json::array steps;
  for (const CanonicalStep& step : explanation.steps) {
    steps.push_back({{"rule", step.rule}, {"what", step.what}, {"value", step.value}});
  }
  if (explanation.code == RejectCode::none) {
    object["method"] = request.method;
    if (!request.host.name.empty() || explanation.route.empty()) {
      object["host"] = request.host.name;
    }
    if (!explanation.route.empty()) {
      object["route"] = printable(explanation.route);
    }
    object["path"] = request.path.matched;
    object["forwarded_path"] = request.path.to_forward();
    if (request.has_query) {
      object["query"] = printable(request.query);
    }
  } else {
    object["code"] = to_string(explanation.code);
  }
  object["steps"] = std::move(steps);
  return object;
}

json::array roles_json(const Program& program, const Trace& trace) {
  json::array roles;
  for (const RoleTrace& role : trace.roles) {
    json::object object{{"role", program.role_name(role.role)}};
    if (role.binding) {
      object["via"] = printable(role.via);
      object["at"] = program.policy().at(program.policy().bindings[*role.binding].place);
    } else if (role.included_by) {
      object["included_by"] = program.role_name(*role.included_by);
    }
    roles.push_back(std::move(object));
  }
  return roles;
}

json::object clause_json(const RuleTrace& rule, const ClauseTrace& clause) {
  json::object object{{"clause", to_string(clause.clause)}, {"holds", to_string(clause.truth)}};
  if (clause.reason != Reason::none) {
    object["reason"] = to_string(clause.reason);
  }
  if (!clause.name.empty()) {
    object["name"] = clause.name;
  }
  if (!clause.actual.empty()) {
    object["actual"] = printable(clause.actual);
  }
  if (!clause.needed.empty()) {
    object["needed"] = printable(clause.needed);
  }
  if (clause.widened) {
    object["widened"] = true;
  }
  object["fails"] = rule.fails(clause);
  return object;
}

json::array rules_json(const Program& program, const Trace& trace) {
  json::array rules;
  for (const RuleTrace& rule : trace.rules) {
    json::array clauses;
    for (const ClauseTrace& clause : rule.clauses) {
      clauses.push_back(clause_json(rule, clause));
    }
    json::object object{{"rule", program.rule(rule.rule).id},
                        {"effect", to_string(rule.effect)},
                        {"at", program.policy().at(program.rule(rule.rule).place)},
                        {"matched", rule.matched},
                        {"failing", rule.failing()}};
    if (const ClauseTrace* first = rule.first_failing()) {
      object["reason"] = to_string(first->reason);
    }
    object["clauses"] = std::move(clauses);
    rules.push_back(std::move(object));
  }
  return rules;
}

json::array texts_json(const std::vector<std::string>& texts) {
  json::array array;
  for (const std::string& text : texts) {
    array.emplace_back(printable(text));
  }
  return array;
}

}  // namespace

json::object to_json(const Program& program, const Explanation& explanation) {
  json::array misses;
  for (const NearMiss& miss : explanation.near_misses) {
    misses.push_back({{"rule", program.rule(miss.rule).id}, {"failing", miss.failing}});
  }
  const auto now = std::chrono::time_point_cast<std::chrono::seconds>(explanation.now);
  return {{"policy", program.policy().name},
          {"digest", program.digest_hex()},
          {"outcome", to_string(explanation.verdict.outcome)},
          {"by", texts_json(explanation.verdict.by)},
          {"now", date::format("%FT%TZ", now)},
          {"request", request_json(explanation)},
          {"roles", roles_json(program, explanation.trace)},
          {"rules", rules_json(program, explanation.trace)},
          {"near_misses", std::move(misses)},
          {"remedy", texts_json(explanation.remedy)}};
}

}  // namespace tallygate::policy
