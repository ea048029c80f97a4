#include "policy/explain/verdict.hpp"

#include "policy/language/nearest.hpp"

#include <algorithm>
#include <array>

namespace tallygate::policy {
namespace {

constexpr std::array outcomes{CellOutcome::allow, CellOutcome::deny, CellOutcome::step_up,
                              CellOutcome::reject};
constexpr std::string_view by_default = "default";
constexpr std::string_view by_login = "login";

CellOutcome cell_outcome(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::allow:
      return CellOutcome::allow;
    case Outcome::step_up:
      return CellOutcome::step_up;
    case Outcome::deny:
      break;
  }
  return CellOutcome::deny;
}

std::string quoted(std::string_view text) {
  return "'" + std::string(text) + "'";
}

template <typename Range, typename Name>
std::vector<std::string> names_of(const Range& range, Name name) {
  std::vector<std::string> names;
  names.reserve(range.size());
  for (const auto& each : range) {
    names.push_back(each.*name);
  }
  return names;
}

bool holds(const std::vector<std::string>& names, std::string_view name) noexcept {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::optional<std::string> find_rule_problem(const Expectation& expectation, const Policy& policy) {
  const Effect wanted = expectation.outcome == CellOutcome::allow ? Effect::allow : Effect::deny;
  if (wanted == Effect::deny && expectation.by == by_default) {
    return std::nullopt;
  }
  if (expectation.by == by_default) {
    return "'default' never allows; name a rule with effect allow";
  }
  std::vector<std::string> candidates;
  for (const Rule& rule : policy.rules) {
    if (rule.effect == wanted) {
      candidates.push_back(rule.id);
    }
    if (rule.id != expectation.by) {
      continue;
    }
    if (rule.effect == wanted) {
      return std::nullopt;
    }
    return "rule " + quoted(rule.id) + " has effect " + std::string(to_string(rule.effect)) +
           ", so it can never " + std::string(to_string(wanted)) + "; name a rule with effect " +
           std::string(to_string(wanted)) + (wanted == Effect::deny ? " or 'default'" : "");
  }
  return "unknown rule " + quoted(expectation.by) + did_you_mean(expectation.by, candidates);
}

std::optional<std::string> find_condition_problem(const Expectation& expectation, const Policy& policy) {
  std::vector<std::string> names = names_of(policy.conditions, &Condition::name);
  names.emplace_back(by_login);
  if (holds(names, expectation.by)) {
    return std::nullopt;
  }
  if (holds(names_of(policy.rules, &Rule::id), expectation.by)) {
    return quoted(expectation.by) + " is a rule; 'step-up' names the condition to be met, or 'login'";
  }
  return "unknown condition " + quoted(expectation.by) + did_you_mean(expectation.by, names);
}

std::vector<std::string> code_names() {
  std::vector<std::string> names;
  for (int i = 1; i <= static_cast<int>(RejectCode::too_long); ++i) {
    names.emplace_back(to_string(static_cast<RejectCode>(i)));
  }
  return names;
}

}  // namespace

std::string_view to_string(CellOutcome outcome) noexcept {
  switch (outcome) {
    case CellOutcome::allow:
      return "allow";
    case CellOutcome::step_up:
      return "step-up";
    case CellOutcome::reject:
      return "reject";
    case CellOutcome::deny:
      break;
  }
  return "deny";
}

std::string to_string(const Verdict& verdict) {
  std::string text(to_string(verdict.outcome));
  for (std::size_t i = 0; i < verdict.by.size(); ++i) {
    text.append(i == 0 ? " " : ", ").append(verdict.by[i]);
  }
  return text;
}

std::string to_string(const Expectation& expectation) {
  std::string text(to_string(expectation.outcome));
  return expectation.by.empty() ? text : text + " " + expectation.by;
}

Verdict verdict_of(const Program& program, const Decision& decision) {
  Verdict verdict{cell_outcome(decision.outcome), {}};
  if (decision.outcome == Outcome::step_up) {
    if (decision.login) {
      verdict.by.emplace_back(by_login);
    }
    for (const ConditionIndex index : decision.step_up) {
      verdict.by.push_back(program.condition(index).name);
    }
    return verdict;
  }
  for (const RuleIndex index : decision.rules) {
    verdict.by.push_back(program.rule(index).id);
  }
  if (verdict.by.empty()) {
    verdict.by.emplace_back(by_default);
  }
  return verdict;
}

Verdict verdict_of(RejectCode code) {
  return {CellOutcome::reject, {std::string(to_string(code))}};
}

Verdict decide(const Program& program, const Question& question, DecideScratch& scratch) {
  const RejectCode code = canonicalise(question.request, program, scratch.request, scratch.canonical);
  if (code != RejectCode::none) {
    return verdict_of(code);
  }
  const Context context = question.circumstances.context(question.now, question.request.route);
  return verdict_of(program,
                    evaluate(program, question.principal, scratch.request, context, scratch.evaluation));
}

bool meets(const Verdict& verdict, const Expectation& expectation) noexcept {
  return verdict.outcome == expectation.outcome &&
         (expectation.by.empty() || holds(verdict.by, expectation.by));
}

ParseResult<Expectation> read_cell(std::string_view text) {
  const std::size_t space = text.find(' ');
  const std::string_view word = text.substr(0, space);
  std::string_view name = space == std::string_view::npos ? std::string_view{} : text.substr(space + 1);
  name.remove_prefix(std::min(name.find_first_not_of(' '), name.size()));
  for (const CellOutcome outcome : outcomes) {
    if (word != to_string(outcome)) {
      continue;
    }
    if (name.find(' ') != std::string_view::npos) {
      return ParseError{quoted(printable(text)) +
                        " names more than one thing; name one, any of those that decided will do"};
    }
    if (outcome == CellOutcome::reject && !name.empty() && !reject_code_from(name)) {
      return ParseError{"unknown code " + quoted(printable(name)) + did_you_mean(name, code_names())};
    }
    return Expectation{outcome, std::string(name)};
  }
  std::vector<std::string> words;
  words.reserve(outcomes.size());
  for (const CellOutcome outcome : outcomes) {
    words.emplace_back(to_string(outcome));
  }
  return ParseError{
      quoted(printable(text)) +
      " is no outcome; write allow, deny, step-up or reject, and behind it, if you like, what decides" +
      did_you_mean(word, words)};
}

std::optional<std::string> find_name_problem(const Expectation& expectation, const Policy& policy) {
  if (expectation.by.empty()) {
    return std::nullopt;
  }
  switch (expectation.outcome) {
    case CellOutcome::allow:
    case CellOutcome::deny:
      return find_rule_problem(expectation, policy);
    case CellOutcome::step_up:
      return find_condition_problem(expectation, policy);
    case CellOutcome::reject:
      break;
  }
  return std::nullopt;
}

}  // namespace tallygate::policy
