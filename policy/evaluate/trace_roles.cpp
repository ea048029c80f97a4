#include "policy/evaluate/atoms.hpp"
#include "policy/evaluate/trace_parts.hpp"
#include "policy/program/known.hpp"

#include <algorithm>
#include <deque>
#include <map>

namespace tallygate::policy {
namespace {

bool contains(const std::vector<std::string>& items, const std::string& item) {
  return std::find(items.begin(), items.end(), item) != items.end();
}

/// By what a binding reaches somebody; empty if it does not.
std::string reach(const Binding& binding, const Principal& principal) {
  if (principal.anonymous) {
    return {};
  }
  if (contains(binding.users, principal.user)) {
    return "user " + principal.user;
  }
  for (const std::string& group : principal.groups) {
    if (contains(binding.groups, group)) {
      return "group " + group;
    }
  }
  if (binding.claims.empty() || test_wanted(binding.claims, principal.claims) != Truth::yes) {
    return {};
  }
  std::vector<std::string> names;
  names.reserve(binding.claims.size());
  for (const Wanted& wanted : binding.claims) {
    names.push_back(wanted.name);
  }
  return (names.size() == 1 ? "claim " : "claims ") + list_words(names);
}

}  // namespace

std::string list_words(const std::vector<std::string>& items) {
  constexpr std::size_t shown_max = 12;
  std::string text;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i != 0) {
      text += ", ";
    }
    if (i == shown_max) {
      return text + "and " + std::to_string(items.size() - i) + " more";
    }
    text += items[i];
  }
  return text;
}

void trace_roles(const Program& program, const Principal& principal, TimePoint now, Trace& trace) {
  std::map<RoleIndex, RoleTrace> held;
  std::deque<RoleIndex> queue;
  const auto add = [&](RoleTrace role) {
    const RoleIndex number = role.role;
    if (held.emplace(number, std::move(role)).second) {
      queue.push_back(number);
    }
  };
  for (const RoleIndex role : {everyone_index, principal.anonymous ? anonymous_index : authenticated_index}) {
    add({role, std::nullopt, {}, std::nullopt});
  }
  const Policy& policy = program.policy();
  for (std::size_t i = 0; i < policy.bindings.size(); ++i) {
    const Binding& binding = policy.bindings[i];
    std::string via = reach(binding, principal);
    if (via.empty()) {
      continue;
    }
    if (binding.until && now >= to_time_point(*binding.until)) {
      trace.expired.push_back(i);
    } else {
      trace.bindings.push_back(i);
      add({known(program.find_role(binding.role)), i, std::move(via), std::nullopt});
    }
  }
  // Breadth first, so that each role shows the shortest way to it.
  for (; !queue.empty(); queue.pop_front()) {
    const RoleIndex role = queue.front();
    if (role < first_own_role_index) {
      continue;
    }
    for (const std::string& name : policy.roles[role - first_own_role_index].includes) {
      add({known(program.find_role(name)), std::nullopt, {}, role});
    }
  }
  for (auto& [number, role] : held) {
    trace.roles.push_back(std::move(role));
  }
}

}  // namespace tallygate::policy
