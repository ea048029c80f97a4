#include "policy/diff/changes.hpp"

#include "policy/language/digest.hpp"
#include "policy/program/known.hpp"

#include <algorithm>
#include <map>
#include <unordered_set>
#include <utility>

namespace tallygate::policy::diff {
namespace {

using Texts = std::vector<std::string>;

std::string text_of(const Resource& resource) {
  Policy alone;
  alone.resources.push_back(resource);
  return canonical_json(alone);
}

std::string text_of(const Binding& binding) {
  Policy alone;
  alone.bindings.push_back(binding);
  return canonical_json(alone);
}

void add_conditions(const Program& program, const std::string& name, std::set<ConditionIndex>& out) {
  const ConditionIndex index = known(program.find_condition(name));
  if (!out.insert(index).second) {
    return;
  }
  for (const std::string& operand : operands_of(program.condition(index).test)) {
    add_conditions(program, operand, out);
  }
}

/// The rule and all conditions it reads.
std::string text_of(const Program& program, const Rule& rule) {
  Policy alone;
  alone.rules.push_back(rule);
  alone.rules.front().message.clear();
  std::set<ConditionIndex> conditions;
  for (const auto* names : {&rule.when, &rule.unless}) {
    for (const std::string& name : *names) {
      add_conditions(program, name, conditions);
    }
  }
  for (const ConditionIndex index : conditions) {
    alone.conditions.push_back(program.condition(index));
  }
  return canonical_json(alone);
}

/// By item: whether the other side lacks its text.
std::vector<bool> missing(const Texts& own, const Texts& other) {
  const std::unordered_set<std::string> there(other.begin(), other.end());
  std::vector<bool> out;
  out.reserve(own.size());
  for (const std::string& text : own) {
    out.push_back(!there.contains(text));
  }
  return out;
}

template <typename Items, typename TextOf>
std::array<std::vector<bool>, 2> compare(const Items& before, const Items& after, TextOf text_of_item) {
  std::array<Texts, 2> texts;
  for (const auto& item : before) {
    texts[0].push_back(text_of_item(item, 0));
  }
  for (const auto& item : after) {
    texts[1].push_back(text_of_item(item, 1));
  }
  return {missing(texts[0], texts[1]), missing(texts[1], texts[0])};
}

/// Marks the role and all that it gives.
void spread(const Program& program, const std::string& role, std::set<std::string>& out) {
  std::vector<std::string> open{role};
  while (!open.empty()) {
    const std::string name = std::move(open.back());
    open.pop_back();
    const auto index = program.find_role(name);
    if (!index || *index < first_own_role_index) {
      continue;
    }
    for (const std::string& included : program.policy().roles[*index - first_own_role_index].includes) {
      if (out.insert(included).second) {
        open.push_back(included);
      }
    }
  }
}

/// Roles whose own bindings or own inclusions differ, and what these give in either policy.
std::set<std::string> changed_roles(const Side& before, const Side& after, const Changes& changes) {
  std::set<std::string> found;
  const std::array<const Side*, 2> sides{&before, &after};
  for (std::size_t side = 0; side < sides.size(); ++side) {
    const Policy& policy = sides[side]->policy();
    for (std::size_t i = 0; i < policy.bindings.size(); ++i) {
      if (changes.bindings[side][i]) {
        found.insert(policy.bindings[i].role);
      }
    }
  }
  const auto edges = [](const Policy& policy) {
    std::set<std::pair<std::string, std::string>> out;
    for (const Role& role : policy.roles) {
      for (const std::string& included : role.includes) {
        out.emplace(role.name, included);
      }
    }
    return out;
  };
  const auto old_edges = edges(before.policy());
  const auto new_edges = edges(after.policy());
  std::vector<std::pair<std::string, std::string>> differing;
  std::set_symmetric_difference(old_edges.begin(), old_edges.end(), new_edges.begin(), new_edges.end(),
                                std::back_inserter(differing));
  for (const auto& [role, included] : differing) {
    found.insert(included);
  }
  const std::set<std::string> roots = found;
  for (const std::string& role : roots) {
    spread(before.program(), role, found);
    spread(after.program(), role, found);
  }
  return found;
}

}  // namespace

Changes find_changes(const Side& before, const Side& after) {
  Changes changes;
  const std::array<const Program*, 2> programs{&before.program(), &after.program()};
  changes.rules = compare(before.policy().rules, after.policy().rules,
                          [&](const Rule& rule, std::size_t side) { return text_of(*programs[side], rule); });
  changes.resources = compare(before.policy().resources, after.policy().resources,
                              [](const Resource& resource, std::size_t) { return text_of(resource); });
  changes.bindings = compare(before.policy().bindings, after.policy().bindings,
                             [](const Binding& binding, std::size_t) { return text_of(binding); });
  changes.roles = changed_roles(before, after, changes);
  return changes;
}

Changes all_changed(const Side& before, const Side& after) {
  Changes changes;
  const std::array<const Side*, 2> sides{&before, &after};
  for (std::size_t side = 0; side < sides.size(); ++side) {
    const Policy& policy = sides[side]->policy();
    changes.rules[side].assign(policy.rules.size(), true);
    changes.resources[side].assign(policy.resources.size(), true);
    changes.bindings[side].assign(policy.bindings.size(), true);
    for (const Role& role : policy.roles) {
      changes.roles.insert(role.name);
    }
  }
  return changes;
}

}  // namespace tallygate::policy::diff
