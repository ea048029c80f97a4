#include "policy/program/build.hpp"
#include "policy/program/known.hpp"

#include <algorithm>
#include <map>

namespace tallygate::policy {
namespace {

/// Turns lists by key into one vector and ranges of it.
template <typename Key, typename Item>
void flatten(const std::map<Key, std::vector<Item>>& lists, TextTable<Range>& table,
             std::vector<Item>& items) {
  table.reserve(lists.size());
  for (const auto& [key, list] : lists) {
    const auto first = static_cast<std::uint32_t>(items.size());
    items.insert(items.end(), list.begin(), list.end());
    table.emplace(key, Range{first, static_cast<std::uint32_t>(items.size())});
  }
}

}  // namespace

void build_roles(const Program& program, Index& index) {
  index.includes.resize(program.role_count());
  const std::vector<Role>& roles = program.policy().roles;
  for (std::size_t i = 0; i < roles.size(); ++i) {
    Range& range = index.includes[i + first_own_role_index];
    range.first = static_cast<std::uint32_t>(index.included.size());
    for (const std::string& name : roles[i].includes) {
      index.included.push_back(known(program.find_role(name)));
    }
    range.last = static_cast<std::uint32_t>(index.included.size());
  }
}

void build_bindings(const Program& program, Index& index) {
  std::map<std::string_view, std::vector<std::uint32_t>> users;
  std::map<std::string_view, std::vector<std::uint32_t>> groups;
  std::map<std::string_view, std::vector<ClaimGrant>> claims;
  for (const Binding& binding : program.policy().bindings) {
    const auto number = static_cast<std::uint32_t>(index.bindings.size());
    CompiledBinding& compiled = index.bindings.emplace_back();
    compiled.role = known(program.find_role(binding.role));
    if (binding.until) {
      compiled.until = binding.until->time_since_epoch().count();
    }
    for (const std::string& user : binding.users) {
      users[user].push_back(number);
    }
    for (const std::string& group : binding.groups) {
      groups[group].push_back(number);
    }
    if (binding.claims.empty()) {
      continue;
    }
    const Wanted& first = binding.claims.front();
    for (const Value& value : first.any_of) {
      claims[first.name].push_back({value, number});
    }
  }
  for (auto& [name, list] : claims) {
    std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.value < b.value; });
  }
  flatten(users, index.users, index.grants);
  flatten(groups, index.groups, index.grants);
  flatten(claims, index.claims, index.claim_grants);
}

}  // namespace tallygate::policy
