#pragma once
/// How the answer of one policy differs from that of another.
#include "policy/replay/recorded.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tallygate::policy {

/// step_up: one of the two answers is a step-up, and the other is not or asks for something else.
/// other_rule: the outcome is the same, what decided is not.
enum class Change : std::uint8_t { same, allow_to_deny, deny_to_allow, step_up, other_rule };

inline constexpr std::size_t changes = 5;
inline constexpr std::array<Change, changes> all_changes{
    Change::same, Change::allow_to_deny, Change::deny_to_allow, Change::step_up, Change::other_rule};

/// `same`, `allow-to-deny`, `deny-to-allow`, `step-up`, `other-rule`: for reports and metrics.
[[nodiscard]] std::string_view to_string(Change change) noexcept;

/// From a recorded answer to a new one. A path that is now refused counts as a deny by something else. Never
/// allocates.
[[nodiscard]] Change change_of(const RecordedAnswer& was, const Program& program, const Answer& is) noexcept;

/// From the answer of one policy to that of another, to the same question. Never allocates.
[[nodiscard]] Change change_of(const Program& before, const Decision& was, const Program& after,
                               const Answer& is) noexcept;

/// Whether somebody gets in who did not: it is allowed now, and was denied or held back for a step-up.
[[nodiscard]] constexpr bool opens(Outcome was, Outcome is) noexcept {
  return is == Outcome::allow && was != Outcome::allow;
}

}  // namespace tallygate::policy
