#include "policy/replay/change.hpp"

#include <algorithm>

namespace tallygate::policy {
namespace {

/// What an answer says, without copying any of it. The names are given by position.
template <typename Rule, typename Need>
struct View {
  Outcome outcome;
  bool rejected;
  bool login;
  std::size_t rules;
  std::size_t needs;
  Rule rule;
  Need need;
};
template <typename Rule, typename Need>
View(Outcome, bool, bool, std::size_t, std::size_t, Rule, Need) -> View<Rule, Need>;

auto view_of(const RecordedAnswer& answer) noexcept {
  return View{answer.outcome,
              answer.code != RejectCode::none,
              answer.login,
              answer.rules.size(),
              answer.needs.size(),
              [&answer](std::size_t i) { return std::string_view(answer.rules[i]); },
              [&answer](std::size_t i) { return std::string_view(answer.needs[i]); }};
}

auto view_of(const Program& program, const Decision& decision, bool rejected) noexcept {
  const bool step_up = decision.outcome == Outcome::step_up;  // its rule is the one that would match
  return View{
      decision.outcome,
      rejected,
      decision.login,
      step_up ? 0 : decision.rules.size(),
      decision.step_up.size(),
      [&program, &decision](std::size_t i) { return std::string_view(program.rule(decision.rules[i]).id); },
      [&program, &decision](std::size_t i) {
        return std::string_view(program.condition(decision.step_up[i]).name);
      }};
}

template <typename Left, typename Right>
bool same_names(std::size_t count, const Left& left, const Right& right) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    if (left(i) != right(i)) {
      return false;
    }
  }
  return true;
}

template <typename Was, typename Is>
Change compare(const Was& was, const Is& is) noexcept {
  if (was.outcome != is.outcome) {
    if (was.outcome == Outcome::step_up || is.outcome == Outcome::step_up) {
      return Change::step_up;
    }
    return is.outcome == Outcome::allow ? Change::deny_to_allow : Change::allow_to_deny;
  }
  const bool same_needs =
      was.login == is.login && was.needs == is.needs && same_names(was.needs, was.need, is.need);
  if (was.outcome == Outcome::step_up) {
    return same_needs ? Change::same : Change::step_up;
  }
  const bool same_rules =
      was.rejected == is.rejected && was.rules == is.rules && same_names(was.rules, was.rule, is.rule);
  return same_rules ? Change::same : Change::other_rule;
}

}  // namespace

std::string_view to_string(Change change) noexcept {
  switch (change) {
    case Change::allow_to_deny:
      return "allow-to-deny";
    case Change::deny_to_allow:
      return "deny-to-allow";
    case Change::step_up:
      return "step-up";
    case Change::other_rule:
      return "other-rule";
    case Change::same:
      break;
  }
  return "same";
}

Change change_of(const RecordedAnswer& was, const Program& program, const Answer& is) noexcept {
  return compare(view_of(was), view_of(program, is.decision, is.code != RejectCode::none));
}

Change change_of(const Program& before, const Decision& was, const Program& after,
                 const Answer& is) noexcept {
  return compare(view_of(before, was, false), view_of(after, is.decision, is.code != RejectCode::none));
}

}  // namespace tallygate::policy
