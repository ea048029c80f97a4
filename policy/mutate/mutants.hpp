#pragma once
/// Small changes to a policy, each of which its tests should notice (policy.md "Tools", mutate). Pure.
#include "policy/language/model.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::policy::mutate {

/// What is changed. Fixed names.
enum class Change : std::uint8_t {
  delete_rule,
  flip_effect,     ///< allow becomes deny, deny becomes allow
  drop_condition,  ///< an entry of `when` or `unless`
  widen_path,      ///< `/a/b` becomes `/a/b/**`, `/a/b/**` becomes `/a/**`
  drop_role,       ///< of a rule that names several
  drop_binding,
  drop_end,     ///< `until` of a binding
  drop_except,  ///< one pattern of a resource
  any_method,   ///< a rule's methods become `any`
  drop_include,
};
inline constexpr std::array<Change, 10> changes{
    Change::delete_rule, Change::flip_effect,  Change::drop_condition, Change::widen_path,
    Change::drop_role,   Change::drop_binding, Change::drop_end,       Change::drop_except,
    Change::any_method,  Change::drop_include};

/// `delete-rule` …
[[nodiscard]] std::string_view to_string(Change change) noexcept;

/// One change of one policy.
struct Mutant {
  Change change = Change::delete_rule;
  std::size_t item = 0;  ///< position in the policy's rules, bindings, resources or roles
  std::size_t part = 0;  ///< position in the list that is changed; for conditions `when` first, then `unless`
  Place place;           ///< of the item
  std::string what;      ///< for people: "rule edit-wiki: without 'when: managed-device'"
};

/// All of a policy, in the order of `changes`, then of the policy.
[[nodiscard]] std::vector<Mutant> mutants_of(const Policy& policy);

/// The policy with the change made, every list sorted and without repetition as the loader leaves it.
[[nodiscard]] Policy apply(const Policy& policy, const Mutant& mutant);

}  // namespace tallygate::policy::mutate
