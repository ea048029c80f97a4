#include "policy/diff/side.hpp"

#include "policy/program/known.hpp"

#include <algorithm>
#include <variant>

namespace tallygate::policy::diff {

std::vector<std::string> operands_of(const Test& test) {
  if (const auto* all = std::get_if<AllOf>(&test)) {
    return all->names;
  }
  if (const auto* any = std::get_if<AnyOf>(&test)) {
    return any->names;
  }
  if (const auto* negated = std::get_if<NotOf>(&test)) {
    return {negated->name};
  }
  return {};
}

Side::Side(const Program& program)
    : program_(&program),
      rules_of_(program.policy().resources.size()),
      bindings_of_(program.role_count()),
      parents_of_(program.role_count()),
      atoms_of_(program.policy().rules.size()) {
  const Policy& own = policy();
  for (std::size_t i = 0; i < own.rules.size(); ++i) {
    const Rule& rule = own.rules[i];
    for (const std::string& name : rule.resources) {
      rules_of_[known(program.find_resource(name))].push_back(static_cast<RuleIndex>(i));
    }
    for (const auto* names : {&rule.when, &rule.unless}) {
      for (const std::string& name : *names) {
        add_atoms(name, atoms_of_[i]);
      }
    }
    std::sort(atoms_of_[i].begin(), atoms_of_[i].end());
    atoms_of_[i].erase(std::unique(atoms_of_[i].begin(), atoms_of_[i].end()), atoms_of_[i].end());
  }
  for (std::size_t i = 0; i < own.bindings.size(); ++i) {
    bindings_of_[known(program.find_role(own.bindings[i].role))].push_back(i);
  }
  for (const Role& role : own.roles) {
    for (const std::string& included : role.includes) {
      parents_of_[known(program.find_role(included))].push_back(known(program.find_role(role.name)));
    }
  }
}

std::vector<RoleIndex> Side::givers_of(RoleIndex role) const {
  std::vector<bool> seen(program_->role_count());
  std::vector<RoleIndex> found{role};
  seen[role] = true;
  for (std::size_t next = 0; next < found.size(); ++next) {
    for (const RoleIndex parent : parents_of_[found[next]]) {
      if (!seen[parent]) {
        seen[parent] = true;
        found.push_back(parent);
      }
    }
  }
  return found;
}

std::vector<std::size_t> Side::bindings_leading_to(const std::set<std::string>& roles) const {
  std::vector<std::size_t> out;
  for (const std::string& name : roles) {
    const auto role = program_->find_role(name);
    for (const RoleIndex giver : role ? givers_of(*role) : std::vector<RoleIndex>{}) {
      out.insert(out.end(), bindings_of_[giver].begin(), bindings_of_[giver].end());
    }
  }
  return out;
}

void Side::add_atoms(const std::string& condition, std::vector<ConditionIndex>& out) const {
  // The loader bounds depth and size.
  const ConditionIndex index = known(program_->find_condition(condition));
  const std::vector<std::string> operands = operands_of(program_->condition(index).test);
  if (operands.empty()) {
    out.push_back(index);
  }
  for (const std::string& operand : operands) {
    add_atoms(operand, out);
  }
}

}  // namespace tallygate::policy::diff
