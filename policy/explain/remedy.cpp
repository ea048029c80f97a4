#include "policy/explain/remedy.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace tallygate::policy {
namespace {

constexpr std::size_t ways_max = 4;    // more would bury the answer
constexpr std::size_t offers_max = 3;  // rules that would allow it

std::string joined(const std::vector<std::string>& parts, std::string_view separator) {
  std::string text;
  for (const std::string& part : parts) {
    text.append(text.empty() ? "" : separator).append(part);
  }
  return text;
}

/// The role and all roles that include it, directly or not.
std::set<std::string> roles_that_give(const Policy& policy, const std::string& role) {
  std::set<std::string> found{role};
  for (bool grown = true; grown;) {
    grown = false;
    for (const Role& each : policy.roles) {
      const auto includes = [&found](const std::string& name) { return found.contains(name); };
      if (std::any_of(each.includes.begin(), each.includes.end(), includes)) {
        grown |= found.insert(each.name).second;
      }
    }
  }
  return found;
}

std::string way_of(const Policy& policy, const Binding& binding) {
  std::vector<std::string> ways;
  ways.reserve(binding.users.size() + binding.groups.size() + 1);
  for (const std::string& user : binding.users) {
    ways.push_back("user " + user);
  }
  for (const std::string& group : binding.groups) {
    ways.push_back("group " + group);
  }
  std::vector<std::string> claims;
  for (const Wanted& claim : binding.claims) {
    std::vector<std::string> values;
    values.reserve(claim.any_of.size());
    for (const Value& value : claim.any_of) {
      values.push_back(to_string(value));
    }
    claims.push_back(claim.name + " " + joined(values, " or "));
  }
  if (!claims.empty()) {
    ways.push_back("claims " + joined(claims, " and "));
  }
  if (ways.size() > ways_max) {
    const std::size_t more = ways.size() - ways_max;
    ways.resize(ways_max);
    ways.push_back(std::to_string(more) + " more");
  }
  return joined(ways, ", ") + " (" + policy.at(binding.place) + ")";
}

std::string clause_sentence(const ClauseTrace& clause) {
  std::string text = clause.name.empty() ? std::string(to_string(clause.clause)) : clause.name;
  if (clause.clause == Clause::unless) {
    text = "not " + text;
  }
  if (!clause.needed.empty()) {
    text += ": needs " + clause.needed;
  }
  if (!clause.actual.empty()) {
    text += " (has " + clause.actual + ")";
  }
  return text;
}

/// Says how the roles of a rule are come by.
void add_ways(const Program& program, const Rule& rule, std::vector<std::string>& out) {
  for (const std::string& name : rule.roles) {
    const std::optional<RoleIndex> role = program.find_role(name);
    if (!role || *role < first_own_role_index) {
      continue;
    }
    const std::vector<std::string> ways = ways_to_role(program, *role);
    out.push_back(
        "role " + name +
        (ways.empty() ? " is given to nobody: no binding leads to it" : " comes with " + joined(ways, "; ")));
  }
}

/// The nearest allow rules for this host, path and method: another request would be no remedy.
void offer_rules(const Program& program, const Explanation& explanation, std::vector<std::string>& out) {
  std::vector<const RuleTrace*> offers;
  for (const RuleTrace& rule : explanation.trace.rules) {
    if (rule.effect == Effect::allow && speaks_of_request(rule)) {
      offers.push_back(&rule);
    }
  }
  if (offers.empty()) {
    out.emplace_back("no allow rule speaks of this method on this host and path");
    return;
  }
  std::sort(offers.begin(), offers.end(), [](const RuleTrace* left, const RuleTrace* right) {
    return std::pair(left->failing(), left->rule) < std::pair(right->failing(), right->rule);
  });
  if (offers.size() > offers_max) {
    offers.resize(offers_max);
  }
  for (const RuleTrace* offer : offers) {
    const Rule& rule = program.rule(offer->rule);
    std::vector<std::string> parts;
    for (const ClauseTrace& clause : offer->clauses) {
      if (offer->fails(clause)) {
        parts.push_back(clause_sentence(clause));
      }
    }
    out.push_back("rule " + rule.id + " would allow it with " + joined(parts, ", and with "));
    const ClauseTrace* first = offer->first_failing();
    if (first != nullptr && first->reason == Reason::role_missing) {
      add_ways(program, rule, out);
    }
  }
}

/// How one condition of a deny rule keeps it in force.
std::string forbidding_sentence(const Program& program, const Explanation& explanation, const Rule& rule,
                                const ClauseTrace& clause) {
  std::string text = "rule " + rule.id + " forbids it " +
                     (clause.clause == Clause::when ? "while " : "unless ") + clause.name + " holds";
  for (const ConditionTrace& condition : explanation.trace.conditions) {
    if (program.condition(condition.condition).name != clause.name) {
      continue;
    }
    if (!condition.needed.empty()) {
      text += ": " + condition.needed;
    }
    if (!condition.actual.empty()) {
      text += "; now " + condition.actual;
    }
  }
  return text;
}

void explain_denials(const Program& program, const Explanation& explanation, std::vector<std::string>& out) {
  for (const RuleIndex index : explanation.trace.deciding) {
    const Rule& rule = program.rule(index);
    if (!rule.message.empty()) {
      out.push_back(rule.message);
    }
    for (const ClauseTrace& clause : explanation.trace.rules[index].clauses) {
      if (clause.clause == Clause::when || clause.clause == Clause::unless) {
        out.push_back(forbidding_sentence(program, explanation, rule, clause));
      }
    }
    if (rule.when.empty() && rule.unless.empty()) {
      out.push_back("rule " + rule.id + " forbids it whatever the circumstances; only its change opens it");
    }
  }
}

std::string mend_of(const Program& program, const Explanation& explanation, ConditionIndex index) {
  const auto& all = explanation.trace.conditions;
  const auto found =
      std::find_if(all.begin(), all.end(), [index](const auto& each) { return each.condition == index; });
  const std::string& name = program.condition(index).name;
  std::string text = "meet " + name;
  if (std::holds_alternative<MfaWithin>(program.condition(index).test)) {
    text = "confirm a second factor again (" + name + ")";
  } else if (std::holds_alternative<AuthWithin>(program.condition(index).test)) {
    text = "sign in again (" + name + ")";
  } else if (std::holds_alternative<DeviceIs>(program.condition(index).test)) {
    text = "let the device be checked (" + name + ")";
  }
  if (found == all.end()) {
    return text;
  }
  if (!found->needed.empty()) {
    text += ": needs " + found->needed;
  }
  if (!found->actual.empty()) {
    text += " (has " + found->actual + ")";
  }
  return text;
}

std::string reject_remedy(RejectCode code) {
  switch (code) {
    case RejectCode::encoded_slash:
      return "a resource whose paths really hold encoded slashes says 'encoded_slash: keep'";
    case RejectCode::double_encoding:
      return "a resource whose paths are really encoded twice says 'double_encoding: keep'";
    case RejectCode::path_params:
      return "a resource whose paths really carry parameters says 'path_params: ignore'";
    case RejectCode::ambiguous:
      return "give the resources that share this path the same path options";
    default:
      return "nothing in a policy opens this; the request has to be sent in another form";
  }
}

}  // namespace

