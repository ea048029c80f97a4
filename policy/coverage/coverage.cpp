#include "policy/coverage/coverage.hpp"

#include "policy/program/known.hpp"
#include "policy/program/match.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <tuple>
#include <utility>

namespace tallygate::policy::coverage {
namespace {

bool is_condition(Clause clause) noexcept {
  return clause == Clause::when || clause == Clause::unless;
}

/// Whether only conditions decide if the rule matches.
bool asks_conditions(const RuleTrace& rule) {
  return std::none_of(rule.clauses.begin(), rule.clauses.end(), [&rule](const ClauseTrace& clause) {
    return !is_condition(clause.clause) && rule.fails(clause);
  });
}

/// The names that a condition is made of.
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

/// Whether a suite can ask with the condition unknown. Bounded: conditions have no cycles and a limited
/// depth.
bool may_be_unknown(const Program& program, ConditionIndex index) {
  const Test& test = program.condition(index).test;
  const std::vector<std::string> names = operands(test);
  if (names.empty()) {
    return !std::holds_alternative<TimeWindow>(test) && !std::holds_alternative<HeadersAre>(test);
  }
  return std::any_of(names.begin(), names.end(), [&program](const std::string& name) {
    return may_be_unknown(program, known(program.find_condition(name)));
  });
}

void count_missed(std::vector<Missed>& reasons, const ClauseTrace& clause) {
  const auto found = std::find_if(reasons.begin(), reasons.end(), [&clause](const Missed& missed) {
    return missed.clause == clause.clause && missed.reason == clause.reason && missed.name == clause.name;
  });
  if (found == reasons.end()) {
    reasons.push_back({clause.clause, clause.reason, clause.name, 1});
  } else {
    ++found->count;
  }
}

void note_nearest(std::optional<Nearest>& nearest, const RuleTrace& rule, std::string_view where) {
  if (nearest && nearest->missing.size() <= rule.failing()) {
    return;
  }
  nearest = Nearest{std::string(where), {}};
  std::copy_if(rule.clauses.begin(), rule.clauses.end(), std::back_inserter(nearest->missing),
               [&rule](const ClauseTrace& clause) { return rule.fails(clause); });
}

void see(Share& share, bool possible, std::size_t count) noexcept {
  share.all += possible ? 1 : 0;
  share.seen += possible && count > 0 ? 1 : 0;
}

}  // namespace

std::string_view to_string(RuleState state) noexcept {
  constexpr std::array<std::string_view, 4> names{"decisive", "overridden", "shared", "never-matched"};
  return names[static_cast<std::size_t>(state)];
}

RuleState RuleCoverage::state() const noexcept {
  if (decisive > 0) {
    return RuleState::decisive;
  }
  if (overridden > 0) {
    return RuleState::overridden;
  }
  return shared > 0 ? RuleState::shared : RuleState::never;
}

double Share::percent() const noexcept {
  constexpr double tenths = 1000;
  return all == 0 ? 100 : std::floor(static_cast<double>(seen) * tenths / static_cast<double>(all)) / 10;
}

bool Share::reaches(double percent) const noexcept {
  constexpr double whole = 100;
  return all == 0 || static_cast<double>(seen) * whole >= percent * static_cast<double>(all);
}

Share Coverage::share() const noexcept {
  Share share;
  for (const RuleCoverage& rule : rules) {
    see(share, true, rule.decisive);
  }
  for (const ConditionCoverage& condition : conditions) {
    see(share, true, condition.yes);
    see(share, true, condition.no);
    see(share, condition.may_be_unknown, condition.unknown);
  }
  for (const BindingCoverage& binding : bindings) {
    see(share, true, binding.used);
    see(share, binding.may_end, binding.ended);
  }
  for (const RoleCoverage& role : roles) {
    see(share, true, role.used);
  }
  for (const ResourceCoverage& resource : resources) {
    see(share, true, resource.used);
    see(share, resource.may_exclude, resource.excluded);
  }
  return share;
}

Collector::Collector(std::shared_ptr<const Program> program) {
  const Policy& policy = program->policy();
  coverage_.rules.resize(policy.rules.size());
  coverage_.roles.resize(policy.roles.size());
  for (ConditionIndex i = 0; i < policy.conditions.size(); ++i) {
    coverage_.conditions.push_back({0, 0, 0, may_be_unknown(*program, i)});
  }
  for (const Binding& binding : policy.bindings) {
    coverage_.bindings.push_back({0, 0, binding.until.has_value()});
  }
  for (const Resource& resource : policy.resources) {
    coverage_.resources.push_back({0, 0, !resource.except.empty()});
  }
  coverage_.program = std::move(program);
}

void Collector::add_refused() noexcept {
  ++coverage_.questions;
  ++coverage_.refused;
}

void Collector::add(const Trace& trace, const CanonicalRequest& request, const Context& context,
                    std::string_view where) {
  ++coverage_.questions;
  add_rules(trace, where);
  add_conditions(trace);
  add_bindings(trace);
  add_resources(request, context);
}

void Collector::add_rules(const Trace& trace, std::string_view where) {
  for (const RuleTrace& rule : trace.rules) {
    RuleCoverage& seen = coverage_.rules[rule.rule];
    const bool deciding =
        std::find(trace.deciding.begin(), trace.deciding.end(), rule.rule) != trace.deciding.end();
    if (!rule.matched) {
      ++seen.missed;
      seen.offered += deciding ? 1 : 0;
      count_missed(seen.reasons, *rule.first_failing());
      note_nearest(seen.nearest, rule, where);
      continue;
    }
    if (deciding && trace.deciding.size() == 1) {
      ++seen.decisive;
      continue;
    }
    ++(deciding ? seen.shared : seen.overridden);
    auto& others = deciding ? seen.shared_with : seen.overridden_by;
    for (const RuleIndex other : trace.deciding) {
      if (other != rule.rule) {
        ++others[other];
      }
    }
  }
}

void Collector::reach(ConditionIndex condition, std::vector<bool>& reached) const {
  if (reached[condition]) {
    return;
  }
  reached[condition] = true;
  for (const std::string& name : operands(coverage_.program->condition(condition).test)) {
    reach(known(coverage_.program->find_condition(name)), reached);
  }
}

void Collector::add_conditions(const Trace& trace) {
  std::vector<bool> reached(coverage_.conditions.size());
  for (const RuleTrace& rule : trace.rules) {
    if (!asks_conditions(rule)) {
      continue;
    }
    for (const ClauseTrace& clause : rule.clauses) {
      if (is_condition(clause.clause)) {
        reach(known(coverage_.program->find_condition(clause.name)), reached);
      }
    }
  }
  for (const ConditionTrace& condition : trace.conditions) {
    if (!reached[condition.condition]) {
      continue;
    }
    ConditionCoverage& seen = coverage_.conditions[condition.condition];
    ++(condition.truth == Truth::yes ? seen.yes : condition.truth == Truth::no ? seen.no : seen.unknown);
  }
}

void Collector::add_bindings(const Trace& trace) {
  for (const std::size_t binding : trace.bindings) {
    ++coverage_.bindings[binding].used;
  }
  for (const std::size_t binding : trace.expired) {
    ++coverage_.bindings[binding].ended;
  }
  for (const RoleTrace& role : trace.roles) {
    if (role.role >= first_own_role_index) {
      ++coverage_.roles[role.role - first_own_role_index].used;
    }
  }
}

void Collector::add_resources(const CanonicalRequest& request, const Context& context) {
  const Policy& policy = coverage_.program->policy();
  const bool has_path = !request.path.matched.empty() && request.path.matched.size() <= max_target_bytes;
  const PathReadings path(has_path ? std::string_view(request.path.matched) : std::string_view("/"));
  for (std::size_t i = 0; i < policy.resources.size(); ++i) {
    const Resource& resource = policy.resources[i];
    ResourceCoverage& seen = coverage_.resources[i];
    if (!resource.route.empty()) {
      seen.used += context.route == resource.route ? 1 : 0;
      continue;
    }
    if (!has_path || !match_host(resource, request.host.name)) {
      continue;
    }
    // As an allow rule reads it.
    const PathMatch match = match_path(resource, path, Effect::allow);
    seen.used += match.matched() ? 1 : 0;
    seen.excluded += match.path != nullptr && match.except != nullptr ? 1 : 0;
  }
}

Coverage Collector::take() {
  for (RuleCoverage& rule : coverage_.rules) {
    std::sort(rule.reasons.begin(), rule.reasons.end(), [](const Missed& left, const Missed& right) {
      return std::tie(right.count, left.clause, left.name, left.reason) <
             std::tie(left.count, right.clause, right.name, right.reason);
    });
    if (rule.state() != RuleState::never) {
      rule.nearest.reset();
    }
  }
  return std::move(coverage_);
}

}  // namespace tallygate::policy::coverage
