#include "policy/lint/reach.hpp"

#include <algorithm>
#include <set>

namespace tallygate::policy::lint {
namespace {

std::vector<const Rule*> pointers(const Study& study, const std::vector<RuleIndex>& rules) {
  std::vector<const Rule*> out;
  out.reserve(rules.size());
  for (const RuleIndex rule : rules) {
    out.push_back(&study.policy().rules[rule]);
  }
  return out;
}

/// L4 for one allow rule.
class Decisive {
 public:
  Decisive(Study& study, const Rule& rule)
      : study_(study), rule_(rule), denies_(rules_near(study, rule, Effect::deny)) {}

  /// Looks for a request that the rule opens. No: there is none; undecided: perhaps.
  Possible opens_something() {
    if (denies_.empty() && !has_exceptions()) {
      return Possible::yes;
    }
    const std::vector<const Resource*> others = resources_of(study_, denies_);
    methods_ = sample_methods(rule_, pointers(study_, denies_));
    for (const std::string& name : rule_.resources) {
      const Resource& resource = study_.resource(name);
      Walk walk = look(resource, {}, 1);  // mostly the plainest target is enough
      if (walk != Walk::ended) {
        walk = look(resource, others, static_cast<std::size_t>(-1));
      }
      if (walk == Walk::ended) {
        return Possible::yes;
      }
      if (walk == Walk::exhausted) {
        study_.spend();
        return Possible::undecided;
      }
    }
    return Possible::no;
  }

  /// The deny rules that were in the way.
  [[nodiscard]] std::vector<std::string> closing() const {
    std::vector<std::string> names;
    names.reserve(closing_.size());
    for (const RuleIndex number : closing_) {
      names.push_back(study_.policy().rules[number].id);
    }
    return names;
  }

 private:
  [[nodiscard]] bool has_exceptions() const {
    return std::any_of(rule_.resources.begin(), rule_.resources.end(),
                       [&](const std::string& name) { return !study_.resource(name).except.empty(); });
  }

  Walk look(const Resource& resource, std::span<const Resource* const> others, std::size_t targets_max) {
    std::size_t targets = 0;
    bool opened = false;
    const Walk walk = visit_targets(study_, resource, Effect::allow, others,
                                    [&](const Target& target, const PathReadings& path) {
                                      opened = open(target, path);
                                      return !opened && ++targets < targets_max;
                                    });
    return walk == Walk::ended && !opened ? Walk::complete : walk;
  }

  bool open(const Target& target, const PathReadings& path) {
    for (const std::string& method : methods_) {
      for (const Holder& holder : holders(study_.program(), rule_)) {
        if (opens(study_, {rule_, denies_, target, path, method, holder}) != Possible::no) {
          return true;
        }
      }
    }
    for (const RuleIndex number : denies_) {
      if (speaks_of(study_, study_.policy().rules[number], target, path)) {
        closing_.insert(number);
      }
    }
    return false;
  }

  Study& study_;
  const Rule& rule_;
  std::vector<RuleIndex> denies_;
  std::vector<std::string> methods_;
  std::set<RuleIndex> closing_;
};

/// L5: whether an allow rule lies within another: it matches nothing that the other does not, and offers
/// step-up nowhere that the other does not. All parts must; each is exact.
class Within {
 public:
  explicit Within(Study& study) : study_(study) {}

  bool operator()(const Rule& inner, const Rule& outer) {
    return methods(inner, outer) && roles(inner, outer) && conditions(inner, outer) && targets(inner, outer);
  }

 private:
  static bool methods(const Rule& inner, const Rule& outer) {
    if (outer.methods.any || inner.methods.any) {
      return outer.methods.any;
    }
    return std::includes(outer.methods.names.begin(), outer.methods.names.end(), inner.methods.names.begin(),
                         inner.methods.names.end());
  }

  bool roles(const Rule& inner, const Rule& outer) {
    const auto all = holders(study_.program(), inner);
    return std::all_of(all.begin(), all.end(), [&](const Holder& holder) {
      return HeldRoles(study_.program(), holder).match(outer);
    });
  }

