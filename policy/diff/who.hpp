#pragma once
/// Kinds of people in lines. Internal to policy/diff.
#include "policy/diff/personas.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace tallygate::policy::diff {

/// Says which of the people are meant, a line for each kind: `roles ⊇ {editor}: group wiki-editors` where
/// whoever holds more is meant as well, `roles = {viewer}: group staff` where not. `chosen` are indexes into
/// `all`, rising.
[[nodiscard]] std::vector<std::string> who_lines(const std::vector<Persona>& all,
                                                 const std::vector<std::size_t>& chosen);

}  // namespace tallygate::policy::diff
