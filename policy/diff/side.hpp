#pragma once
/// One of the two policies of a comparison, with what is looked up again and again. Internal to policy/diff.
#include "policy/language/model.hpp"
#include "policy/program/program.hpp"

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::policy::diff {

/// Borrows the program. Threads: any, it never changes.
class Side {
 public:
  explicit Side(const Program& program);

  [[nodiscard]] const Program& program() const noexcept { return *program_; }
  [[nodiscard]] const Policy& policy() const noexcept { return program_->policy(); }
  /// Rules that name the resource, in order of id.
  [[nodiscard]] const std::vector<RuleIndex>& rules_of(ResourceIndex resource) const noexcept {
    return rules_of_[resource];
  }
  /// Bindings that give exactly this role.
  [[nodiscard]] const std::vector<std::size_t>& bindings_of(RoleIndex role) const noexcept {
    return bindings_of_[role];
  }
  /// Roles that include this one directly.
  [[nodiscard]] const std::vector<RoleIndex>& parents_of(RoleIndex role) const noexcept {
    return parents_of_[role];
  }
  /// The role itself and all roles that lead to it.
  [[nodiscard]] std::vector<RoleIndex> givers_of(RoleIndex role) const;
  /// Bindings that give one of these roles, or a role that leads to one. Names this policy does not know give
  /// none. In no order, a binding once for each role that it leads to.
  [[nodiscard]] std::vector<std::size_t> bindings_leading_to(const std::set<std::string>& roles) const;
  /// Conditions that a rule reads and that are not made of others; sorted, each once.
  [[nodiscard]] const std::vector<ConditionIndex>& atoms_of(RuleIndex rule) const noexcept {
    return atoms_of_[rule];
  }

 private:
  void add_atoms(const std::string& condition, std::vector<ConditionIndex>& out) const;

  const Program* program_;
  std::vector<std::vector<RuleIndex>> rules_of_;
  std::vector<std::vector<std::size_t>> bindings_of_;
  std::vector<std::vector<RoleIndex>> parents_of_;
  std::vector<std::vector<ConditionIndex>> atoms_of_;
};

/// The names of the conditions that this one is made of; none for those that test something themselves.
[[nodiscard]] std::vector<std::string> operands_of(const Test& test);

}  // namespace tallygate::policy::diff
