#pragma once
/// What differs in the text of two policies: where a comparison has to look, and what it may pass over.
/// Internal to policy/diff.
#include "policy/diff/side.hpp"

#include <array>
#include <cstddef>
#include <set>
#include <string>
#include <vector>

namespace tallygate::policy::diff {

/// Of each list the first item is the old policy's.
struct Changes {
  /// By rule: it is not in the other policy, or there it says another thing, conditions included; its message
  /// and the definition of its resources aside.
  std::array<std::vector<bool>, 2> rules;
  /// By resource: it is not in the other policy, or there it is defined in another way.
  std::array<std::vector<bool>, 2> resources;
  /// By binding: the other policy has none that says the same.
  std::array<std::vector<bool>, 2> bindings;
  /// Names of roles that somebody may hold under one policy and not under the other.
  std::set<std::string> roles;
};

[[nodiscard]] Changes find_changes(const Side& before, const Side& after);

/// Everything counts as changed: for questions about one policy. Both sides may be the same object.
[[nodiscard]] Changes all_changed(const Side& before, const Side& after);

}  // namespace tallygate::policy::diff
