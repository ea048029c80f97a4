#include "policy/mutate/decision_form.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace tallygate::policy::mutate {
namespace {

bool contains(const std::vector<std::string>& items, std::string_view item) {
  return std::find(items.begin(), items.end(), item) != items.end();
}

/// Each role and all that it includes, by name.
std::map<std::string, std::set<std::string>> closures(const Policy& policy) {
  std::map<std::string, const Role*> roles;
  for (const Role& role : policy.roles) {
    roles.emplace(role.name, &role);
  }
  std::map<std::string, std::set<std::string>> closures;
  for (const Role& role : policy.roles) {
    std::set<std::string>& held = closures[role.name];
    std::vector<std::string> open{role.name};
    while (!open.empty()) {
      const std::string next = std::move(open.back());
      open.pop_back();
      const auto found = roles.find(next);
      if (held.insert(next).second && found != roles.end()) {
        open.insert(open.end(), found->second->includes.begin(), found->second->includes.end());
      }
    }
  }
  return closures;
}

/// Ways into a rule, each with the time until which it is open.
class Ways {
 public:
  void add(const Binding& binding) {
    for (const std::string& user : binding.users) {
      put(users_[user], binding.until);
    }
    for (const std::string& group : binding.groups) {
      put(groups_[group], binding.until);
    }
    if (!binding.claims.empty()) {
      Policy alone;  // its canonical form tells one set of claims from another
      alone.bindings.push_back({"", {}, {}, binding.claims, {}, {}});
      auto [way, added] = claims_.try_emplace(canonical_json(alone), Claims{binding.claims, {}});
      put(way->second.end, binding.until);
    }
  }

  [[nodiscard]] bool empty() const noexcept { return users_.empty() && groups_.empty() && claims_.empty(); }

  /// As bindings of one role, one for each way.
  void write(const std::string& role, std::vector<Binding>& bindings) const {
    for (const auto& [user, end] : users_) {
      bindings.push_back({role, {user}, {}, {}, end.until, {}});
    }
    for (const auto& [group, end] : groups_) {
      bindings.push_back({role, {}, {group}, {}, end.until, {}});
    }
    for (const auto& [text, way] : claims_) {
      bindings.push_back({role, {}, {}, way.claims, way.end.until, {}});
    }
  }

 private:
  /// The latest end; none at all is the latest.
  struct End {
    bool known = false;
    std::optional<std::chrono::sys_seconds> until;
  };
  struct Claims {
    std::vector<Wanted> claims;
    End end;
  };

  static void put(End& end, const std::optional<std::chrono::sys_seconds>& until) {
    if (!end.known) {
      end = {true, until};
    } else if (end.until && (!until || *until > *end.until)) {
      end.until = until;
    }
  }

  std::map<std::string, End> users_;
  std::map<std::string, End> groups_;
  std::map<std::string, Claims> claims_;
};

/// Whether every path that the second pattern matches is matched by the first.
bool covers(const PathPattern& wide, const PathPattern& narrow) {
  const auto& outer = wide.segments(Reading::narrow);
  const auto& inner = narrow.segments(Reading::narrow);
  if (outer.size() > inner.size() ||
      (!wide.subtree() && (narrow.subtree() || outer.size() != inner.size()))) {
    return false;
  }
  for (std::size_t i = 0; i < outer.size(); ++i) {
    const bool any = outer[i].any && (inner[i].any || !inner[i].text.empty());
    if (!any && outer[i] != inner[i]) {
      return false;
    }
  }
  return true;
}

/// Whether no path can match both, however widely they are read.
bool disjoint(const PathPattern& left, const PathPattern& right) {
  const auto& ours = left.segments(Reading::wide);
  const auto& theirs = right.segments(Reading::wide);
  for (std::size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) {
    if (!ours[i].any && !theirs[i].any && ours[i].text != theirs[i].text) {
      return true;
    }
  }
  return false;
}

void drop_covered(PathPatterns& patterns) {
  PathPatterns kept;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    bool covered = false;
    for (std::size_t j = 0; j < patterns.size() && !covered; ++j) {
      // Of two that cover each other the first one stays.
      covered = i != j && covers(patterns[j], patterns[i]) && (j < i || !covers(patterns[i], patterns[j]));
    }
    if (!covered) {
      kept.push_back(patterns[i]);
    }
  }
  patterns = std::move(kept);
}

