#include "policy/lint/reach.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace tallygate::policy::lint {
namespace {

constexpr std::array<std::string_view, 4> writing{"POST", "PUT", "PATCH", "DELETE"};

bool has_role(const Rule& rule, std::string_view role) {
  return std::find(rule.roles.begin(), rule.roles.end(), role) != rule.roles.end();
}

/// Whether the rule asks for nothing: no conditions, or such as always hold.
bool asks_nothing(Study& study, const Rule& rule) {
  const Demand demand{&rule, static_cast<Truths>(is_no | is_unknown)};
  return study.circumstances().possible(std::span(&demand, 1),
                                        {.anonymous = true, .all = false, .address = true}) == Possible::no;
}

/// A request for this resource with one of the methods that the rule opens to somebody who is not logged in.
std::optional<std::string> opened_there(Study& study, const Rule& rule, const Resource& resource,
                                        const std::vector<std::string>& methods) {
  const std::vector<RuleIndex> denies = study.rules_near(resource, Effect::deny);
  std::optional<std::string> found;
  const auto look = [&](const Target& target, const PathReadings& path) {
    const auto opened = std::find_if(methods.begin(), methods.end(), [&](const std::string& method) {
      const Question question{rule, denies, target, path, method, {anonymous_index, true}};
      return opens(study, question) == Possible::yes && can_be_sent(study.program(), method, target);
    });
    if (opened != methods.end()) {
      found = to_string(*opened, target);
    }
    return !found;
  };
  if (visit_targets(study, resource, Effect::allow, resources_of(study, denies), look) == Walk::exhausted) {
    study.spend();
  }
  return found;
}

/// The same for any resource of the rule.
std::optional<std::string> opened_to_anonymous(Study& study, const Rule& rule,
                                               const std::vector<std::string>& methods) {
  for (const std::string& name : rule.resources) {
    if (auto found = opened_there(study, rule, study.resource(name), methods)) {
      return found;
    }
  }
  return std::nullopt;
}

/// L12: everybody, every method, no condition.
void check_any(Study& study, const Rule& rule, bool unconditional) {
  const bool everyone =
      has_role(rule, role_everyone) || (has_role(rule, role_anonymous) && has_role(rule, role_authenticated));
  if (!rule.methods.any || !everyone || !unconditional) {
    return;
  }
  const auto opened = opened_to_anonymous(study, rule, {"DELETE", "PROPFIND"});
  if (!opened) {
    return;
  }
  study.add("L12", Severity::warning, study.places().item(rule.place, "methods", "any"),
            "allow rule " + quoted(rule.id) + " opens every method to everyone, such as " + *opened +
                "; name the methods, such as read, or the roles");
}

/// L20: somebody who is not logged in may write.
void check_writing(Study& study, const Rule& rule, bool unconditional) {
  std::vector<std::string> methods;
  for (const std::string_view method : writing) {
    if (rule.methods.match(method, false)) {
      methods.emplace_back(method);
    }
  }
  const auto opened = methods.empty() ? std::nullopt : opened_to_anonymous(study, rule, methods);
  if (!opened) {
    return;
  }
  const std::string role(has_role(rule, role_anonymous) ? role_anonymous : role_everyone);
  study.add("L20", unconditional ? Severity::warning : Severity::note,
            study.places().item(rule.place, "roles", role),
            "allow rule " + quoted(rule.id) + " lets somebody who is not logged in write, such as " +
                *opened + (unconditional ? "" : ", where its conditions hold") +
                "; give it the role 'authenticated', or leave the writing methods out");
}

}  // namespace

void check_everyone(Study& study) {
  study.begin({"L12", "L20"});
  for (RuleIndex number = 0; number < study.policy().rules.size() && study.spend(); ++number) {
    const Rule& rule = study.policy().rules[number];
    const bool anonymous = has_role(rule, role_everyone) || has_role(rule, role_anonymous);
    if (rule.effect == Effect::deny || !anonymous || study.dead(number)) {
      continue;
    }
    const bool unconditional = asks_nothing(study, rule);
    check_any(study, rule, unconditional);
    check_writing(study, rule, unconditional);
  }
}

}  // namespace tallygate::policy::lint
