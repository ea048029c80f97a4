#include "policy/replay/bounds.hpp"

#include "policy/evaluate/atoms.hpp"
#include "policy/program/index.hpp"

#include <algorithm>
#include <optional>
#include <variant>

namespace tallygate::policy {
namespace {

constexpr std::uint8_t not_looked_at = 0;
constexpr std::uint8_t does_not_apply = 1;
constexpr std::uint8_t does_apply = 2;

std::string in_quotes(std::string_view name) {
  return "'" + std::string(name) + "'";
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Whether what it tests is about the person, and neither about the time nor about the request.
bool is_of_person(const Test& test) noexcept {
  return std::holds_alternative<IpIn>(test) || std::holds_alternative<MfaWithin>(test) ||
         std::holds_alternative<AuthWithin>(test) || std::holds_alternative<ClaimsAre>(test) ||
         std::holds_alternative<MethodIn>(test);
}

/// Whether a step-up can name it.
bool is_mendable(const Test& test) noexcept {
  return std::holds_alternative<MfaWithin>(test) || std::holds_alternative<AuthWithin>(test) ||
         std::holds_alternative<DeviceIs>(test);
}

}  // namespace

Bounds::Bounds(const Program& program)
    : program_(program),
      held_(program.role_count()),
      reached_(program.role_count()),
      standings_(program.policy().rules.size()),
      conditions_(program.policy().conditions.size()) {
  for (const Rule& rule : program.policy().rules) {
    Parts& parts = rules_.emplace_back();
    for (const std::string& role : rule.roles) {
      if (const auto index = program.find_role(role)) {
        parts.roles.push_back(*index);
      }
    }
    for (const std::string& resource : rule.resources) {
      if (const auto index = program.find_resource(resource)) {
        parts.resources.push_back(*index);
      }
    }
  }
}

std::string Bounds::find_roles_problem(std::span<const std::string> names, TimePoint now) {
  held_.assign(held_.size(), false);
  std::optional<RoleIndex> before;
  for (const std::string& name : names) {
    const auto role = program_.find_role(name);
    if (!role) {
      return in_quotes(name) + " is no role of its policy";
    }
    if (before && *role <= *before) {
      return in_quotes(name) + " does not stand in its place";
    }
    before = role;
    held_[*role] = true;
  }
  if (!held_[everyone_index]) {
    return "everybody holds 'everyone'";
  }
  if (held_[anonymous_index] == held_[authenticated_index]) {
    return "everybody holds one of 'anonymous' and 'authenticated'";
  }
  if (is_anonymous() && names.size() > 2) {
    return "who is anonymous holds no other role";
  }
  return are_given(now) ? std::string() : "no bindings give exactly these roles";
}

/// Whether the roles held are those that some bindings give, with what these include.
bool Bounds::are_given(TimePoint now) {
  const Index& index = program_.index();
  const std::int64_t second = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  reached_.assign(reached_.size(), false);
  std::vector<RoleIndex> open;
  const auto reach = [this, &open](RoleIndex role) {
    if (!reached_[role]) {
      reached_[role] = true;
      open.push_back(role);
    }
  };
  for (const CompiledBinding& binding : index.bindings) {
    if (held_[binding.role] && second < binding.until) {
      reach(binding.role);
    }
  }
  while (!open.empty()) {
    const Range range = index.includes[open.back()];
    open.pop_back();
    for (std::uint32_t at = range.first; at < range.last; ++at) {
      reach(index.included[at]);
    }
  }
  return std::equal(held_.begin() + first_own_role_index, held_.end(),
                    reached_.begin() + first_own_role_index);
}

std::string Bounds::find_answer_problem(const RecordedQuestion& question, const CanonicalRequest& request,
                                        const RecordedAnswer& answer, Unknown unknown) {
  const Asked asked{question, request, question.circumstances.context(question.now, question.route),
                    PathReadings(request.path.matched), unknown};
  judge_all(asked);
  const bool allowed = answer.outcome == Outcome::allow;
  const Effect effect = allowed ? Effect::allow : Effect::deny;
  if (std::string problem = find_named_problem(answer, effect); !problem.empty()) {
    return problem;
  }
  if (std::string problem = find_passed_over(answer, Effect::deny); !problem.empty()) {
    return problem;
  }
  if (answer.outcome == Outcome::deny && !answer.rules.empty()) {
    return {};  // a deny rule is final, whatever allows
  }
  if (std::string problem = find_passed_over(answer, Effect::allow); !problem.empty()) {
    return problem;
  }
  if (allowed) {
    return answer.rules.empty() ? "nothing is allowed without a rule" : std::string();
  }
  if (answer.outcome == Outcome::step_up) {
    return find_step_up_problem(asked, answer);
  }
  return is_anonymous() && login_mends(asked, true) ? "a login would have helped" : std::string();
}

void Bounds::judge_all(const Asked& asked) {
  resources_.assign(2 * program_.policy().resources.size(), not_looked_at);
  conditions_known_.assign(conditions_.size(), not_looked_at);
  for (RuleIndex rule = 0; rule < standings_.size(); ++rule) {
    standings_[rule] = judge(asked, rule);
  }
}

Bounds::Standing Bounds::judge(const Asked& asked, RuleIndex index) {
  const Rule& rule = program_.rule(index);
  const bool deny = rule.effect == Effect::deny;
  if (!has_role(index)) {
    return Standing::other_roles;
  }
  if (!rule.methods.match(asked.request.method, deny)) {
    return Standing::other_methods;
  }
  if (!touches(asked, index)) {
    return Standing::other_resources;
  }
  // Every clause must be true for an allow rule, and must not be false for a deny rule.
  const Truth enough = deny ? Truth::unknown : Truth::yes;
  Between all{Truth::yes, Truth::yes};
  const Index& compiled = program_.index();
  const CompiledRule& clauses = compiled.rules[index];
  for (std::uint32_t at = clauses.when.first; at < clauses.when.last; ++at) {
    const Between one = truth(asked, compiled.condition_lists[at]);
    all = {both(all.least, one.least), both(all.most, one.most)};
  }
  for (std::uint32_t at = clauses.unless.first; at < clauses.unless.last; ++at) {
    const Between one = truth(asked, compiled.condition_lists[at]);
    all = {both(all.least, negate(one.most)), both(all.most, negate(one.least))};
  }
  return all.least >= enough ? Standing::must : all.most >= enough ? Standing::may : Standing::unmet;
}

bool Bounds::has_role(RuleIndex rule) const noexcept {
  const auto& roles = rules_[rule].roles;
  return std::any_of(roles.begin(), roles.end(), [this](RoleIndex role) { return is_held(role); });
}

bool Bounds::touches(const Asked& asked, RuleIndex rule) {
  const auto& resources = rules_[rule].resources;
  return std::any_of(resources.begin(), resources.end(), [&](ResourceIndex resource) {
    return applies(asked, resource, program_.rule(rule).effect);
  });
}

bool Bounds::applies(const Asked& asked, ResourceIndex index, Effect effect) {
  std::uint8_t& known = resources_[2 * index + (effect == Effect::deny ? 1 : 0)];
  if (known == not_looked_at) {
    const Resource& resource = program_.resource(index);
    const bool found = resource.route.empty() ? !asked.request.path.matched.empty() &&
                                                    match_host(resource, asked.request.host.name) &&
                                                    match_path(resource, asked.path, effect).matched()
                                              : resource.route == asked.question.route;
    known = found ? does_apply : does_not_apply;
  }
  return known == does_apply;
}

Bounds::Between Bounds::truth(const Asked& asked, ConditionIndex condition) {
  if (conditions_known_[condition] == not_looked_at) {
    conditions_[condition] = compute(asked, condition);
    conditions_known_[condition] = 1;
  }
  return conditions_[condition];
}

/// Strong Kleene logic never falls where an operand rises, so the bounds of the operands give those of all.
Bounds::Between Bounds::compute(const Asked& asked, ConditionIndex condition) {
  const Index& index = program_.index();
  const Test& test = program_.condition(condition).test;
  const Range operands = index.conditions[condition].operands;
  if (operands.empty()) {
    return atom(asked, test);
  }
  if (std::holds_alternative<NotOf>(test)) {
    const Between one = truth(asked, index.condition_lists[operands.first]);
    return {negate(one.most), negate(one.least)};
  }
  const bool all = std::holds_alternative<AllOf>(test);
  Between result = all ? Between{Truth::yes, Truth::yes} : Between{Truth::no, Truth::no};
  for (std::uint32_t at = operands.first; at < operands.last; ++at) {
    const Between one = truth(asked, index.condition_lists[at]);
    result = all ? Between{both(result.least, one.least), both(result.most, one.most)}
                 : Between{either(result.least, one.least), either(result.most, one.most)};
  }
  return result;
}

Bounds::Between Bounds::atom(const Asked& asked, const Test& test) const {
  const bool anybodys = !is_anonymous() || std::holds_alternative<IpIn>(test);
  const bool unknown = (asked.unknown.person && anybodys && is_of_person(test)) ||
                       (asked.unknown.headers && std::holds_alternative<HeadersAre>(test));
  if (unknown) {
    return {};
  }
  static const Principal nobody;
  const Principal& who = is_anonymous() ? nobody : asked.question.principal;
  const Truth truth = test_atom(test, who, asked.context);
  return {truth, truth};
}

/// Rules that are said to have decided and cannot.
std::string Bounds::find_named_problem(const RecordedAnswer& answer, Effect effect) const {
  for (const std::string& id : answer.rules) {
    const auto rule = program_.find_rule(id);
    if (!rule) {
      return in_quotes(id) + " is no rule of its policy";
    }
    if (program_.rule(*rule).effect != effect) {
      return "rule " + in_quotes(id) + " is of the other effect";
    }
    switch (standings_[*rule]) {
      case Standing::other_roles:
        return "rule " + in_quotes(id) + " is for other roles";
      case Standing::other_resources:
        return "rule " + in_quotes(id) + " is for other resources";
      case Standing::other_methods:
        return "rule " + in_quotes(id) + " is for other methods";
      case Standing::unmet:
        return "the conditions of rule " + in_quotes(id) + " are not met";
      case Standing::may:
      case Standing::must:
        break;
    }
  }
  return {};
}

/// A rule that matched, whoever it was, and is not among those that are said to have decided.
std::string Bounds::find_passed_over(const RecordedAnswer& answer, Effect effect) const {
  for (RuleIndex rule = 0; rule < standings_.size(); ++rule) {
    const Rule& one = program_.rule(rule);
    if (one.effect == effect && standings_[rule] == Standing::must && !contains(answer.rules, one.id)) {
      return "rule " + in_quotes(one.id) + " was passed over";
    }
  }
  return {};
}

std::string Bounds::find_step_up_problem(const Asked& asked, const RecordedAnswer& answer) {
  if (answer.login && !is_anonymous()) {
    return "who is known needs no login";
  }
  if (answer.login && !login_mends(asked, false)) {
    return "a login would not have helped";
  }
  for (const std::string& need : answer.needs) {
    const auto condition = program_.find_condition(need);
    if (!condition || !is_mendable(program_.condition(*condition).test)) {
      return in_quotes(need) + " is no condition that somebody could meet by a step-up";
    }
  }
  const bool any = std::any_of(standings_.begin(), standings_.end(), [this](const Standing& standing) {
    const auto rule = static_cast<RuleIndex>(&standing - standings_.data());
    return program_.rule(rule).effect == Effect::allow && standing >= Standing::unmet;
  });
  return any || answer.login ? std::string() : "there is no rule that a step-up could meet";
}

/// Whether a login could lead to an allow rule; `surely`: whatever is not known.
bool Bounds::login_mends(const Asked& asked, bool surely) {
  for (RuleIndex rule = 0; rule < standings_.size(); ++rule) {
    if (login_mends(asked, rule, surely)) {
      return true;
    }
  }
  return false;
}

bool Bounds::login_mends(const Asked& asked, RuleIndex index, bool surely) {
  const Rule& rule = program_.rule(index);
  const Index& compiled = program_.index();
  const CompiledRule& clauses = compiled.rules[index];
  if (rule.effect != Effect::allow || !rule.methods.match(asked.request.method, false) ||
      !touches(asked, index)) {
    return false;
  }
  // Conditions may ask for a login of those who hold the role already.
  if (!surely) {
    return true;
  }
  if (has_role(index) || !clauses.login_helps) {
    return false;
  }
  const auto first = compiled.condition_lists.begin();
  const bool met = std::all_of(first + clauses.when.first, first + clauses.when.last,
                               [&](ConditionIndex one) { return truth(asked, one).least == Truth::yes; });
  return met && std::all_of(first + clauses.unless.first, first + clauses.unless.last,
                            [&](ConditionIndex one) { return truth(asked, one).most == Truth::no; });
}

}  // namespace tallygate::policy
