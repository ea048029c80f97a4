#include "policy/lint/study.hpp"
#include "policy/program/index.hpp"
#include "policy/program/known.hpp"

#include <boost/json.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace tallygate::policy::lint {
namespace {

/// Whether the first place comes after the second in the files.
bool later(const Place& left, const Place& right) noexcept {
  return std::tie(left.file, left.mark) > std::tie(right.file, right.mark);
}

/// Roles that are reached from some others through `includes`.
std::vector<bool> reached_from(const Program& program, std::vector<RoleIndex> open) {
  const Index& index = program.index();
  std::vector<bool> met(program.role_count());
  while (!open.empty()) {
    const RoleIndex role = open.back();
    open.pop_back();
    if (met[role]) {
      continue;
    }
    met[role] = true;
    const Range range = index.includes[role];
    open.insert(open.end(), index.included.begin() + range.first, index.included.begin() + range.last);
  }
  return met;
}

/// Roles that lead, through what they include, to one that a rule names.
std::vector<bool> leading_to_rules(const Program& program) {
  const Index& index = program.index();
  std::vector<std::vector<RoleIndex>> included_by(program.role_count());
  for (RoleIndex role = 0; role < program.role_count(); ++role) {
    for (std::uint32_t i = index.includes[role].first; i < index.includes[role].last; ++i) {
      included_by[index.included[i]].push_back(role);
    }
  }
  std::vector<bool> leads(program.role_count());
  std::vector<RoleIndex> open;
  for (const Rule& rule : program.policy().rules) {
    for (const std::string& name : rule.roles) {
      open.push_back(known(program.find_role(name)));
    }
  }
  while (!open.empty()) {
    const RoleIndex role = open.back();
    open.pop_back();
    if (leads[role]) {
      continue;
    }
    leads[role] = true;
    open.insert(open.end(), included_by[role].begin(), included_by[role].end());
  }
  return leads;
}

void check_unused_roles(Study& study) {
  const Program& program = study.program();
  std::vector<RoleIndex> bound;
  bound.reserve(study.policy().bindings.size());
  for (const Binding& binding : study.policy().bindings) {
    bound.push_back(known(program.find_role(binding.role)));
  }
  const std::vector<bool> given = reached_from(program, std::move(bound));
  const std::vector<bool> leads = leading_to_rules(program);
  for (std::size_t i = 0; i < study.policy().roles.size(); ++i) {
    const Role& role = study.policy().roles[i];
    const std::size_t number = i + first_own_role_index;
    if (!leads[number]) {
      study.add("L2", Severity::note, role.place,
                "role " + quoted(role.name) +
                    " is unused: no rule names it or a role it includes; remove it, or name it in a rule");
    } else if (!given[number]) {
      study.add("L2", Severity::note, role.place,
                "role " + quoted(role.name) + " is unused: nobody has it; remove it, or bind it");
    }
  }
}

/// The names of conditions that a test is made of.
std::vector<std::string> operands(const Test& test) {
  if (const auto* all = std::get_if<AllOf>(&test)) {
    return all->names;
  }
  if (const auto* any = std::get_if<AnyOf>(&test)) {
    return any->names;
  }
  if (const auto* negated = std::get_if<NotOf>(&test)) {
    return {negated->name};
  }
  return {};
}

std::set<std::string> used_conditions(const Study& study) {
  std::vector<std::string> open;
  for (const Rule& rule : study.policy().rules) {
    open.insert(open.end(), rule.when.begin(), rule.when.end());
    open.insert(open.end(), rule.unless.begin(), rule.unless.end());
  }
  std::set<std::string> used;
  while (!open.empty()) {
    const std::string name = std::move(open.back());
    open.pop_back();
    if (used.insert(name).second) {
      const auto more = operands(study.program().condition(known(study.program().find_condition(name))).test);
      open.insert(open.end(), more.begin(), more.end());
    }
  }
  return used;
}

/// What a rule says, its id and message aside.
auto meaning(const Rule& rule) {
  auto when = rule.when;
  auto unless = rule.unless;
  std::sort(when.begin(), when.end());
  std::sort(unless.begin(), unless.end());
  return std::tuple(rule.effect, rule.roles, rule.resources, rule.methods.any, rule.methods.names,
                    std::move(when), std::move(unless));
}

/// Reports what means the same as another of its kind, at the later place.
template <typename Items, typename Meaning>
void report_same(Study& study, const Items& items, Severity severity, std::string_view kind, Meaning mean) {
  std::map<decltype(mean(items.front())), std::size_t> seen;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto [first, added] = seen.emplace(mean(items[i]), i);
    if (added) {
      continue;
    }
    const auto* one = &items[first->second];
    const auto* other = &items[i];
    if (later(one->place, other->place)) {
      std::swap(one, other);
    }
    const auto name = [](const auto& item) -> const std::string& {
      if constexpr (requires { item.id; }) {
        return item.id;
      } else {
        return item.name;
      }
    };
    study.add("L3", severity, other->place,
              std::string(kind) + ' ' + quoted(name(*other)) + " says the same as " + quoted(name(*one)) +
                  " at " + study.policy().at(one->place) + "; keep one of them");
  }
}

