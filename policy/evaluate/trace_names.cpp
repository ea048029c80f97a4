#include "policy/evaluate/trace.hpp"

#include <algorithm>
#include <array>

namespace tallygate::policy {

std::string_view to_string(Reason reason) noexcept {
  constexpr std::array<std::string_view, 17> names{"",
                                                   "role-missing",
                                                   "host-mismatch",
                                                   "path-mismatch",
                                                   "method-mismatch",
                                                   "excluded",
                                                   "ip-outside",
                                                   "mfa-too-old",
                                                   "auth-too-old",
                                                   "device-unknown",
                                                   "device-mismatch",
                                                   "claim-mismatch",
                                                   "header-mismatch",
                                                   "auth-method",
                                                   "time-outside",
                                                   "unknown-attribute",
                                                   "condition-true"};
  return names[static_cast<std::size_t>(reason)];
}

std::string_view to_string(Clause clause) noexcept {
  constexpr std::array<std::string_view, 7> names{"role",   "host", "path",  "except",
                                                  "method", "when", "unless"};
  return names[static_cast<std::size_t>(clause)];
}

std::size_t RuleTrace::failing() const noexcept {
  return static_cast<std::size_t>(std::count_if(clauses.begin(), clauses.end(),
                                                [this](const ClauseTrace& clause) { return fails(clause); }));
}

const ClauseTrace* RuleTrace::first_failing() const noexcept {
  const auto found = std::find_if(clauses.begin(), clauses.end(),
                                  [this](const ClauseTrace& clause) { return fails(clause); });
  return found == clauses.end() ? nullptr : &*found;
}

}  // namespace tallygate::policy
