#include "policy/diff/row.hpp"

namespace tallygate::policy::diff {

std::string_view to_string(Change change) noexcept {
  switch (change) {
    case Change::opens:
      return "opens";
    case Change::closes:
      return "closes";
    case Change::step_up:
      return "step-up";
    case Change::other_rule:
      break;
  }
  return "other-rule";
}

Change change_of(const Verdict& before, const Verdict& after) noexcept {
  const bool same = before.outcome == after.outcome;
  if (!same && after.outcome == CellOutcome::allow) {
    return Change::opens;
  }
  if (before.outcome == CellOutcome::step_up || after.outcome == CellOutcome::step_up) {
    return Change::step_up;
  }
  return !same && before.outcome == CellOutcome::allow ? Change::closes : Change::other_rule;
}

Verdict ask(const Program& program, const Witness& witness) {
  CanonicalRequest request;
  CanonicalScratch canonical;
  const WrittenRequest sent = written(witness.where, witness.method);
  const RejectCode code = canonicalise(sent, program, request, canonical);
  if (code != RejectCode::none) {
    return verdict_of(code);
  }
  Scratch scratch(program);
  const Context context = witness.around.context(witness.now, witness.where.route);
  return verdict_of(program, evaluate(program, witness.principal, request, context, scratch));
}

}  // namespace tallygate::policy::diff
