#include "policy/lint/reach.hpp"

#include <algorithm>
#include <optional>
#include <set>

namespace tallygate::policy::lint {
namespace {

/// Whether the two have a path in common, exceptions aside. With `reaching_out`: by a pattern of `broad` that
/// does not lie within the other, as `/admin/help` lies within `/admin/**` and is meant.
bool meet(const Resource& broad, const Resource& narrow, bool reaching_out) {
  return std::any_of(broad.paths.begin(), broad.paths.end(), [&](const PathPattern& outer) {
    return std::any_of(narrow.paths.begin(), narrow.paths.end(), [&](const PathPattern& inner) {
      return overlap_widely(outer, inner) && !(reaching_out && covers(inner, outer, narrow.ignore_case));
    });
  });
}

/// Whether the resource has the path by a pattern for that one page.
bool names_page(const Resource& resource, const std::string& path) {
  const PathReadings readings(path);
  const PathPattern* pattern = match_path(resource, readings, Effect::allow).path;
  return pattern != nullptr && !pattern->subtree() && pattern->text().find('*') == std::string::npos;
}

/// A wildcard host of one resource over an exact host of another; null: none.
const HostPattern* wildcard_over(const Resource& broad, const Resource& narrow) {
  for (const HostPattern& outer : broad.hosts) {
    for (const HostPattern& inner : narrow.hosts) {
      if (outer.wildcard() && !inner.wildcard() && covers(outer, inner)) {
        return &outer;
      }
    }
  }
  return nullptr;
}

bool same_host(const Resource& broad, const Resource& narrow) {
  return std::any_of(broad.hosts.begin(), broad.hosts.end(), [&](const HostPattern& outer) {
    return std::any_of(narrow.hosts.begin(), narrow.hosts.end(), [&](const HostPattern& inner) {
      return outer.text() == inner.text() || (inner.wildcard() && covers(outer, inner));
    });
  });
}

/// What an allow rule opens on a resource that it does not name.
struct Leak {
  std::string method;
  Target target;
  std::string role;
  std::string stricter;  ///< the rule that asks for more; L9
  bool conditions = false;
};

/// L9 and L11: one allow rule, through one of its resources, against another resource.
class Breadth {
 public:
  Breadth(Study& study, const Rule& rule, const Resource& broad, ResourceIndex narrow)
      : study_(study), rule_(rule), broad_(broad), narrow_(study.program().resource(narrow)) {
    own_.reserve(study.rules_of(narrow, Effect::allow).size());
    for (const RuleIndex number : study.rules_of(narrow, Effect::allow)) {
      own_.push_back(&study.policy().rules[number]);
    }
    denies_ = study.rules_near(narrow_, Effect::deny);
  }

  /// A request that only the broad rule opens, whatever the method.
  std::optional<Leak> any() {
    return search([&](const Target& target, const PathReadings& path, const std::string& method,
                      const Holder& holder) -> std::optional<Leak> {
      const HeldRoles roles(study_.program(), holder);
      std::vector<const Rule*> unmet;
      for (const Rule* own : own_) {
        if (own->methods.match(method, false) && roles.match(*own)) {
          unmet.push_back(own);
        }
      }
      if (opens(study_, question(target, path, method, holder), unmet) != Possible::yes) {
        return std::nullopt;
      }
      return leak(target, method, holder, nullptr, false);
    });
  }

  /// A request that the broad rule opens although what one of the resource's own rules for this method asks
  /// for is not there, its conditions or a role that includes the broad rule's, and no other of them opens
  /// it.
  std::optional<Leak> stricter(bool conditions) {
    return search([&](const Target& target, const PathReadings& path, const std::string& method,
                      const Holder& holder) -> std::optional<Leak> {
      for (const Rule* own : own_) {
        const bool candidate = own->methods.match(method, false) && asks_for_more(*own, holder);
        const auto unmet = candidate ? demands(*own, method, holder, conditions) : std::nullopt;
        if (unmet && opens(study_, question(target, path, method, holder), *unmet) == Possible::yes) {
          return leak(target, method, holder, own, conditions);
        }
      }
      return std::nullopt;
    });
  }

 private:
  Question question(const Target& target, const PathReadings& path, const std::string& method,
                    const Holder& holder) const {
    return {rule_, denies_, target, path, method, holder};
  }

  Leak leak(const Target& target, const std::string& method, const Holder& holder, const Rule* named,
            bool conditions) const {
    return {method, target, std::string(study_.program().role_name(holder.role)),
            named != nullptr ? named->id : "", conditions};
  }

  /// The own rules whose conditions must not be met for somebody to go round `stricter`; what he has no role
  /// of is unmet anyway. Nothing where he does not go round it.
  std::optional<std::vector<const Rule*>> demands(const Rule& stricter, const std::string& method,
                                                  const Holder& holder, bool conditions) const {
    const HeldRoles roles(study_.program(), holder);
    if (!conditions && (roles.match(stricter) || !includes_role(stricter))) {
      return std::nullopt;
    }
    std::vector<const Rule*> out;
    for (const Rule* own : own_) {
      if ((conditions && own == &stricter) || (own->methods.match(method, false) && roles.match(*own))) {
        out.push_back(own);
      }
    }
    return out;
  }

  /// Whether the rule's conditions hold only where the broad rule's do: else it is another way in, not a
  /// narrower one.
  bool asks_for_more(const Rule& own, const Holder& holder) {
    const Demand demands[] = {{&own, is_yes}, {&rule_, static_cast<Truths>(is_no | is_unknown)}};
    return study_.circumstances().possible(
               demands, {.anonymous = holder.anonymous, .all = false, .address = false}) == Possible::no;
  }

