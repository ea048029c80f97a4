#pragma once
/// What of a policy bears on decisions, in one form: a proof that two policies decide alike.
#include "policy/language/digest.hpp"
#include "policy/language/model.hpp"

namespace tallygate::policy::mutate {

/// Rules times bindings up to which the form is worked out; beyond that it is the policy itself.
inline constexpr std::size_t decision_form_pairs_max = 4'000'000;

/// The digest of the policy brought into a form in which roles, inclusions and bindings are gone: each rule
/// is given to the users, groups and sets of claims that reach it, each until the latest end, where
/// `authenticated` or `everyone` does not say it all. Rules that nobody can meet, resources and conditions
/// that no rule needs, patterns that another pattern of the list covers, and `except` that excludes nothing
/// are left out. Two policies with the same digest give every question the same verdict; the reverse need not
/// hold.
[[nodiscard]] Digest decision_digest(const Policy& policy);

}  // namespace tallygate::policy::mutate
