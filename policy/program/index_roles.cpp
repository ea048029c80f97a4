#include "policy/program/build.hpp"
#include "policy/program/known.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace tallygate::policy {
namespace {

/// What is to be found under a key, in any order.
template <typename Item>
using Keyed = std::vector<std::pair<std::string_view, Item>>;

bool before(std::uint32_t left, std::uint32_t right) noexcept {
  return left < right;
}
bool before(const ClaimGrant& left, const ClaimGrant& right) noexcept {
  return std::tie(left.value, left.binding) < std::tie(right.value, right.binding);
}

/// Turns items by key into one vector and ranges of it; those of one key in order.
template <typename Item>
void flatten(Keyed<Item>& keyed, TextTable<Range>& table, std::vector<Item>& items) {
  std::sort(keyed.begin(), keyed.end(), [](const auto& a, const auto& b) {
    const int order = a.first.compare(b.first);
    return order != 0 ? order < 0 : before(a.second, b.second);
  });
  items.reserve(items.size() + keyed.size());
  for (auto at = keyed.begin(); at != keyed.end();) {
    const std::string_view key = at->first;
    const auto first = static_cast<std::uint32_t>(items.size());
    for (; at != keyed.end() && at->first == key; ++at) {
      items.push_back(std::move(at->second));
    }
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
  Keyed<std::uint32_t> users;
  Keyed<std::uint32_t> groups;
  Keyed<ClaimGrant> claims;
  for (const Binding& binding : program.policy().bindings) {
    const auto number = static_cast<std::uint32_t>(index.bindings.size());
    CompiledBinding& compiled = index.bindings.emplace_back();
    compiled.role = known(program.find_role(binding.role));
    if (binding.until) {
      compiled.until = binding.until->time_since_epoch().count();
    }
    for (const std::string& user : binding.users) {
      users.emplace_back(user, number);
    }
    for (const std::string& group : binding.groups) {
      groups.emplace_back(group, number);
    }
    if (binding.claims.empty()) {
      continue;
    }
    const Wanted& first = binding.claims.front();
    for (const Value& value : first.any_of) {
      claims.emplace_back(first.name, ClaimGrant{value, number});
    }
  }
  flatten(users, index.users, index.grants);
  flatten(groups, index.groups, index.grants);
  flatten(claims, index.claims, index.claim_grants);
}

}  // namespace tallygate::policy
