#include "policy/diff/personas.hpp"

#include "policy/evaluate/atoms.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <tuple>
#include <utility>

namespace tallygate::policy::diff {
namespace {

/// Roles held: twice the number of the role, and one more for the new policy. Sorted.
using Held = std::vector<std::uint32_t>;

Held together(const Held& left, const Held& right) {
  Held out;
  std::set_union(left.begin(), left.end(), right.begin(), right.end(), std::back_inserter(out));
  return out;
}

/// Names that together give these roles.
struct Way {
  Held held;
  std::vector<std::string> names;
};

/// What bindings give to a name.
struct Given {
  Held held;
  std::size_t indirect = 0;  ///< roles that come by another one that includes them
};

/// A set of claims: what it gives, and how the conditions of the class read it.
struct ClaimSet {
  Held held;
  std::vector<Truth> truths;
  std::vector<Attribute> claims;
  std::string label;
};

class Finder {
 public:
  Finder(const Side& before, const Side& after, const PersonaQuestion& question)
      : sides_{&before, &after}, question_(question), names_(question.roles.begin(), question.roles.end()) {}

  Personas run() {
    collect();
    users_ = ways_of(user_roles_);
    groups_ = ways_of(group_roles_);
    find_claim_sets();
    Persona nobody;
    nobody.label = "anonymous";
    out_.all.push_back(std::move(nobody));
    if (!mix_everything()) {
      mix_decisive();
    }
    std::sort(out_.all.begin() + 1, out_.all.end(), [](const Persona& left, const Persona& right) {
      const auto rank = [](const Persona& each) {
        return std::tuple(each.roles[0].size() + each.roles[1].size(), each.principal.claims.size(),
                          std::string_view(each.label));
      };
      return rank(left) < rank(right);
    });
    return std::move(out_);
  }

 private:
  /// Finds who is given a role in question, and which.
  void collect() {
    for (std::uint32_t number = 0; number < names_.size(); ++number) {
      for (std::uint32_t side = 0; side < sides_.size(); ++side) {
        if (const auto role = sides_[side]->program().find_role(names_[number])) {
          collect(*sides_[side], *role, number * 2 + side);
        }
      }
    }
  }

  void collect(const Side& side, RoleIndex role, std::uint32_t number) {
    const auto now = std::chrono::floor<std::chrono::seconds>(question_.now);
    for (const RoleIndex giver : side.givers_of(role)) {
      for (const std::size_t index : side.bindings_of(giver)) {
        const Binding& binding = side.policy().bindings[index];
        if (!binding.until || now < *binding.until) {
          use(binding, number, giver == role);
        }
      }
    }
  }

  void use(const Binding& binding, std::uint32_t role, bool direct) {
    // Roles come in rising order, so that each list stays sorted.
    const auto give = [role, direct](Given& given) {
      if (given.held.empty() || given.held.back() != role) {
        given.held.push_back(role);
        given.indirect += direct ? 0 : 1;
      }
    };
    for (const std::string& user : binding.users) {
      give(user_roles_[user]);
    }
    for (const std::string& group : binding.groups) {
      give(group_roles_[group]);
    }
    if (!binding.claims.empty()) {
      give(clause_roles_[&binding.claims]);
    }
  }

  /// One way for each set of roles: the name that has most of them by bindings of their own.
  static std::vector<Way> ways_of(const std::map<std::string, Given>& roles) {
    std::map<Held, std::pair<std::size_t, std::string>> best;
    for (const auto& [name, given] : roles) {
      const auto [found, added] = best.try_emplace(given.held, given.indirect, name);
      if (!added && given.indirect < found->second.first) {
        found->second = {given.indirect, name};
      }
    }
    std::vector<Way> out;
    out.reserve(best.size());
    for (const auto& [held, chosen] : best) {
      out.push_back({held, {chosen.second}});
    }
    return out;
  }

  void find_claim_sets() {
    std::map<std::string, std::vector<const std::vector<Value>*>> wanted;
    const auto want = [&wanted](const std::vector<Wanted>& list) {
      for (const Wanted& each : list) {
        wanted[each.name].push_back(&each.any_of);
      }
    };
    for (const auto& [clause, given] : clause_roles_) {
      want(*clause);
    }
    for (const Test* test : question_.claims) {
      want(std::get<ClaimsAre>(*test).claims);
    }
    std::size_t product = 1;
    for (const auto& [name, lists] : wanted) {
      dimensions_.push_back(cut_values(Attributed::claim, name, lists));
      out_.complete = out_.complete && dimensions_.back().complete;
      product = std::min(product * dimensions_.back().choices.size(), claim_sets_max + 1);
    }
    if (product <= claim_sets_max) {
      mix_claims(0, {}, "");
      return;
    }
    out_.complete = false;
    add_claims({}, "");
    for (const Dimension& dimension : dimensions_) {
      for (const Choice& choice : dimension.choices) {
        if (choice.values) {
          add_claims({{dimension.name, *choice.values}}, claim_label(dimension, choice));
        }
      }
    }
    for (const auto& [clause, given] : clause_roles_) {
      std::vector<Attribute> claims;
      for (const Wanted& each : *clause) {
        claims.push_back({each.name, {each.any_of.front()}});
      }
      add_claims(claims, "claims of a binding");
    }
  }

  static std::string claim_label(const Dimension& dimension, const Choice& choice) {
    return "claim " + dimension.name + " " + choice.label;
  }

  void mix_claims(std::size_t next, const std::vector<Attribute>& claims, const std::string& label) {
    if (next == dimensions_.size()) {
      add_claims(claims, label);
      return;
    }
    for (const Choice& choice : dimensions_[next].choices) {
      std::vector<Attribute> more = claims;
      std::string words = label;
      if (choice.values) {
        more.push_back({dimensions_[next].name, *choice.values});
        words += (words.empty() ? "" : ", ") + claim_label(dimensions_[next], choice);
      }
      mix_claims(next + 1, more, words);
    }
  }

