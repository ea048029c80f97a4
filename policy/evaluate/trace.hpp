#pragma once
/// The decision with its reasons: what explain, the test runner and coverage show. Same answers as
/// evaluate(), found without the index, rule by rule; made for people, so it allocates and takes its time.
#include "policy/evaluate/evaluate.hpp"
#include "policy/evaluate/truth.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::policy {

/// Why a clause does not hold. Fixed names (policy.md "explain", policy-details.md S10).
enum class Reason : std::uint8_t {
  none,
  role_missing,
  host_mismatch,
  path_mismatch,
  method_mismatch,
  excluded,  ///< an `except` of the resource matches
  ip_outside,
  mfa_too_old,
  auth_too_old,
  device_unknown,  ///< device, or an attribute of it, not known
  device_mismatch,
  claim_mismatch,
  header_mismatch,
  auth_method,
  time_outside,
  unknown_attribute,  ///< any other attribute that is not known
  condition_true,     ///< a condition under `unless` or `not` holds
};

/// `role-missing` …; empty for none.
[[nodiscard]] std::string_view to_string(Reason reason) noexcept;

/// The parts of a rule, in the order in which they are looked at.
enum class Clause : std::uint8_t { role, host, path, except, method, when, unless };
/// `role`, `host`, `path`, `except`, `method`, `when`, `unless`.
[[nodiscard]] std::string_view to_string(Clause clause) noexcept;

/// One clause of one rule.
struct ClauseTrace {
  Clause clause = Clause::role;
  Truth truth =
      Truth::no;  ///< whether the clause is met; under `unless`: whether the condition does not hold
  Reason reason = Reason::none;  ///< set unless truth is yes
  std::string name;              ///< the condition; for host, path and except the resource; else empty
  std::string actual;            ///< what the request has, for people
  std::string needed;            ///< what the clause wants, for people
  bool widened =
      false;  ///< decided by the wide reading of N13: a path or method met, or an `except`, only by that
  bool mendable = false;  ///< not met, but the person can mend it (policy-details.md L10)
};

struct RuleTrace {
  RuleIndex rule = 0;
  Effect effect = Effect::deny;
  Truth truth = Truth::no;
  bool matched = false;  ///< allow: truth is yes; deny: truth is not no
  std::vector<ClauseTrace> clauses;

  /// Whether a clause keeps this rule from matching: not met, or for a deny rule not met for sure.
  [[nodiscard]] bool fails(const ClauseTrace& clause) const noexcept {
    return effect == Effect::allow ? clause.truth != Truth::yes : clause.truth == Truth::no;
  }
  /// How many clauses keep it from matching: near misses have few.
  [[nodiscard]] std::size_t failing() const noexcept;
  /// The first of them; null if the rule matched.
  [[nodiscard]] const ClauseTrace* first_failing() const noexcept;
};

/// A condition that was looked at, on its own.
struct ConditionTrace {
  ConditionIndex condition = 0;
  Truth truth = Truth::no;
  Reason reason = Reason::none;
  std::string actual;
  std::string needed;
};

/// A role that is held, and why.
struct RoleTrace {
  RoleIndex role = 0;
  std::optional<std::size_t> binding;  ///< Policy::bindings index that gives it …
  std::string via;  ///< … and by what: "user dana@example.com", "group staff", "claims department, level"
  std::optional<RoleIndex> included_by;  ///< or the held role that includes it; neither: built in
};

/// All of it. Values only.
struct Trace {
  Outcome outcome = Outcome::deny;
  std::vector<RuleIndex> deciding;         ///< as Decision::rules
  bool login = false;                      ///< as Decision::login
  std::vector<ConditionIndex> step_up;     ///< as Decision::step_up
  std::vector<RoleTrace> roles;            ///< in order of RoleIndex
  std::vector<std::size_t> bindings;       ///< all that give a role, whether or not another one does too
  std::vector<std::size_t> expired;        ///< bindings that would give a role had they not ended
  std::vector<RuleTrace> rules;            ///< every rule, in order of id
  std::vector<ConditionTrace> conditions;  ///< every condition, in order of name
};

[[nodiscard]] Trace trace(const Program& program, const Principal& principal, const CanonicalRequest& request,
                          const Context& context);

}  // namespace tallygate::policy
