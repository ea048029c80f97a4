#include "policy/lint/reach.hpp"

#include <algorithm>
#include <optional>

namespace tallygate::policy::lint {
namespace {

/// A request that an allow rule opens.
struct Opened {
  std::string method;
  Target target;
  std::string allow;
};

/// What lies below an exact path: the resource with `/x/**` in place of its paths.
std::optional<Resource> below(const Resource& resource, const PathPattern& pattern) {
  std::string text = pattern.text();
  while (text.ends_with('/')) {
    text.pop_back();
  }
  auto subtree = PathPattern::parse(text + "/**", resource.options);
  if (!subtree) {
    return std::nullopt;
  }
  Resource out = resource;
  out.paths = {std::move(*subtree)};
  out.except.clear();
  return out;
}

/// Requests that allow rules open beside a deny rule which seems meant for them.
class Beside {
 public:
  Beside(Study& study, const Rule& deny) : study_(study), deny_(deny) {}

  /// L10: a request below the path that the deny rule does not speak of.
  std::optional<Opened> open_below(const Resource& subtree, const PathPattern& pattern) {
    for (const RuleIndex number : study_.rules_near(subtree, Effect::allow)) {
      const Rule& allow = study_.policy().rules[number];
      if (!study_.spend() || !methods_meet(allow, deny_)) {
        continue;
      }
      for (const std::string& name : allow.resources) {
        if (auto opened = open_in(allow, study_.resource(name), subtree, pattern)) {
          return opened;
        }
      }
    }
    return std::nullopt;
  }

 private:
  std::optional<Opened> open_in(const Rule& allow, const Resource& resource, const Resource& subtree,
                                const PathPattern& pattern) {
    if (!resource.route.empty()) {
      return std::nullopt;
    }
    const std::vector<RuleIndex> denies = study_.rules_near(subtree, Effect::deny);
    std::vector<const Resource*> others = resources_of(study_, denies);
    others.push_back(&subtree);
    std::vector<const Rule*> rules{&deny_};
    const std::vector<std::string> methods = sample_methods(allow, rules);
    std::optional<Opened> found;
    const auto look = [&](const Target& target, const PathReadings& path) {
      const bool inside = match_host(subtree, target.host) &&
                          match_path(subtree, path, Effect::deny).matched() &&
                          !pattern.matches(path.form(Reading::wide), Reading::wide, subtree.ignore_case) &&
                          !speaks_of(study_, deny_, target, path);
      for (const std::string& method : methods) {
        if (inside && deny_.methods.match(method, true) && is_open(allow, denies, target, path, method)) {
          found = Opened{method, target, allow.id};
          return false;
        }
      }
      return true;
    };
    if (visit_targets(study_, resource, Effect::allow, others, look) == Walk::exhausted) {
      study_.spend();
    }
    return found;
  }

  /// Open to somebody whom the deny rule is about, in circumstances that it is about.
  bool is_open(const Rule& allow, const std::vector<RuleIndex>& denies, const Target& target,
               const PathReadings& path, const std::string& method) {
    const auto all = holders(study_.program(), allow, deny_);
    return std::any_of(all.begin(), all.end(),
                       [&](const Holder& holder) {
                         const Question question{allow, denies, target, path, method, holder, &deny_};
                         return opens(study_, question) == Possible::yes;
                       }) &&
           can_be_sent(study_.program(), method, target);
  }

  Study& study_;
  const Rule& deny_;
};

void check_resource(Study& study, const Rule& deny, const Resource& resource) {
  for (const PathPattern& pattern : resource.paths) {
    const auto subtree = pattern.subtree() || !study.spend() ? std::nullopt : below(resource, pattern);
    const auto opened = subtree ? Beside(study, deny).open_below(*subtree, pattern) : std::nullopt;
    if (opened) {
      study.add("L10", Severity::warning, study.places().item(resource.place, "paths", pattern.text()),
                "deny rule " + quoted(deny.id) + " closes " + quoted(pattern.text()) + " alone: " +
                    quoted(opened->allow) + " still opens " + to_string(opened->method, opened->target) +
                    "; write " + quoted(subtree->paths.front().text()) + " to close what lies below as well");
    }
  }
}

/// C07: a deny of named methods, and an allow rule with `any` that still opens the same target to the same
/// people, in the same circumstances, by another spelling of the method.
bool open_by_spelling(Study& study, const Rule& allow, const Rule& deny) {
  std::string method;
  fold_case(deny.methods.names.front(), method);
  const auto all = holders(study.program(), allow, deny);
  return std::any_of(allow.resources.begin(), allow.resources.end(), [&](const std::string& name) {
    const Resource& resource = study.resource(name);
    const std::vector<RuleIndex> denies = study.rules_near(resource, Effect::deny);
    bool open = false;
    const auto look = [&](const Target& target, const PathReadings& path) {
      open = speaks_of(study, deny, target, path) &&
             std::any_of(all.begin(), all.end(),
                         [&](const Holder& holder) {
                           const Question question{allow, denies, target, path, method, holder, &deny};
                           return opens(study, question) == Possible::yes;
                         }) &&
             can_be_sent(study.program(), method, target);
      return !open;
    };
    const Walk walk = visit_targets(study, resource, Effect::allow, resources_of(study, denies), look);
    if (walk == Walk::exhausted) {
      study.spend();
    }
    return open;
  });
}

void check_any(Study& study, const Rule& allow) {
  std::vector<RuleIndex> denies;
  for (const std::string& name : allow.resources) {
    const auto near = study.rules_near(study.resource(name), Effect::deny);
    denies.insert(denies.end(), near.begin(), near.end());
  }
  for (const RuleIndex number : denies) {
    const Rule& deny = study.policy().rules[number];
    if (!deny.methods.any && study.spend() && open_by_spelling(study, allow, deny)) {
      study.add("C07", Severity::warning, study.places().item(allow.place, "methods", "any"),
                "allow rule " + quoted(allow.id) + " has 'any' beside " + quoted(deny.id) +
                    ", which denies " + deny.methods.names.front() +
                    " but no other spelling of it; name the methods that are allowed, or deny any");
      return;
    }
  }
}

}  // namespace

void check_deny_subtrees(Study& study) {
  study.begin({"L10"});
  for (RuleIndex number = 0; number < study.policy().rules.size() && study.spend(); ++number) {
    const Rule& rule = study.policy().rules[number];
    if (rule.effect == Effect::deny && !study.dead(number)) {
      for (const std::string& name : rule.resources) {
        check_resource(study, rule, study.resource(name));
      }
    }
  }
}

void check_methods(Study& study) {
  study.begin({"C07"});
  for (RuleIndex number = 0; number < study.policy().rules.size() && study.spend(); ++number) {
    const Rule& rule = study.policy().rules[number];
    if (rule.effect == Effect::allow && rule.methods.any && !study.dead(number)) {
      check_any(study, rule);
    }
  }
}

}  // namespace tallygate::policy::lint
