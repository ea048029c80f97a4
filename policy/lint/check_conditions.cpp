#include "policy/lint/study.hpp"
#include "policy/program/known.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace tallygate::policy::lint {
namespace {

/// Clauses of one rule that are tried against each other to name the culprits.
constexpr std::size_t clauses_max = 16;

/// A clause of a rule as it is written.
struct Clause {
  std::string name;
  bool unless = false;
};

std::vector<Clause> clauses_of(const Rule& rule) {
  std::vector<Clause> out;
  out.reserve(rule.when.size() + rule.unless.size());
  for (const std::string& name : rule.when) {
    out.push_back({name, false});
  }
  for (const std::string& name : rule.unless) {
    out.push_back({name, true});
  }
  return out;
}

std::string text_of(const Clause& clause) {
  return (clause.unless ? "'unless' " : "'when' ") + quoted(clause.name);
}

class Contradictions {
 public:
  explicit Contradictions(Study& study) : study_(study) {}

  void run() {
    for (const Condition& condition : study_.policy().conditions) {
      check(condition);
    }
    for (RuleIndex number = 0; number < study_.policy().rules.size(); ++number) {
      check(number);
    }
  }

 private:
  /// Whether clauses of a rule can hold together, as its effect asks for, for somebody of whom everything is
  /// known. Without `known`: for anybody, since what is unknown of somebody may be so for everybody.
  bool can_hold(const std::vector<Clause>& clauses, const Rule& of, bool known = true) {
    Rule rule;
    for (const Clause& clause : clauses) {
      (clause.unless ? rule.unless : rule.when).push_back(clause.name);
    }
    const Truths wanted = of.effect == Effect::allow ? is_yes : static_cast<Truths>(is_yes | is_unknown);
    const bool only_anonymous = of.roles == std::vector<std::string>{std::string(role_anonymous)};
    const Demand demand{&rule, wanted};
    const auto possible = [&](bool anonymous) {
      return study_.circumstances().possible(std::span(&demand, 1),
                                             {.anonymous = anonymous, .all = known, .address = known}) !=
             Possible::no;
    };
    return only_anonymous ? possible(true) : possible(false);
  }

  bool always(const Condition& condition) {
    Rule rule;
    rule.when = {condition.name};
    const Demand demand{&rule, static_cast<Truths>(is_no | is_unknown)};
    const auto fails = [&](bool anonymous) {
      return study_.circumstances().possible(std::span(&demand, 1),
                                             {.anonymous = anonymous, .all = false, .address = true}) !=
             Possible::no;
    };
    return !fails(false) && !fails(true);
  }

  void check(const Condition& condition) {
    if (always(condition)) {
      study_.add("L8", Severity::warning, condition.place,
                 "condition " + quoted(condition.name) +
                     " always holds, so it asks nothing; remove it, or narrow what it lists");
      return;
    }
    Rule somebody;
    somebody.effect = Effect::allow;
    if (!can_hold({{condition.name, false}}, somebody)) {
      impossible_.push_back(condition.name);
      study_.add("L7", Severity::warning, condition.place,
                 "condition " + quoted(condition.name) +
                     " can never hold: what it is made of contradicts itself; take one part out");
    }
  }

  void check(RuleIndex number) {
    const Rule& rule = study_.policy().rules[number];
    const std::vector<Clause> clauses = clauses_of(rule);
    if (clauses.empty()) {
      return;
    }
    if (can_hold(clauses, rule)) {
      check_claims(rule);
      return;
    }
    // For a deny rule the unknown matches; perhaps that is what it is for.
    const bool if_unknown = rule.effect == Effect::deny && can_hold(clauses, rule, false);
    if (!if_unknown) {
      study_.set_dead(number);
    }
    const auto reported = [&](const std::string& name) {
      return std::find(impossible_.begin(), impossible_.end(), name) != impossible_.end();
    };
    if (std::none_of(rule.when.begin(), rule.when.end(), reported)) {
      const Place place = study_.places().value(rule.place, rule.when.empty() ? "unless" : "when");
      study_.add(
          "L7", if_unknown ? Severity::note : Severity::warning, place,
          "rule " + quoted(rule.id) +
              (if_unknown ? " matches only while what it asks for is unknown: " : " can never match: ") +
              culprits(clauses, rule) + (if_unknown ? ", if that is not meant" : ""));
    }
  }

  /// The fewest clauses that do not go together.
  std::string culprits(const std::vector<Clause>& clauses, const Rule& rule) {
    const std::size_t count = std::min(clauses.size(), clauses_max);
    for (std::size_t i = 0; i < count; ++i) {
      if (!can_hold({clauses[i]}, rule)) {
        return text_of(clauses[i]) + (clauses[i].unless ? " always holds" : " never holds for these roles") +
               "; remove it, or the rule";
      }
    }
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t j = i + 1; j < count; ++j) {
        if (!can_hold({clauses[i], clauses[j]}, rule)) {
          return text_of(clauses[i]) + " and " + text_of(clauses[j]) +
                 " contradict each other; remove one of them";
        }
      }
    }
    return "its conditions contradict each other; remove one of them";
  }

  /// The claims that a condition demands, also where it is made of others that must all hold.
  void demanded(const std::string& name, std::vector<std::pair<std::string, const Wanted*>>& out) const {
    const Test& test = study_.program().condition(known(study_.program().find_condition(name))).test;
    if (const auto* claims = std::get_if<ClaimsAre>(&test)) {
      for (const Wanted& claim : claims->claims) {
        out.emplace_back(name, &claim);
      }
    } else if (const auto* all = std::get_if<AllOf>(&test)) {
      for (const std::string& part : all->names) {
        demanded(part, out);
      }
    }
  }

  /// Two values of one claim are no contradiction, since a claim may be a list; but few are.
  void check_claims(const Rule& rule) {
    std::vector<std::pair<std::string, const Wanted*>> claims;
    for (const std::string& name : rule.when) {
      demanded(name, claims);
    }
    if (claims.size() > clauses_max) {
      return;
    }
    for (std::size_t i = 0; i < claims.size(); ++i) {
      for (std::size_t j = i + 1; j < claims.size(); ++j) {
        const Wanted& one = *claims[i].second;
        const Wanted& other = *claims[j].second;
        const bool disjoint = std::none_of(one.any_of.begin(), one.any_of.end(), [&](const Value& value) {
          return std::find(other.any_of.begin(), other.any_of.end(), value) != other.any_of.end();
        });
        if (one.name == other.name && disjoint) {
          study_.add("L7", Severity::note, study_.places().value(rule.place, "when"),
                     "rule " + quoted(rule.id) + " matches only somebody whose claim " + quoted(one.name) +
                         " is a list: " + quoted(claims[i].first) + " and " + quoted(claims[j].first) +
                         " want different values; if one is enough, join them with 'any'");
          return;
        }
      }
    }
  }

  Study& study_;
  std::vector<std::string> impossible_;
};

}  // namespace

void check_conditions(Study& study) {
  Contradictions(study).run();
}

}  // namespace tallygate::policy::lint
