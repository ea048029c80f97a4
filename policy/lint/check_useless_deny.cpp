#include "policy/lint/reach.hpp"

#include <algorithm>

namespace tallygate::policy::lint {
namespace {

bool names_route(const Study& study, const Rule& rule) {
  return std::any_of(rule.resources.begin(), rule.resources.end(),
                     [&](const std::string& name) { return !study.resource(name).route.empty(); });
}

/// L6: whether the deny rule closes something that the allow rule opens. True if in doubt, as with a route,
/// of which nobody knows here what hosts it has.
bool closes(Study& study, const Rule& deny, const Rule& allow) {
  const Together who = together(allow, deny);
  if (!methods_meet(allow, deny) || (!who.anonymous && !who.person)) {
    return false;
  }
  const Demand demands[] = {{&allow, is_yes}, {&deny, static_cast<Truths>(is_yes | is_unknown)}};
  const auto meet = [&](bool anonymous) {
    return study.circumstances().possible(
               demands, {.anonymous = anonymous, .all = false, .address = false}) != Possible::no;
  };
  if (!(who.anonymous && meet(true)) && !(who.person && meet(false))) {
    return false;
  }
  if (names_route(study, deny) || names_route(study, allow)) {
    return true;
  }
  const std::vector<const Resource*> others = resources_of(study, deny);
  return std::any_of(allow.resources.begin(), allow.resources.end(), [&](const std::string& name) {
    const Walk walk = visit_targets(study, study.resource(name), Effect::allow, others,
                                    [&](const Target& target, const PathReadings& path) {
                                      return !speaks_of(study, deny, target, path);
                                    });
    return walk != Walk::complete;
  });
}

/// `of_routes`: the allow rules that name a route.
void check_useless(Study& study, const Rule& deny, const std::vector<RuleIndex>& of_routes) {
  const auto& rules = study.policy().rules;
  const auto closed = [&](RuleIndex number) {
    return rules[number].effect == Effect::allow && (!study.spend() || closes(study, deny, rules[number]));
  };
  bool useful = std::any_of(of_routes.begin(), of_routes.end(), closed);
  if (!useful && names_route(study, deny)) {
    for (RuleIndex number = 0; number < rules.size() && !useful; ++number) {
      useful = closed(number);
    }
  } else if (!useful) {
    const auto allows = rules_near(study, deny, Effect::allow);
    useful = std::any_of(allows.begin(), allows.end(), closed);
  }
  if (!useful) {
    study.add("L6", Severity::warning, deny.place,
              "deny rule " + quoted(deny.id) +
                  " denies nothing that an allow rule opens; correct its hosts, paths, methods or roles, or "
                  "remove it");
  }
}

}  // namespace

void check_useless_deny(Study& study) {
  study.begin({"L6"});
  const auto& rules = study.policy().rules;
  std::vector<RuleIndex> of_routes;
  for (RuleIndex number = 0; number < rules.size(); ++number) {
    if (rules[number].effect == Effect::allow && names_route(study, rules[number])) {
      of_routes.push_back(number);
    }
  }
  for (RuleIndex number = 0; number < rules.size() && study.spend(); ++number) {
    if (rules[number].effect == Effect::deny && !study.dead(number)) {
      check_useless(study, rules[number], of_routes);
    }
  }
}

}  // namespace tallygate::policy::lint
