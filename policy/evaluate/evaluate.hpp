#pragma once
/// The decision.
#include "policy/evaluate/principal.hpp"
#include "policy/evaluate/roles.hpp"
#include "policy/evaluate/scratch.hpp"
#include "policy/program/program.hpp"
#include "policy/request/canonical.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace tallygate::policy {

/// step_up is a deny that the person can mend (policy-details.md L10).
enum class Outcome : std::uint8_t { deny, allow, step_up };

/// `allow`, `deny`, `step-up`.
[[nodiscard]] std::string_view to_string(Outcome outcome) noexcept;

/// A decision. A default-constructed one denies by default. Owns: nothing; the spans live until the scratch
/// is used again.
struct Decision {
  Outcome outcome = Outcome::deny;
  /// allow: every allow rule that matched. deny: every deny rule that matched; empty: by default. step_up:
  /// the one allow rule that would match. In order of id.
  std::span<const RuleIndex> rules;
  /// step_up: a login is needed (policy-details.md L04) …
  bool login = false;
  /// … and these conditions have to be met, in order of name.
  std::span<const ConditionIndex> step_up;
};

/// Decides (policy.md "Decision"; policy-details.md L02–L14, L26). Strong Kleene logic inside a rule; an
/// allow rule matches only if true, a deny rule unless false. Where several allow rules could be mended the
/// one that asks for least is offered; among equals the first by id. Where one of several conditions would do
/// (`any`), the one that asks for least, among equals the first by name. `roles` must be current and
/// `scratch` must fit the program; otherwise the answer is a deny by default. Never throws, never allocates.
/// Threads: any, each with its own scratch.
[[nodiscard]] Decision evaluate(const Program& program, const Principal& principal, const RoleSet& roles,
                                const CanonicalRequest& request, const Context& context,
                                Scratch& scratch) noexcept;

/// Resolves the roles and decides, for callers that do not keep a RoleSet. `scratch.roles()` holds the roles
/// afterwards.
[[nodiscard]] Decision evaluate(const Program& program, const Principal& principal,
                                const CanonicalRequest& request, const Context& context,
                                Scratch& scratch) noexcept;

}  // namespace tallygate::policy