std::vector<std::string> ways_to_role(const Program& program, RoleIndex role) {
  const Policy& policy = program.policy();
  const std::set<std::string> givers = roles_that_give(policy, std::string(program.role_name(role)));
  std::vector<std::string> ways;
  std::size_t more = 0;
  for (const Binding& binding : policy.bindings) {
    if (!givers.contains(binding.role)) {
      continue;
    }
    if (ways.size() == ways_max) {
      ++more;
    } else {
      ways.push_back(way_of(policy, binding));
    }
  }
  if (more > 0) {
    ways.push_back(std::to_string(more) + " more bindings");
  }
  return ways;
}

std::vector<std::string> remedy_of(const Program& program, const Explanation& explanation) {
  std::vector<std::string> out;
  switch (explanation.verdict.outcome) {
    case CellOutcome::allow:
      break;
    case CellOutcome::reject:
      out.push_back(reject_remedy(explanation.code));
      break;
    case CellOutcome::step_up:
      if (explanation.trace.login) {
        out.emplace_back("sign in");
      }
      for (const ConditionIndex index : explanation.trace.step_up) {
        out.push_back(mend_of(program, explanation, index));
      }
      break;
    case CellOutcome::deny:
      if (explanation.trace.deciding.empty()) {
        offer_rules(program, explanation, out);
      } else {
        explain_denials(program, explanation, out);
      }
      if (out.empty()) {
        out.emplace_back("the policy has no rule that could allow anything; add one");
      }
      break;
  }
  return out;
}

}  // namespace tallygate::policy
