#include "policy/explain/explain.hpp"

#include "policy/explain/remedy.hpp"

#include <algorithm>
#include <tuple>

namespace tallygate::policy {
namespace {

Verdict verdict_of(const Program& program, const Trace& trace) {
  Decision decision;
  decision.outcome = trace.outcome;
  decision.rules = trace.deciding;
  decision.login = trace.login;
  decision.step_up = trace.step_up;
  return policy::verdict_of(program, decision);
}

/// What could have changed the answer: deny rules for an allowed request, allow rules for any other.
std::vector<NearMiss> near_misses(const Trace& trace) {
  const Effect wanted = trace.outcome == Outcome::allow ? Effect::deny : Effect::allow;
  std::vector<NearMiss> misses;
  for (const RuleTrace& rule : trace.rules) {
    if (rule.effect == wanted && !rule.matched) {
      misses.push_back({rule.rule, rule.failing()});
    }
  }
  const auto distance = [&trace](const NearMiss& miss) {
    return std::tuple(miss.failing, !speaks_of_request(trace.rules[miss.rule]), miss.rule);
  };
  std::sort(misses.begin(), misses.end(), [&distance](const NearMiss& left, const NearMiss& right) {
    return distance(left) < distance(right);
  });
  if (misses.size() > near_misses_max) {
    misses.resize(near_misses_max);
  }
  return misses;
}

std::string painted(std::string_view text, std::string_view sequence, bool colour) {
  if (!colour) {
    return std::string(text);
  }
  return std::string("\x1b[").append(sequence).append("m").append(text).append("\x1b[0m");
}

}  // namespace

Explanation explain(const Program& program, const Principal& principal, const CanonicalRequest& request,
                    const Context& context) {
  Explanation explanation;
  explanation.now = context.now;
  explanation.route = context.route;
  explanation.request = request;
  explanation.trace = trace(program, principal, request, context);
  explanation.verdict = verdict_of(program, explanation.trace);
  explanation.near_misses = near_misses(explanation.trace);
  explanation.remedy = remedy_of(program, explanation);
  return explanation;
}

Explanation explain(const Program& program, const Question& question) {
  CanonicalRequest request;
  CanonicalScratch scratch;
  const RejectCode code = canonicalise(question.request, program, request, scratch);
  if (code == RejectCode::none) {
    const Context context = question.circumstances.context(question.now, question.request.route);
    Explanation explanation = explain(program, question.principal, request, context);
    explanation.steps = canonical_steps(question.request, code, request);
    return explanation;
  }
  Explanation explanation;
  explanation.now = question.now;
  explanation.route = question.request.route;
  explanation.code = code;
  explanation.request = request;
  explanation.steps = canonical_steps(question.request, code, request);
  explanation.verdict = policy::verdict_of(code);
  explanation.remedy = remedy_of(program, explanation);
  return explanation;
}

bool speaks_of_request(const RuleTrace& rule) noexcept {
  return std::none_of(rule.clauses.begin(), rule.clauses.end(), [&rule](const ClauseTrace& clause) {
    const bool of_request = clause.clause == Clause::host || clause.clause == Clause::path ||
                            clause.clause == Clause::except || clause.clause == Clause::method;
    return of_request && rule.fails(clause);
  });
}

std::string Style::good(std::string_view text) const {
  return painted(text, "32", colour);
}
std::string Style::bad(std::string_view text) const {
  return painted(text, "31", colour);
}
std::string Style::strong(std::string_view text) const {
  return painted(text, "1", colour);
}
std::string Style::faint(std::string_view text) const {
  return painted(text, "2", colour);
}
std::string Style::warn(std::string_view text) const {
  return painted(text, "33", colour);
}

}  // namespace tallygate::policy
