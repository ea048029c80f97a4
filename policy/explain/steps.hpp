#pragma once
/// How a request got its canonical form, rule by rule.
#include "policy/explain/question.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tallygate::policy {

/// One rule of policy.md or policy-details.md that changed or refused something.
struct CanonicalStep {
  std::string rule;   ///< `N4`, `C03`
  std::string what;   ///< what was done: "unreserved characters decoded"
  std::string value;  ///< what came out, printable; for a refusal empty
};

/// The steps from the request as written to `request`, or to the refusal. `code` and `request` are what
/// canonicalise() answered. Steps that change nothing are left out.
[[nodiscard]] std::vector<CanonicalStep> canonical_steps(const WrittenRequest& written, RejectCode code,
                                                         const CanonicalRequest& request);

/// The rule behind a code: `N5` for encoded-slash.
[[nodiscard]] std::string_view rule_of(RejectCode code) noexcept;

/// `encoded_slash: keep, path_params: ignore`; empty for the defaults.
[[nodiscard]] std::string to_string(const PathOptions& options);

}  // namespace tallygate::policy
