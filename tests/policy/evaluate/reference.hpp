#pragma once
/// The decision said as plainly as possible, from the words of policy.md and policy-details.md, sharing no
/// code with the evaluator: what the evaluator is compared with.
#include "tests/policy/evaluate/support.hpp"

#include <string>

namespace tallygate::policy::test {

/// The decision in the form of words().
[[nodiscard]] std::string reference_decision(const Policy& policy, const Principal& principal,
                                             const CanonicalRequest& request, const Context& context);

}  // namespace tallygate::policy::test