  bool conditions(const Rule& inner, const Rule& outer) {
    if (outer.when.empty() && outer.unless.empty()) {
      return true;
    }
    const auto all = holders(study_.program(), inner);
    const auto lies = [&](bool anonymous) {
      return never(inner, outer, anonymous, false) && never(inner, outer, anonymous, true);
    };
    // To whoever is not logged in a login may be offered for any rule.
    return std::all_of(all.begin(), all.end(),
                       [&](const Holder& holder) { return lies(holder.anonymous); }) &&
           never(inner, outer, true, true);
  }

  /// Whether the inner rule never holds, or could be mended, where the outer one does not or could not.
  bool never(const Rule& inner, const Rule& outer, bool anonymous, bool mended) {
    const Demand demands[] = {{&inner, is_yes, mended},
                              {&outer, static_cast<Truths>(is_no | is_unknown), mended}};
    return study_.circumstances().possible(
               demands, {.anonymous = anonymous, .all = false, .address = false}) == Possible::no;
  }

  bool targets(const Rule& inner, const Rule& outer) {
    const std::vector<const Resource*> others = resources_of(study_, outer);
    return std::all_of(inner.resources.begin(), inner.resources.end(), [&](const std::string& name) {
      if (std::binary_search(outer.resources.begin(), outer.resources.end(), name)) {
        return true;
      }
      const Walk walk = visit_targets(study_, study_.resource(name), Effect::allow, others,
                                      [&](const Target& target, const PathReadings& path) {
                                        return speaks_of(study_, outer, target, path);
                                      });
      return walk == Walk::complete;
    });
  }

  Study& study_;
};

void check_shadowed(Study& study, RuleIndex number) {
  const Rule& rule = study.policy().rules[number];
  Within within(study);
  for (const RuleIndex other : study.rules_near(study.resource(rule.resources.front()), Effect::allow)) {
    if (other == number || study.dead(other)) {
      continue;
    }
    if (!study.spend()) {
      return;
    }
    const Rule& broader = study.policy().rules[other];
    // Of two that lie within each other, the second goes; where they say the same in the same words, L3 has
    // it.
    if (!within(rule, broader) || (within(broader, rule) && number < other)) {
      continue;
    }
    const bool same_words =
        rule.roles == broader.roles && rule.resources == broader.resources &&
        rule.methods.any == broader.methods.any && rule.methods.names == broader.methods.names &&
        std::is_permutation(rule.when.begin(), rule.when.end(), broader.when.begin(), broader.when.end()) &&
        std::is_permutation(rule.unless.begin(), rule.unless.end(), broader.unless.begin(),
                            broader.unless.end());
    if (same_words) {
      continue;
    }
    study.add("L5", Severity::warning, rule.place,
              "allow rule " + quoted(rule.id) + " adds nothing: " + quoted(broader.id) + " at " +
                  study.policy().at(broader.place) +
                  " matches whatever it matches; remove it, or narrow the broader one");
    return;
  }
}

}  // namespace

void check_decisive(Study& study) {
  study.begin({"L4"});
  for (RuleIndex number = 0; number < study.policy().rules.size() && study.spend(); ++number) {
    const Rule& rule = study.policy().rules[number];
    if (rule.effect == Effect::deny || study.dead(number)) {
      continue;
    }
    Decisive decisive(study, rule);
    if (decisive.opens_something() != Possible::no) {
      continue;
    }
    study.set_dead(number);
    const std::vector<std::string> closing = decisive.closing();
    study.add("L4", Severity::warning, rule.place,
              "allow rule " + quoted(rule.id) + " never decides: " +
                  (closing.empty() ? "its exceptions leave no path; narrow 'except', or remove the rule"
                                   : "every request it could match is denied by " + listed(closing) +
                                         "; narrow the deny, or remove this rule"));
  }
}

void check_shadowed(Study& study) {
  study.begin({"L5"});
  for (RuleIndex number = 0; number < study.policy().rules.size() && study.spend(); ++number) {
    if (study.policy().rules[number].effect == Effect::allow && !study.dead(number)) {
      check_shadowed(study, number);
    }
  }
}

}  // namespace tallygate::policy::lint
