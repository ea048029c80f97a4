#include "policy/evaluate/evaluation.hpp"

#include "policy/evaluate/atoms.hpp"

#include <algorithm>

namespace tallygate::policy {

Evaluation::Evaluation(const Program& program, const Principal& principal, const RoleSet& roles,
                       const CanonicalRequest& request, const Context& context, Scratch& scratch) noexcept
    : program_(program),
      index_(program.index()),
      principal_(principal),
      roles_(roles),
      request_(request),
      context_(context),
      scratch_(scratch),
      method_(method_bit(request.method)) {}

Decision Evaluation::run() noexcept {
  scratch_.begin_round();
  find_resources();
  if (scratch_.touched_.empty()) {
    return {};
  }
  for (const RoleIndex role : roles_.held()) {
    scratch_.role_bits_[role / 64] |= std::uint64_t{1} << (role % 64);
  }
  Decision decision;
  find_rules(Effect::deny);
  if (scratch_.matched_.empty()) {
    find_rules(Effect::allow);
    decision.outcome = scratch_.matched_.empty() ? Outcome::deny : Outcome::allow;
  }
  if (scratch_.matched_.empty()) {
    decision = step_up();
  } else {
    std::sort(scratch_.matched_.begin(), scratch_.matched_.end());
    decision.rules = scratch_.matched_;
  }
  for (const RoleIndex role : roles_.held()) {
    scratch_.role_bits_[role / 64] = 0;
  }
  return decision;
}

void Evaluation::find_rules(Effect effect) noexcept {
  const std::vector<Range>& by_resource = effect == Effect::deny ? index_.deny : index_.allow;
  for (const ResourceIndex resource : scratch_.touched_) {
    const Range postings = by_resource[resource];
    if (postings.empty() || !applies(resource, effect)) {
      continue;
    }
    for_each_held(postings, [this, effect](RuleIndex rule) { consider(rule, effect); });
  }
}

void Evaluation::consider(RuleIndex rule, Effect effect) noexcept {
  if (scratch_.rules_seen_[rule] == scratch_.round_) {
    return;
  }
  scratch_.rules_seen_[rule] = scratch_.round_;
  if (method_matches(rule) && conditions_match(index_.rules[rule], effect)) {
    scratch_.matched_.push_back(rule);
  }
}

bool Evaluation::method_matches(RuleIndex rule) const noexcept {
  const MethodMask& mask = index_.rules[rule].methods;
  if (mask.any) {
    return true;
  }
  if (method_ != 0) {
    return (mask.bits & method_) != 0;
  }
  if (!mask.others) {
    return false;
  }
  const auto& names = program_.rule(rule).methods.names;
  return std::find(names.begin(), names.end(), request_.method) != names.end();
}

bool Evaluation::conditions_match(const CompiledRule& rule, Effect effect) noexcept {
  // Every clause must be true for an allow rule, and must not be false for a deny rule.
  const Truth least = effect == Effect::allow ? Truth::yes : Truth::unknown;
  const auto when = list(rule.when);
  const auto unless = list(rule.unless);
  return std::all_of(when.begin(), when.end(), [&](ConditionIndex each) { return truth(each) >= least; }) &&
         std::all_of(unless.begin(), unless.end(),
                     [&](ConditionIndex each) { return negate(truth(each)) >= least; });
}

std::span<const ConditionIndex> Evaluation::list(Range range) const noexcept {
  return std::span(index_.condition_lists).subspan(range.first, range.size());
}

Truth Evaluation::truth(ConditionIndex condition) noexcept {
  Scratch::ConditionMark& mark = scratch_.conditions_[condition];
  if (mark.stamp != scratch_.round_) {
    mark = {scratch_.round_, compute(condition)};
  }
  return mark.truth;
}

Truth Evaluation::compute(ConditionIndex condition) noexcept {
  const Test& test = program_.condition(condition).test;
  const auto operands = list(index_.conditions[condition].operands);
  if (operands.empty()) {
    return test_atom(test, principal_, context_);
  }
  if (std::holds_alternative<NotOf>(test)) {
    return negate(truth(operands.front()));
  }
  const bool all = std::holds_alternative<AllOf>(test);
  Truth result = all ? Truth::yes : Truth::no;
  for (const ConditionIndex operand : operands) {
    result = all ? both(result, truth(operand)) : either(result, truth(operand));
  }
  return result;
}

std::string_view to_string(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::allow:
      return "allow";
    case Outcome::step_up:
      return "step-up";
    case Outcome::deny:
      break;
  }
  return "deny";
}

Decision evaluate(const Program& program, const Principal& principal, const RoleSet& roles,
                  const CanonicalRequest& request, const Context& context, Scratch& scratch) noexcept {
  if (!scratch.fits(program) || !roles.current(program, context.now)) {
    return {};
  }
  return Evaluation(program, principal, roles, request, context, scratch).run();
}

Decision evaluate(const Program& program, const Principal& principal, const CanonicalRequest& request,
                  const Context& context, Scratch& scratch) noexcept {
  if (!scratch.fits(program)) {
    return {};
  }
  resolve(program, principal, context.now, scratch, scratch.roles_);
  return Evaluation(program, principal, scratch.roles_, request, context, scratch).run();
}

}  // namespace tallygate::policy
