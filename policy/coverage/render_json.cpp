#include "policy/coverage/measure.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <utility>

namespace tallygate::policy::coverage {
namespace {

namespace json = boost::json;

json::array reasons_json(const std::vector<Missed>& reasons) {
  json::array array;
  for (const Missed& missed : reasons) {
    json::object object{
        {"clause", to_string(missed.clause)}, {"reason", to_string(missed.reason)}, {"count", missed.count}};
    if (!missed.name.empty()) {
      object["name"] = missed.name;
    }
    array.push_back(std::move(object));
  }
  return array;
}

json::object counts_json(const Program& program, const std::map<RuleIndex, std::size_t>& counts) {
  json::object object;
  for (const auto& [rule, count] : counts) {
    object[program.rule(rule).id] = count;
  }
  return object;
}

json::object nearest_json(const Nearest& nearest) {
  json::array missing;
  for (const ClauseTrace& clause : nearest.missing) {
    json::object object{{"clause", to_string(clause.clause)},
                        {"reason", to_string(clause.reason)},
                        {"actual", printable(clause.actual)},
                        {"needed", printable(clause.needed)}};
    if (!clause.name.empty()) {
      object["name"] = clause.name;
    }
    missing.push_back(std::move(object));
  }
  return {{"where", printable(nearest.where)}, {"missing", std::move(missing)}};
}

json::array rules_json(const Coverage& coverage) {
  const Policy& policy = coverage.program->policy();
  json::array array;
  for (std::size_t i = 0; i < coverage.rules.size(); ++i) {
    const RuleCoverage& rule = coverage.rules[i];
    json::object object{{"rule", policy.rules[i].id},
                        {"place", policy.at(policy.rules[i].place)},
                        {"covered", rule.decisive > 0},
                        {"state", to_string(rule.state())},
                        {"decisive", rule.decisive},
                        {"shared", rule.shared},
                        {"shared_with", counts_json(*coverage.program, rule.shared_with)},
                        {"overridden", rule.overridden},
                        {"overridden_by", counts_json(*coverage.program, rule.overridden_by)},
                        {"missed", rule.missed},
                        {"offered", rule.offered},
                        {"reasons", reasons_json(rule.reasons)}};
    if (rule.nearest) {
      object["nearest"] = nearest_json(*rule.nearest);
    }
    array.push_back(std::move(object));
  }
  return array;
}

json::array conditions_json(const Coverage& coverage) {
  const Policy& policy = coverage.program->policy();
  json::array array;
  for (std::size_t i = 0; i < coverage.conditions.size(); ++i) {
    const ConditionCoverage& seen = coverage.conditions[i];
    const bool unknown = !seen.may_be_unknown || seen.unknown > 0;
    array.push_back({{"condition", policy.conditions[i].name},
                     {"place", policy.at(policy.conditions[i].place)},
                     {"covered", seen.yes > 0 && seen.no > 0 && unknown},
                     {"true", seen.yes},
                     {"false", seen.no},
                     {"unknown", seen.unknown},
                     {"may_be_unknown", seen.may_be_unknown}});
  }
  return array;
}

json::array bindings_json(const Coverage& coverage) {
  const Policy& policy = coverage.program->policy();
  json::array array;
  for (std::size_t i = 0; i < coverage.bindings.size(); ++i) {
    const BindingCoverage& seen = coverage.bindings[i];
    json::object object{{"role", policy.bindings[i].role},
                        {"place", policy.at(policy.bindings[i].place)},
                        {"covered", seen.used > 0 && (!seen.may_end || seen.ended > 0)},
                        {"used", seen.used}};
    if (seen.may_end) {
      object["ended"] = seen.ended;
    }
    array.push_back(std::move(object));
  }
  return array;
}

json::array roles_json(const Coverage& coverage) {
  const Policy& policy = coverage.program->policy();
  json::array array;
  for (std::size_t i = 0; i < coverage.roles.size(); ++i) {
    array.push_back({{"role", policy.roles[i].name},
                     {"place", policy.at(policy.roles[i].place)},
                     {"covered", coverage.roles[i].used > 0},
                     {"used", coverage.roles[i].used}});
  }
  return array;
}

json::array resources_json(const Coverage& coverage) {
  const Policy& policy = coverage.program->policy();
  json::array array;
  for (std::size_t i = 0; i < coverage.resources.size(); ++i) {
    const ResourceCoverage& seen = coverage.resources[i];
    json::object object{{"resource", policy.resources[i].name},
                        {"place", policy.at(policy.resources[i].place)},
                        {"covered", seen.used > 0 && (!seen.may_exclude || seen.excluded > 0)},
                        {"used", seen.used}};
    if (seen.may_exclude) {
      object["excluded"] = seen.excluded;
    }
    array.push_back(std::move(object));
  }
  return array;
}

json::object with_share(const Share& share, json::object object) {
  object["percent"] = share.percent();
  object["seen"] = share.seen;
  object["outcomes"] = share.all;
  return object;
}

}  // namespace

json::object to_json(std::span<const Coverage> coverage) {
  json::array policies;
  for (const Coverage& each : coverage) {
    policies.push_back(with_share(each.share(), {{"policy", each.program->policy().name},
                                                 {"digest", each.program->digest_hex()},
                                                 {"questions", each.questions},
                                                 {"refused", each.refused},
                                                 {"rules", rules_json(each)},
                                                 {"conditions", conditions_json(each)},
                                                 {"bindings", bindings_json(each)},
                                                 {"roles", roles_json(each)},
                                                 {"resources", resources_json(each)}}));
  }
  return with_share(share_of(coverage), {{"policies", std::move(policies)}});
}

}  // namespace tallygate::policy::coverage