  /// Whether all roles of the rule include one of the broad rule's, so that it is meant for fewer.
  bool includes_role(const Rule& own) const {
    const auto all = holders(study_.program(), own);
    return std::all_of(all.begin(), all.end(), [&](const Holder& holder) {
      return HeldRoles(study_.program(), holder).match(rule_);
    });
  }

  template <typename Try>
  std::optional<Leak> search(Try attempt) {
    std::vector<const Rule*> rules(own_);
    rules.reserve(own_.size() + denies_.size());
    for (const RuleIndex number : denies_) {
      rules.push_back(&study_.policy().rules[number]);
    }
    const std::vector<std::string> methods = sample_methods(rule_, rules);
    std::vector<const Resource*> others = resources_of(study_, denies_);
    others.push_back(&broad_);
    std::optional<Leak> found;
    const Walk walk = visit_targets(study_, narrow_, Effect::allow, others,
                                    [&](const Target& target, const PathReadings& path) {
                                      found = attempt_at(target, path, methods, attempt);
                                      return !found;
                                    });
    if (walk == Walk::exhausted) {
      study_.spend();
    }
    return found;
  }

  template <typename Try>
  std::optional<Leak> attempt_at(const Target& target, const PathReadings& path,
                                 const std::vector<std::string>& methods, Try attempt) {
    if (!match_host(broad_, target.host) || !match_path(broad_, path, Effect::allow).matched()) {
      return std::nullopt;
    }
    for (const std::string& method : methods) {
      for (const Holder& holder : holders(study_.program(), rule_)) {
        auto found = attempt(target, path, method, holder);
        if (found && can_be_sent(study_.program(), method, target)) {
          return found;
        }
      }
    }
    return std::nullopt;
  }

  Study& study_;
  const Rule& rule_;
  const Resource& broad_;
  const Resource& narrow_;
  std::vector<const Rule*> own_;
  std::vector<RuleIndex> denies_;
};

void report_wildcard(Study& study, const Rule& rule, const Resource& broad, const Resource& narrow,
                     const HostPattern& host, const Leak& leak) {
  const Place place = study.places().item(broad.place, "hosts", [&](const std::string& text) {
    const auto parsed = HostPattern::parse(text);
    return parsed && parsed->text() == host.text();
  });
  // One page of all hosts, such as /health, may be meant.
  const bool page = names_page(broad, leak.target.path);
  study.add("L11", page ? Severity::note : Severity::warning, place,
            "host " + quoted(host.text()) + " of resource " + quoted(broad.name) +
                " has the hosts of resource " + quoted(narrow.name) + " in it: allow rule " +
                quoted(rule.id) + " opens " + to_string(leak.method, leak.target) + " to " +
                quoted(leak.role) + ", which no rule of " + quoted(narrow.name) +
                " does; list the hosts one by one, or deny what is not meant");
}

void report_broad(Study& study, const Rule& rule, const Resource& broad, const Resource& narrow,
                  const Leak& leak) {
  study.add("L9", leak.conditions ? Severity::warning : Severity::note, rule.place,
            "allow rule " + quoted(rule.id) + " opens " + to_string(leak.method, leak.target) + " to " +
                quoted(leak.role) + " through resource " + quoted(broad.name) + ", without what " +
                quoted(leak.stricter) + " asks for on resource " + quoted(narrow.name) +
                (leak.conditions ? " (its conditions)" : " (its role)") + "; put the paths of " +
                quoted(narrow.name) + " into 'except' of " + quoted(broad.name));
}

void compare(Study& study, const Rule& rule, const Resource& broad, ResourceIndex number) {
  const Resource& narrow = study.program().resource(number);
  if (const HostPattern* wildcard = wildcard_over(broad, narrow);
      wildcard != nullptr && meet(broad, narrow, false)) {
    if (const auto leak = Breadth(study, rule, broad, number).any()) {
      report_wildcard(study, rule, broad, narrow, *wildcard, *leak);
    }
    return;
  }
  if (study.rules_of(number, Effect::allow).empty() || !same_host(broad, narrow) ||
      !meet(broad, narrow, true)) {
    return;
  }
  Breadth breadth(study, rule, broad, number);
  auto leak = breadth.stricter(true);
  if (!leak) {
    leak = breadth.stricter(false);
  }
  if (leak) {
    report_broad(study, rule, broad, narrow, *leak);
  }
}

/// One allow rule against all that its resources reach.
void check_rule(Study& study, const Rule& rule) {
  for (const std::string& name : rule.resources) {
    const Resource& broad = study.resource(name);
    for (const ResourceIndex other : study.overlaps().of(broad)) {
      const std::string& narrow = study.program().resource(other).name;
      if (!std::binary_search(rule.resources.begin(), rule.resources.end(), narrow) && study.spend()) {
        compare(study, rule, broad, other);
      }
    }
  }
}

}  // namespace

void check_breadth(Study& study) {
  study.begin({"L9", "L11"});
  const auto& rules = study.policy().rules;
  for (RuleIndex number = 0; number < rules.size() && study.spend(); ++number) {
    if (rules[number].effect == Effect::allow && !study.dead(number)) {
      check_rule(study, rules[number]);
    }
  }
}

}  // namespace tallygate::policy::lint