/// The canonical form of one item of a section: equal exactly for what means the same.
std::map<std::string, std::string> canonical_section(const Policy& policy, std::string_view section) {
  std::map<std::string, std::string> out;
  const boost::json::value root = boost::json::parse(canonical_json(policy));
  if (const auto* items = root.as_object().if_contains(section)) {
    for (const auto& [name, value] : items->as_object()) {
      out.emplace(name, boost::json::serialize(value));
    }
  }
  return out;
}

/// Names of one kind that were met, without regard to letter case.
class CaseTable {
 public:
  CaseTable(Study& study, std::string kind) : study_(study), kind_(std::move(kind)) {}

  /// `key`: the list of `owner` that the name stands in; empty: the owner's own name.
  void add(const std::string& name, const Place& owner, std::string_view key = {}) {
    std::string folded;
    fold_case(name, folded);
    const auto [first, added] = met_.try_emplace(std::move(folded), Met{name, owner, key});
    if (added || first->second.name == name || !reported_.insert(name).second) {
      return;
    }
    study_.add("L19", Severity::warning, place_of({name, owner, key}),
               kind_ + ' ' + quoted(name) + " differs only in letter case from " +
                   quoted(first->second.name) + " at " + study_.policy().at(place_of(first->second)) +
                   "; they are compared exactly, so write both alike, or give one another name");
  }

 private:
  struct Met {
    std::string name;
    Place owner;
    std::string_view key;
  };
  [[nodiscard]] Place place_of(const Met& met) const {
    return met.key.empty() ? met.owner : study_.places().item(met.owner, met.key, met.name);
  }

  Study& study_;
  std::string kind_;
  boost::unordered_flat_map<std::string, Met> met_;
  std::set<std::string> reported_;
};

/// Items in the order of the files, so that the later one is reported.
template <typename Items, typename Name>
void check_case(Study& study, const std::string& kind, const Items& items, Name name) {
  std::vector<std::pair<Place, std::string>> sorted;
  sorted.reserve(items.size());
  for (const auto& item : items) {
    sorted.emplace_back(item.place, name(item));
  }
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& left, const auto& right) { return later(right.first, left.first); });
  CaseTable table(study, kind);
  for (const auto& [place, text] : sorted) {
    table.add(text, place);
  }
}

