#include "policy/evaluate/atoms.hpp"
#include "policy/evaluate/evaluation.hpp"

#include <algorithm>

namespace tallygate::policy {

/// Of the allow rules whose failing clauses the person could mend, the one that asks for least.
Decision Evaluation::step_up() noexcept {
  for (const ResourceIndex resource : scratch_.touched_) {
    const Range postings = index_.allow[resource];
    if (postings.empty() || !applies(resource, Effect::allow)) {
      continue;
    }
    if (!principal_.anonymous) {
      for_each_held(postings, [this](RuleIndex rule) { consider_mending(rule, true); });
      continue;
    }
    for (std::uint32_t i = postings.first; i < postings.last; ++i) {
      const Posting& posting = index_.postings[i];
      const bool held = posting.role == everyone_index || posting.role == anonymous_index;
      consider_mending(posting.rule, held);
    }
  }
  if (best_rule_ == no_rule) {
    return {};
  }
  Decision decision;
  decision.outcome = Outcome::step_up;
  scratch_.matched_.push_back(best_rule_);
  decision.rules = scratch_.matched_;
  auto& atoms = scratch_.best_atoms_;
  decision.login = !atoms.empty() && atoms.back() == login_atom;
  decision.step_up = std::span(atoms).first(atoms.size() - (decision.login ? 1 : 0));
  return decision;
}

void Evaluation::consider_mending(RuleIndex rule, bool role_held) noexcept {
  // Postings are sorted by role, and everyone and anonymous have the lowest numbers: a role that is held
  // comes first.
  if (scratch_.rules_seen_[rule] == scratch_.round_ + 1) {
    return;
  }
  scratch_.rules_seen_[rule] = scratch_.round_ + 1;
  const bool found = best_rule_ != no_rule;
  if (found && scratch_.best_atoms_.size() == 1 && rule > best_rule_) {
    return;
  }
  const CompiledRule& compiled = index_.rules[rule];
  if (!method_matches(rule)) {
    return;
  }
  const auto unless = list(compiled.unless);
  if (!std::all_of(unless.begin(), unless.end(),
                   [&](ConditionIndex each) { return truth(each) == Truth::no; })) {
    return;
  }
  scratch_.atoms_.clear();
  if (!role_held) {
    if (!compiled.login_helps) {
      return;
    }
    scratch_.atoms_.push_back(login_atom);
  }
  if (!collect_all(list(compiled.when))) {
    return;
  }
  make_set(0);
  const std::size_t size = scratch_.atoms_.size();
  const std::size_t best = scratch_.best_atoms_.size();
  if (found && (size > best || (size == best && rule > best_rule_))) {
    return;
  }
  best_rule_ = rule;
  std::swap(scratch_.atoms_, scratch_.best_atoms_);
}

/// Appends to `atoms_` what makes the condition hold; false if nothing does.
bool Evaluation::collect(ConditionIndex condition) noexcept {
  const Truth now = truth(condition);
  if (now == Truth::yes) {
    return true;
  }
  const Test& test = program_.condition(condition).test;
  const auto operands = list(index_.conditions[condition].operands);
  if (std::holds_alternative<AllOf>(test)) {
    return collect_all(operands);
  }
  if (std::holds_alternative<AnyOf>(test)) {
    return collect_cheapest(operands);
  }
  if (std::holds_alternative<NotOf>(test)) {
    return false;  // mending makes things true, never false
  }
  switch (mend_of(test, now, principal_)) {
    case Mend::itself:
      scratch_.atoms_.push_back(condition);
      return true;
    case Mend::login:
      scratch_.atoms_.push_back(login_atom);
      return true;
    case Mend::nothing:
      break;
  }
  return false;
}

bool Evaluation::collect_all(std::span<const ConditionIndex> operands) noexcept {
  const std::size_t first = scratch_.atoms_.size();
  for (const ConditionIndex operand : operands) {
    if (!collect(operand)) {
      return false;
    }
    make_set(first);
  }
  return true;
}

bool Evaluation::collect_cheapest(std::span<const ConditionIndex> operands) noexcept {
  auto& atoms = scratch_.atoms_;
  const std::size_t first = atoms.size();
  std::size_t best = 0;  // atoms of the best way so far, kept at `first`; 0: none
  for (const ConditionIndex operand : operands) {
    const std::size_t start = first + best;
    if (collect(operand)) {
      make_set(start);
      const std::size_t size = atoms.size() - start;
      if (best == 0 || size < best) {
        std::copy(atoms.begin() + static_cast<std::ptrdiff_t>(start), atoms.end(),
                  atoms.begin() + static_cast<std::ptrdiff_t>(first));
        best = size;
      }
    }
    atoms.resize(first + best);
  }
  return best != 0;
}

/// Sorts the atoms from `first` on and removes repetitions.
void Evaluation::make_set(std::size_t first) noexcept {
  auto& atoms = scratch_.atoms_;
  const auto begin = atoms.begin() + static_cast<std::ptrdiff_t>(first);
  std::sort(begin, atoms.end());
  atoms.erase(std::unique(begin, atoms.end()), atoms.end());
}

}  // namespace tallygate::policy
