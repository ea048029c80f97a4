#include "policy/coverage/measure.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace tallygate::policy::coverage {
namespace {

std::string percent(const Share& share) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%.1f %%", share.percent());
  return text.data();
}

std::string times(std::size_t count) {
  return count == 1 ? "once" : std::to_string(count) + " times";
}

std::string reason_words(Clause clause, Reason reason, const std::string& name) {
  std::string words(to_string(clause));
  if (!name.empty()) {
    words += ' ' + name;
  }
  return words + ": " + std::string(to_string(reason));
}

/// `a (3), b`: the count where it is not the whole.
std::string rule_counts(const Program& program, const std::map<RuleIndex, std::size_t>& counts,
                        std::size_t whole) {
  std::string words;
  for (const auto& [rule, count] : counts) {
    words += (words.empty() ? "" : ", ") + program.rule(rule).id;
    if (count != whole) {
      words += " (" + std::to_string(count) + ")";
    }
  }
  return words;
}

std::string what_came(const Program& program, const RuleCoverage& rule) {
  std::string words;
  const auto add = [&words](const std::string& more) { words += (words.empty() ? "" : "; ") + more; };
  if (rule.decisive > 0) {
    add("alone " + times(rule.decisive));
  }
  if (rule.shared > 0) {
    add("along with " + rule_counts(program, rule.shared_with, rule.shared) + " " + times(rule.shared));
  }
  if (rule.overridden > 0) {
    add("overridden by " + rule_counts(program, rule.overridden_by, rule.overridden) + " " +
        times(rule.overridden));
  }
  if (rule.offered > 0) {
    add("a step-up was asked for " + times(rule.offered));
  }
  return words;
}

/// Why a rule never matched.
void add_misses(const RuleCoverage& rule, std::string& out) {
  constexpr std::string_view indent = "                 ";
  if (!rule.reasons.empty()) {
    const Missed& most = rule.reasons.front();
    out.append(indent) += "most often " + reason_words(most.clause, most.reason, most.name) + ", " +
                          std::to_string(most.count) + " of " + std::to_string(rule.missed) + "\n";
  }
  if (!rule.nearest) {
    return;
  }
  out.append(indent) += "nearest " + printable(rule.nearest->where) + "\n";
  for (const ClauseTrace& clause : rule.nearest->missing) {
    out.append(indent) += "  " + reason_words(clause.clause, clause.reason, clause.name) + "; it is " +
                          printable(clause.actual) + ", it would have to be " + printable(clause.needed) +
                          "\n";
  }
}

void add_rules(const Coverage& coverage, const Style& style, std::string& out) {
  constexpr std::size_t width = 15;
  const Policy& policy = coverage.program->policy();
  for (std::size_t i = 0; i < coverage.rules.size(); ++i) {
    const RuleCoverage& rule = coverage.rules[i];
    const bool good = rule.state() == RuleState::decisive;
    std::string state(to_string(rule.state()));
    state.resize(width, ' ');
    out += "  " + (good ? style.good(state) : style.bad(state)) + style.strong(policy.rules[i].id);
    const std::string came = what_came(*coverage.program, rule);
    out += (came.empty() ? "" : "  " + came) + "  " + style.faint(policy.at(policy.rules[i].place)) + "\n";
    if (rule.state() == RuleState::never) {
      add_misses(rule, out);
    }
  }
}

/// One line for something of which an outcome was not seen.
void add_gap(std::string_view kind, const std::string& name, const Policy& policy, const Place& place,
             const std::string& what, const Style& style, std::string& out) {
  out += "  " + style.bad("not seen") + "       " + std::string(kind) + " " + style.strong(name) + ": " +
         what + "  " + style.faint(policy.at(place)) + "\n";
}

std::string never_values(const ConditionCoverage& condition) {
  std::string words;
  const auto add = [&words](bool missing, std::string_view value) {
    if (missing) {
      words.append(words.empty() ? "" : ", ").append(value);
    }
  };
  add(condition.yes == 0, "true");
  add(condition.no == 0, "false");
  add(condition.may_be_unknown && condition.unknown == 0, "unknown");
  return words;
}

std::string binding_words(const Binding& binding) {
  std::vector<std::string> ways = binding.users;
  ways.insert(ways.end(), binding.groups.begin(), binding.groups.end());
  if (!binding.claims.empty()) {
    ways.emplace_back("claims");
  }
  constexpr std::size_t shown_max = 3;
  std::string words = binding.role + " (";
  for (std::size_t i = 0; i < std::min(ways.size(), shown_max); ++i) {
    words += (i == 0 ? "" : ", ") + printable(ways[i]);
  }
  return words + (ways.size() > shown_max ? ", ...)" : ")");
}

void add_gaps(const Coverage& coverage, const Style& style, std::string& out) {
  const Policy& policy = coverage.program->policy();
  for (std::size_t i = 0; i < coverage.conditions.size(); ++i) {
    const std::string never = never_values(coverage.conditions[i]);
    const Condition& condition = policy.conditions[i];
    if (!never.empty()) {
      add_gap("condition", condition.name, policy, condition.place, never, style, out);
    }
  }
  for (std::size_t i = 0; i < coverage.bindings.size(); ++i) {
    const BindingCoverage& seen = coverage.bindings[i];
    const Binding& binding = policy.bindings[i];
    if (seen.used == 0) {
      add_gap("binding of", binding_words(binding), policy, binding.place, "gave its role", style, out);
    }
    if (seen.may_end && seen.ended == 0) {
      add_gap("binding of", binding_words(binding), policy, binding.place, "had ended", style, out);
    }
  }
  for (std::size_t i = 0; i < coverage.roles.size(); ++i) {
    if (coverage.roles[i].used == 0) {
      add_gap("role", policy.roles[i].name, policy, policy.roles[i].place, "held by somebody", style, out);
    }
  }
  for (std::size_t i = 0; i < coverage.resources.size(); ++i) {
    const ResourceCoverage& seen = coverage.resources[i];
    const Resource& resource = policy.resources[i];
    if (seen.used == 0) {
      add_gap("resource", resource.name, policy, resource.place, "asked for", style, out);
    }
    if (seen.may_exclude && seen.excluded == 0) {
      add_gap("resource", resource.name, policy, resource.place, "'except' asked for", style, out);
    }
  }
}

void add_policy(const Coverage& coverage, const Style& style, std::string& out) {
  const Share share = coverage.share();
  const bool whole = share.seen == share.all;
  out += style.strong("coverage") + " of " + style.strong(coverage.program->policy().name) + ": " +
         (whole ? style.good(percent(share)) : style.bad(percent(share))) + ", " +
         std::to_string(share.seen) + " of " + std::to_string(share.all) + " outcomes, in " +
         std::to_string(coverage.questions) + " cells, of which " + std::to_string(coverage.refused) +
         " were refused before the policy is asked\n";
  add_rules(coverage, style, out);
  add_gaps(coverage, style, out);
  out += "\n";
}

}  // namespace

std::string to_text(std::span<const Coverage> coverage, const Style& style) {
  std::string out;
  for (const Coverage& each : coverage) {
    add_policy(each, style, out);
  }
  return out;
}

}  // namespace tallygate::policy::coverage
