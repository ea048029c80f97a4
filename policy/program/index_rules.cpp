#include "policy/program/build.hpp"
#include "policy/program/known.hpp"

#include <algorithm>
#include <array>

namespace tallygate::policy {
namespace {

constexpr std::array<std::string_view, 7> usual_methods{"GET", "HEAD",  "OPTIONS", "POST",
                                                        "PUT", "PATCH", "DELETE"};

MethodMask make_mask(const Rule& rule) {
  MethodMask mask;
  mask.any = rule.methods.any;
  for (const std::string& name : rule.methods.names) {
    const std::uint8_t bit = method_bit(name);
    mask.bits = static_cast<std::uint8_t>(mask.bits | bit);
    mask.others = mask.others || bit == 0;
  }
  if (rule.effect == Effect::deny && (mask.bits & method_bit("GET")) != 0) {
    mask.bits = static_cast<std::uint8_t>(mask.bits | method_bit("HEAD"));
  }
  return mask;
}

/// Appends the conditions of these names.
Range put_conditions(const Program& program, const std::vector<std::string>& names, Index& index) {
  const auto first = static_cast<std::uint32_t>(index.condition_lists.size());
  for (const std::string& name : names) {
    index.condition_lists.push_back(known(program.find_condition(name)));
  }
  return {first, static_cast<std::uint32_t>(index.condition_lists.size())};
}

}  // namespace

std::uint8_t method_bit(std::string_view method) noexcept {
  for (std::size_t i = 0; i < usual_methods.size(); ++i) {
    if (usual_methods[i] == method) {
      return static_cast<std::uint8_t>(1u << i);
    }
  }
  return 0;
}

void build_conditions(const Program& program, Index& index) {
  for (const Condition& condition : program.policy().conditions) {
    CompiledCondition& compiled = index.conditions.emplace_back();
    if (const auto* all = std::get_if<AllOf>(&condition.test)) {
      compiled.operands = put_conditions(program, all->names, index);
    } else if (const auto* any = std::get_if<AnyOf>(&condition.test)) {
      compiled.operands = put_conditions(program, any->names, index);
    } else if (const auto* negated = std::get_if<NotOf>(&condition.test)) {
      compiled.operands = put_conditions(program, {negated->name}, index);
    }
  }
}

void build_rules(const Program& program, Index& index) {
  const Policy& policy = program.policy();
  std::vector<std::vector<Posting>> deny(policy.resources.size());
  std::vector<std::vector<Posting>> allow(policy.resources.size());
  for (std::size_t number = 0; number < policy.rules.size(); ++number) {
    const Rule& rule = policy.rules[number];
    CompiledRule& compiled = index.rules.emplace_back();
    compiled.methods = make_mask(rule);
    compiled.when = put_conditions(program, rule.when, index);
    compiled.unless = put_conditions(program, rule.unless, index);
    auto& lists = rule.effect == Effect::deny ? deny : allow;
    for (const std::string& name : rule.roles) {
      const RoleIndex role = known(program.find_role(name));
      compiled.login_helps = compiled.login_helps || (role != everyone_index && role != anonymous_index);
      for (const std::string& resource : rule.resources) {
        lists[known(program.find_resource(resource))].push_back({role, static_cast<RuleIndex>(number)});
      }
    }
  }
  const auto put = [&index](std::vector<Posting>& list) {
    std::sort(list.begin(), list.end(), [](const Posting& left, const Posting& right) {
      return left.role != right.role ? left.role < right.role : left.rule < right.rule;
    });
    const auto first = static_cast<std::uint32_t>(index.postings.size());
    index.postings.insert(index.postings.end(), list.begin(), list.end());
    return Range{first, static_cast<std::uint32_t>(index.postings.size())};
  };
  for (std::vector<Posting>& list : deny) {
    index.deny.push_back(put(list));
  }
  for (std::vector<Posting>& list : allow) {
    index.allow.push_back(put(list));
  }
}

}  // namespace tallygate::policy
