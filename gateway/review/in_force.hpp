#pragma once
/// Which policies a decision can have been made under, and for whom, by what the journal has before it.
#include "gateway/review/recorded_decision.hpp"
#include "gateway/review/recorded_policies.hpp"

#include <chrono>
#include <string>

namespace tallygate::review {

/// A request that was being decided when another policy came into force may still name the one before.
inline constexpr std::chrono::nanoseconds superseded_grace = std::chrono::minutes(10);
/// How far the time that a decision was made for may lie before its entry, and behind it (clocks step).
inline constexpr std::chrono::nanoseconds before_entry_max = std::chrono::minutes(10);
inline constexpr std::chrono::nanoseconds behind_entry_max = std::chrono::seconds(6);

/// Why the decision's policy was not in force; empty where it was. It must be the one that was loaded last,
/// or was until a moment ago.
[[nodiscard]] std::string find_policy_problem(const RecordedPolicies& policies,
                                              const RecordedDecision& decision);

/// The same of its shadow, which must be there. `load` becomes the one that brought it, null where there is a
/// problem.
[[nodiscard]] std::string find_shadow_problem(const RecordedPolicies& policies,
                                              const RecordedDecision& decision, const PolicyLoad*& load);

/// The shadow policy that must have answered beside the decision.
struct DueShadow {
  const PolicyLoad* load = nullptr;  ///< null: there need not have been any
  bool sure = false;  ///< else only if another decision shows that it came into force: a reload can fail
};
/// None is due where a configuration was taken up since, which may have none, where bodies are missing that
/// may say so, or where the shadow reads header lines, of which there may have been too many.
[[nodiscard]] DueShadow due_shadow(const RecordedPolicies& policies, const RecordedDecision& decision);

/// Why the decision cannot have been sealed for its person; empty where it can. An entry that was sealed
/// before an erasure may follow it, but it was made before.
[[nodiscard]] std::string find_person_problem(const RecordedPolicies& policies,
                                              const RecordedDecision& decision);

}  // namespace tallygate::review
