#pragma once
/// What would open a request that is not allowed.
#include "policy/explain/explain.hpp"

#include <string>
#include <vector>

namespace tallygate::policy {

/// Sentences for a person: what to do, or what would have to be other than it is. Empty for an allowed
/// request. Needs all other fields of the explanation.
[[nodiscard]] std::vector<std::string> remedy_of(const Program& program, const Explanation& explanation);

/// What a person would need to hold a role: "group staff (policy.yaml:9:5)", one for each way.
[[nodiscard]] std::vector<std::string> ways_to_role(const Program& program, RoleIndex role);

}  // namespace tallygate::policy