void simplify(Resource& resource) {
  drop_covered(resource.paths);
  std::erase_if(resource.except, [&resource](const PathPattern& except) {
    return std::all_of(resource.paths.begin(), resource.paths.end(),
                       [&except](const PathPattern& path) { return disjoint(path, except); });
  });
  drop_covered(resource.except);
}

class Former {
 public:
  explicit Former(const Policy& policy) : policy_(policy), closures_(closures(policy)) {}

  Policy run() {
    Policy form;
    form.name = policy_.name;
    for (const Rule& rule : policy_.rules) {
      add_rule(rule, form);
    }
    std::copy_if(policy_.conditions.begin(), policy_.conditions.end(), std::back_inserter(form.conditions),
                 [this](const Condition& condition) { return conditions_.contains(condition.name); });
    for (const Resource& resource : policy_.resources) {
      // Path options change what is canonical, with or without a rule.
      const bool plain = resource.options == PathOptions{};
      if (resources_.contains(resource.name) || !plain) {
        form.resources.push_back(resource);
        simplify(form.resources.back());
      }
    }
    return form;
  }

 private:
  /// Whether somebody with the role meets the rule's `roles`.
  [[nodiscard]] bool meets(const std::string& role, const Rule& rule) const {
    const auto found = closures_.find(role);
    return found != closures_.end() &&
           std::any_of(rule.roles.begin(), rule.roles.end(),
                       [&found](const std::string& name) { return found->second.contains(name); });
  }

  void add_rule(const Rule& rule, Policy& form) {
    Rule out = rule;
    out.message.clear();
    out.roles.clear();
    const bool authenticated = contains(rule.roles, role_authenticated);
    const bool anonymous = contains(rule.roles, role_anonymous);
    if (contains(rule.roles, role_everyone) || (authenticated && anonymous)) {
      out.roles.emplace_back(role_everyone);
    } else if (authenticated) {
      out.roles.emplace_back(role_authenticated);
    } else if (!add_own(rule, anonymous, out, form)) {
      return;
    }
    form.rules.push_back(std::move(out));
    resources_.insert(rule.resources.begin(), rule.resources.end());
    for (const auto* names : {&rule.when, &rule.unless}) {
      for (const std::string& name : *names) {
        add_condition(name);
      }
    }
  }

  /// A rule of own roles: its one role is called as the rule. False if nobody can meet it, and it needs no
  /// trace: an allow rule that nobody meets still has people asked to log in.
  bool add_own(const Rule& rule, bool anonymous, Rule& out, Policy& form) const {
    Ways ways;
    for (const Binding& binding : policy_.bindings) {
      if (meets(binding.role, rule)) {
        ways.add(binding);
      }
    }
    const bool own = rule.roles.size() > (anonymous ? 1U : 0U);
    const bool matters = !ways.empty() || (own && rule.effect == Effect::allow);
    if (anonymous) {
      out.roles.emplace_back(role_anonymous);
    }
    if (matters) {
      out.roles.push_back(rule.id);
      form.roles.push_back({rule.id, {}, {}});
      ways.write(rule.id, form.bindings);
    }
    return anonymous || matters;
  }

  void add_condition(const std::string& name) {
    const auto found = std::find_if(policy_.conditions.begin(), policy_.conditions.end(),
                                    [&name](const Condition& condition) { return condition.name == name; });
    if (found == policy_.conditions.end() || !conditions_.insert(name).second) {
      return;
    }
    if (const auto* all = std::get_if<AllOf>(&found->test)) {
      std::for_each(all->names.begin(), all->names.end(), [this](const auto& each) { add_condition(each); });
    } else if (const auto* any = std::get_if<AnyOf>(&found->test)) {
      std::for_each(any->names.begin(), any->names.end(), [this](const auto& each) { add_condition(each); });
    } else if (const auto* negated = std::get_if<NotOf>(&found->test)) {
      add_condition(negated->name);
    }
  }

  const Policy& policy_;
  std::map<std::string, std::set<std::string>> closures_;
  std::set<std::string> conditions_;
  std::set<std::string> resources_;
};

}  // namespace

Digest decision_digest(const Policy& policy) {
  if (policy.rules.size() * policy.bindings.size() > decision_form_pairs_max) {
    return digest(policy);
  }
  return digest(Former(policy).run());
}

}  // namespace tallygate::policy::mutate
