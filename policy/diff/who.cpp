#include "policy/diff/who.hpp"

#include <algorithm>

namespace tallygate::policy::diff {
namespace {

/// People listed one by one where they are very many.
constexpr std::size_t listed_max = 32;

bool includes(const Persona& more, const Persona& less) {
  if (more.principal.anonymous != less.principal.anonymous) {
    return false;
  }
  for (std::size_t side = 0; side < more.roles.size(); ++side) {
    if (!std::includes(more.roles[side].begin(), more.roles[side].end(), less.roles[side].begin(),
                       less.roles[side].end())) {
      return false;
    }
  }
  return true;
}

std::string set_of(const std::vector<std::string>& roles) {
  std::string text;
  for (const std::string& role : roles) {
    text.append(text.empty() ? "" : ", ").append(role);
  }
  return "{" + text + "}";
}

std::string line_of(const Persona& persona, bool or_more) {
  if (persona.principal.anonymous) {
    return persona.label;
  }
  if (persona.roles[0] == persona.roles[1]) {
    return std::string("roles ") + (or_more ? "⊇ " : "= ") + set_of(persona.roles[0]) + ": " + persona.label;
  }
  return std::string("roles ") + (or_more ? "⊇ " : "= ") + set_of(persona.roles[0]) + " before, " +
         set_of(persona.roles[1]) + " after: " + persona.label;
}

/// Where only some mixtures of roles were made, what more of them would hold is not known.
std::vector<std::string> first_lines(const std::vector<Persona>& all,
                                     const std::vector<std::size_t>& chosen) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < chosen.size() && i < listed_max; ++i) {
    out.push_back(line_of(all[chosen[i]], false));
  }
  if (chosen.size() > listed_max) {
    out.push_back("and " + std::to_string(chosen.size() - listed_max) + " more kinds of people");
  }
  return out;
}

}  // namespace

std::vector<std::string> who_lines(const std::vector<Persona>& all, const std::vector<std::size_t>& chosen) {
  if (all.size() > 1 && chosen.size() == all.size()) {
    return {"everybody"};
  }
  std::vector<bool> open(all.size());
  for (const std::size_t index : chosen) {
    open[index] = true;
  }
  const std::vector<bool> meant = open;
  std::vector<std::string> out;
  if (chosen.size() > 1 && chosen.size() + 1 == all.size() && !meant.front()) {
    return {"everybody signed in"};
  }
  if (all.size() > mixtures_max) {
    return first_lines(all, chosen);
  }
  // Those who hold least come first, so each line takes away what it says.
  for (const std::size_t index : chosen) {
    if (!open[index]) {
      continue;
    }
    bool or_more = true;
    for (std::size_t i = 0; i < all.size() && or_more; ++i) {
      if (includes(all[i], all[index])) {
        or_more = meant[i];
      }
    }
    for (std::size_t i = 0; i < all.size() && or_more; ++i) {
      open[i] = open[i] && !includes(all[i], all[index]);
    }
    open[index] = false;
    out.push_back(line_of(all[index], or_more));
  }
  return out;
}

}  // namespace tallygate::policy::diff
