#include "policy/replay/recorded.hpp"

#include <array>

namespace tallygate::policy {

Answer decide_again(const Program& program, const RecordedQuestion& question, bool same_program,
                    DecideScratch& scratch) {
  const CanonicalRequest* request = &question.request;
  const std::string& sent = sent_path_of(question);
  if (!same_program && depends_on_options(sent)) {
    const std::array<std::string_view, 1> hosts{question.request.host.name};
    const RawRequest raw{question.request.method, sent, "HTTP/1.1", hosts};
    const RejectCode code = canonicalise(raw, program, scratch.request, scratch.canonical);
    if (code != RejectCode::none) {
      return {code, {}};
    }
    request = &scratch.request;
  }
  const Context context = question.circumstances.context(question.now, question.route);
  return {RejectCode::none, evaluate(program, question.principal, *request, context, scratch.evaluation)};
}

Verdict verdict_of(const RecordedAnswer& answer) {
  if (answer.code != RejectCode::none) {
    return verdict_of(answer.code);
  }
  switch (answer.outcome) {
    case Outcome::allow:
      return {CellOutcome::allow, answer.rules};
    case Outcome::step_up: {
      Verdict verdict{CellOutcome::step_up, {}};
      if (answer.login) {
        verdict.by.emplace_back("login");
      }
      verdict.by.insert(verdict.by.end(), answer.needs.begin(), answer.needs.end());
      return verdict;
    }
    case Outcome::deny:
      break;
  }
  return {CellOutcome::deny, answer.rules.empty() ? std::vector<std::string>{"default"} : answer.rules};
}

Verdict verdict_of(const Program& program, const Answer& answer) {
  return answer.code != RejectCode::none ? verdict_of(answer.code) : verdict_of(program, answer.decision);
}

}  // namespace tallygate::policy
