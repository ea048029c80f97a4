#pragma once
/// People cut into kinds: all of one kind hold the same of the roles in question, under both policies.
/// Internal to policy/diff.
#include "policy/diff/changes.hpp"
#include "policy/diff/dimension.hpp"
#include "policy/diff/side.hpp"

#include <array>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace tallygate::policy::diff {

/// Kinds of people for one kind of request.
inline constexpr std::size_t personas_max = 4'096;
/// Kinds up to which every mixture is made; beyond it only those of decisive roles.
inline constexpr std::size_t mixtures_max = 256;
/// Combinations of claims that are looked at; beyond it each claim is varied alone.
inline constexpr std::size_t claim_sets_max = 512;

/// Somebody of a kind.
struct Persona {
  Principal principal;
  std::array<std::vector<std::string>, 2>
      roles;          ///< held, of those in question; sorted; built-in ones left out
  std::string label;  ///< `group staff, user dana`, `anonymous`
};

/// What tells people apart.
struct PersonaQuestion {
  std::set<std::string> roles;      ///< that rules of the class name; built-in ones left out
  std::set<std::string> decisive;   ///< of these: named by a changed rule, or changed themselves
  std::vector<const Test*> claims;  ///< `claims` conditions that rules of the class read
  TimePoint now;                    ///< bindings that have ended by then give nothing
};

struct Personas {
  std::vector<Persona> all;  ///< who holds least comes first
  bool complete = true;      ///< false: a limit was reached, and some kinds are missing
};

/// All kinds, anonymous among them. Where every mixture of ways to a role would be too many, only the
/// decisive roles are mixed, each mixture alone and with one way to another role: that is enough to see every
/// change of outcome, since a rule that did not change either decides for both policies or is not needed for
/// the difference.
[[nodiscard]] Personas find_personas(const Side& before, const Side& after, const PersonaQuestion& question);

}  // namespace tallygate::policy::diff
