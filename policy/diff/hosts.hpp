#pragma once
/// Representative hosts and methods. Internal to policy/diff.
#include "policy/diff/changes.hpp"
#include "policy/diff/side.hpp"

#include <string>
#include <vector>

namespace tallygate::policy::diff {

/// For every set of host patterns that some host meets, one host that meets just these: each name that is
/// written, a name under each wildcard, and one that no pattern meets. Only hosts which a resource in
/// question speaks of, if there are any: `wanted` says which resources of each side are in question.
[[nodiscard]] std::vector<std::string> representative_hosts(const Side& before, const Side& after,
                                                            const std::array<std::vector<bool>, 2>& wanted);

/// GET first, then the other usual ones, then those that a rule of either policy names, then one that none
/// names.
[[nodiscard]] std::vector<std::string> representative_methods(const Side& before, const Side& after);

}  // namespace tallygate::policy::diff
