#pragma once
/// Conditions that are not made of other conditions. Internal to policy.
#include "policy/evaluate/principal.hpp"
#include "policy/evaluate/truth.hpp"
#include "policy/language/model.hpp"

#include <span>
#include <string_view>

namespace tallygate::policy {

/// Whether the test holds. `all`, `any` and `not` are the caller's: unknown here. Never allocates.
[[nodiscard]] Truth test_atom(const Test& test, const Principal& principal, const Context& context) noexcept;

/// Whether some, all or none of what is wanted is there; unknown where a name is missing and nothing
/// contradicts.
[[nodiscard]] Truth test_wanted(std::span<const Wanted> wanted, std::span<const Attribute> known) noexcept;

/// The attribute of that name; null if there is none.
[[nodiscard]] const Attribute* find_attribute(std::span<const Attribute> known,
                                              std::string_view name) noexcept;

/// What mends a test that does not hold (policy-details.md L09, L10).
enum class Mend : std::uint8_t { nothing, itself, login };

/// `truth` is the test's, and not yes. Of somebody anonymous, claims and the method of authentication are
/// unknown only until the login.
[[nodiscard]] Mend mend_of(const Test& test, Truth truth, const Principal& principal) noexcept;

}  // namespace tallygate::policy