  void add_claims(const std::vector<Attribute>& claims, const std::string& label) {
    ClaimSet set{{}, {}, claims, label};
    for (const auto& [clause, given] : clause_roles_) {
      if (test_wanted(*clause, claims) == Truth::yes) {
        set.held = together(set.held, given.held);
      }
    }
    Principal principal;
    principal.anonymous = false;
    principal.claims = claims;
    for (const Test* test : question_.claims) {
      set.truths.push_back(test_atom(*test, principal, {}));
    }
    const auto same = [&set](const ClaimSet& other) {
      return other.held == set.held && other.truths == set.truths;
    };
    if (std::none_of(claim_sets_.begin(), claim_sets_.end(), same)) {
      claim_sets_.push_back(std::move(set));
    }
  }

  /// Every union of these ways and nothing; empty if there are more than `limit`.
  static std::vector<Way> unions_of(const std::vector<Way>& ways, std::size_t limit) {
    std::vector<Way> out{{}};
    std::set<Held> seen{{}};
    for (const Way& way : ways) {
      const std::size_t before = out.size();
      for (std::size_t i = 0; i < before; ++i) {
        Held held = together(out[i].held, way.held);
        if (!seen.insert(held).second) {
          continue;
        }
        std::vector<std::string> names = out[i].names;
        names.insert(names.end(), way.names.begin(), way.names.end());
        out.push_back({std::move(held), std::move(names)});
        if (out.size() > limit) {
          return {};
        }
      }
    }
    return out;
  }

  bool mix_everything() {
    const std::size_t around = (users_.size() + 1) * claim_sets_.size();
    if (around > mixtures_max) {
      return false;
    }
    const std::vector<Way> unions = unions_of(groups_, mixtures_max / around);
    if (unions.empty()) {
      return false;
    }
    // A group tells more than the name of somebody who is given the same.
    for (const Way& groups : unions) {
      mix_with_users(groups, {});
    }
    for (const Way& groups : unions) {
      mix_with_users(groups, users_);
    }
    return true;
  }

  void mix_with_users(const Way& groups, const std::vector<Way>& users) {
    for (const ClaimSet& claims : claim_sets_) {
      add(nullptr, groups, claims);
      for (const Way& user : users) {
        add(&user, groups, claims);
      }
    }
  }

  void mix_decisive() {
    std::set<std::uint32_t> decisive;
    for (std::uint32_t number = 0; number < names_.size(); ++number) {
      if (question_.decisive.contains(names_[number])) {
        decisive.insert({number * 2, number * 2 + 1});
      }
    }
    const auto decides = [&decisive](const Way& way) {
      return std::any_of(way.held.begin(), way.held.end(),
                         [&](auto role) { return decisive.contains(role); });
    };
    std::vector<Way> users;
    std::vector<Way> groups;
    std::copy_if(users_.begin(), users_.end(), std::back_inserter(users), decides);
    std::copy_if(groups_.begin(), groups_.end(), std::back_inserter(groups), decides);
    std::vector<Way> unions = unions_of(groups, personas_max);
    if (unions.empty()) {
      out_.complete = false;
      unions = groups;
      unions.emplace_back();
    }
    for (const Way& base : unions) {
      mix_with_users(base, users);
    }
    for (const Way& base : unions) {
      for (const Way& other : groups_) {
        if (!decides(other)) {
          Way both{together(base.held, other.held), base.names};
          both.names.push_back(other.names.front());
          mix_with_users(both, users);
        }
      }
      for (const Way& user : users_) {
        if (!decides(user)) {
          mix_with_users(base, {user});
        }
      }
    }
  }

  void add(const Way* user, const Way& groups, const ClaimSet& claims) {
    Held held = together(groups.held, claims.held);
    if (user != nullptr) {
      held = together(held, user->held);
    }
    if (!seen_.insert({held, claims.truths}).second) {
      return;
    }
    if (out_.all.size() >= personas_max) {
      out_.complete = false;
      return;
    }
    Persona persona;
    persona.principal.anonymous = false;
    std::vector<std::string> words;
    if (user != nullptr) {
      persona.principal.user = user->names.front();
      words.push_back("user " + user->names.front());
    }
    persona.principal.groups = groups.names;
    persona.principal.claims = claims.claims;
    for (const std::string& group : groups.names) {
      words.push_back("group " + group);
    }
    if (!claims.label.empty()) {
      words.push_back(claims.label);
    }
    for (const std::string& word : words) {
      persona.label += (persona.label.empty() ? "" : ", ") + word;
    }
    if (words.empty()) {
      persona.label = "anybody signed in";
    }
    for (const std::uint32_t role : held) {
      persona.roles[role % 2].push_back(names_[role / 2]);
    }
    out_.all.push_back(std::move(persona));
  }

  std::array<const Side*, 2> sides_;
  const PersonaQuestion& question_;
  std::vector<std::string> names_;
  std::map<std::string, Given> user_roles_;
  std::map<std::string, Given> group_roles_;
  std::map<const std::vector<Wanted>*, Given> clause_roles_;
  std::vector<Way> users_;
  std::vector<Way> groups_;
  std::vector<Dimension> dimensions_;
  std::vector<ClaimSet> claim_sets_;
  std::set<std::pair<Held, std::vector<Truth>>> seen_;
  Personas out_;
};

}  // namespace

Personas find_personas(const Side& before, const Side& after, const PersonaQuestion& question) {
  return Finder(before, after, question).run();
}

}  // namespace tallygate::policy::diff
