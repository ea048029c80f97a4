#pragma once
/// What the gateway itself says of a decision: the effect, the reason, and what of the request there is.
/// Pure.
#include "gateway/review/policy_needs.hpp"
#include "gateway/review/recorded_decision.hpp"

#include <string>
#include <string_view>

namespace tallygate::review {

/// What is wrong with a decision; `what` as in DecisionFinding, empty: nothing.
struct FrameProblem {
  std::string_view what;
  std::string detail;
};

/// Of a decision that a policy was asked for. `needs` is what that policy reads; null where it is not known.
[[nodiscard]] FrameProblem find_frame_problem(const RecordedDecision& decision, const PolicyNeeds* needs);

/// Of one that no policy was asked for: for a reason of the gateway's own, and with what is known by then.
[[nodiscard]] FrameProblem find_unasked_problem(const RecordedDecision& decision);

/// Of the answer of a shadow, which must be there.
[[nodiscard]] FrameProblem find_shadow_frame_problem(const RecordedShadow& shadow);

}  // namespace tallygate::review
