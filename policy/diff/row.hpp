#pragma once
/// What a comparison or a reverse query finds, in lines for people and with a request that shows it.
#include "policy/diff/targets.hpp"
#include "policy/evaluate/principal.hpp"
#include "policy/explain/question.hpp"
#include "policy/explain/verdict.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::policy::diff {

/// How a decision changes; a refusal (400) counts as a denial.
enum class Change : std::uint8_t {
  opens,       ///< allowed now, and was not
  closes,      ///< was allowed, and is denied now
  step_up,     ///< a step-up appears, goes, or asks for another thing
  other_rule,  ///< the same decision, made by other rules
};

/// `opens`, `closes`, `step-up`, `other-rule`.
[[nodiscard]] std::string_view to_string(Change change) noexcept;

[[nodiscard]] Change change_of(const Verdict& before, const Verdict& after) noexcept;

/// One request, whole.
struct Witness {
  Where where;
  std::string method;
  Principal principal;
  Circumstances around;
  TimePoint now;
};

/// Requests that are decided alike, by the new policy and by the old one. In a reverse query both are one.
struct Row {
  Change change = Change::other_rule;
  Verdict before;
  Verdict after;
  std::vector<std::string> who;            ///< a line each; any of them
  std::vector<std::string> circumstances;  ///< a line each; all of them; empty: any
  std::vector<TargetClass::Member> where;  ///< any of them
  std::size_t places = 0;                  ///< how many there are, those that `where` leaves out included
  Witness witness;
};

/// Decides the witness as the gateway would.
[[nodiscard]] Verdict ask(const Program& program, const Witness& witness);

}  // namespace tallygate::policy::diff