/// Hosts that a resource lists twice, in two spellings: `repeats` sees those in one.
void check_hosts(Study& study, const Resource& resource) {
  std::map<std::string, std::string> met;
  for (const auto& [place, text] : study.places().items(resource.place, "hosts")) {
    const auto host = HostPattern::parse(text);
    if (!host) {
      continue;
    }
    const auto [first, added] = met.try_emplace(host->text(), text);
    if (!added && first->second != text) {
      study.add("L3", Severity::note, place,
                quoted(text) + " is the same host as " + quoted(first->second) + " in this list; remove one");
    }
  }
}

/// Own roles that could be taken for built-in ones.
void check_built_in(Study& study, const Role& role) {
  for (const std::string_view name : {role_everyone, role_authenticated, role_anonymous}) {
    if (equal_ignoring_case(role.name, name)) {
      study.add("L19", Severity::warning, role.place,
                "role " + quoted(role.name) + " differs only in letter case from the built-in role " +
                    quoted(name) + ", and only who is bound to it has it; give it another name");
    }
  }
}

}  // namespace

void check_unused(Study& study) {
  check_unused_roles(study);
  for (ResourceIndex number = 0; number < study.policy().resources.size(); ++number) {
    const Resource& resource = study.policy().resources[number];
    if (study.rules_of(number, Effect::allow).empty() && study.rules_of(number, Effect::deny).empty()) {
      study.add("L2", Severity::note, resource.place,
                "resource " + quoted(resource.name) +
                    " is unused: no rule names it; remove it, or name it in a rule");
    }
  }
  const std::set<std::string> used = used_conditions(study);
  for (const Condition& condition : study.policy().conditions) {
    if (!used.contains(condition.name)) {
      study.add("L2", Severity::note, condition.place,
                "condition " + quoted(condition.name) +
                    " is unused: no rule asks for it; remove it, or name it in a rule");
    }
  }
}

void check_duplicates(Study& study) {
  const Policy& policy = study.policy();
  report_same(study, policy.rules, Severity::warning, "rule", meaning);
  const auto resources = canonical_section(policy, "resources");
  report_same(study, policy.resources, Severity::note, "resource",
              [&](const Resource& resource) { return resources.at(resource.name); });
  const auto conditions = canonical_section(policy, "conditions");
  report_same(study, policy.conditions, Severity::note, "condition",
              [&](const Condition& condition) { return conditions.at(condition.name); });
  study.places().repeats([&](const Place& place, const std::string& text) {
    study.add("L3", Severity::note, place, quoted(text) + " stands twice in this list; remove one");
  });
  for (const Resource& resource : policy.resources) {
    check_hosts(study, resource);
  }
}

void check_letter_case(Study& study) {
  const Policy& policy = study.policy();
  const auto by_name = [](const auto& item) { return item.name; };
  check_case(study, "role", policy.roles, by_name);
  for (const Role& role : policy.roles) {
    check_built_in(study, role);
  }
  check_case(study, "resource", policy.resources, by_name);
  check_case(study, "condition", policy.conditions, by_name);
  check_case(study, "rule", policy.rules, [](const Rule& rule) { return rule.id; });
  CaseTable users(study, "user");
  CaseTable groups(study, "group");
  CaseTable claims(study, "claim");
  for (const Binding& binding : policy.bindings) {
    for (const std::string& user : binding.users) {
      users.add(user, binding.place, "users");
    }
    for (const std::string& group : binding.groups) {
      groups.add(group, binding.place, "groups");
    }
    for (const Wanted& claim : binding.claims) {
      claims.add(claim.name, binding.place, "claims");
    }
  }
  CaseTable attributes(study, "attribute of the device");
  for (const Condition& condition : policy.conditions) {
    if (const auto* test = std::get_if<ClaimsAre>(&condition.test)) {
      for (const Wanted& claim : test->claims) {
        claims.add(claim.name, condition.place, "claims");
      }
    } else if (const auto* device = std::get_if<DeviceIs>(&condition.test)) {
      for (const Wanted& attribute : device->attributes) {
        attributes.add(attribute.name, condition.place, "device");
      }
    }
  }
}

}  // namespace tallygate::policy::lint
