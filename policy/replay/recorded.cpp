#include "policy/replay/recorded.hpp"

#include <algorithm>
#include <array>

namespace tallygate::policy {
namespace {

RejectCode canonicalise_sent(const Program& program, const RecordedQuestion& question,
                             DecideScratch& scratch) {
  const std::array<std::string_view, 1> hosts{question.request.host.name};
  const RawRequest raw{question.request.method, sent_path_of(question), "HTTP/1.1", hosts};
  return canonicalise(raw, program, scratch.request, scratch.canonical);
}

}  // namespace

bool has_parameters(std::string_view sent) noexcept {
  return sent.find(';') != std::string_view::npos;
}

RejectCode request_again(const Program& program, const RecordedQuestion& question, bool same_program,
                         DecideScratch& scratch, const CanonicalRequest*& request) {
  request = &question.request;
  const std::string& sent = sent_path_of(question);
  if (same_program || !depends_on_options(sent)) {
    return RejectCode::none;
  }
  request = &scratch.request;
  return canonicalise_sent(program, question, scratch);
}

bool has_its_form(const Program& program, const RecordedQuestion& question, DecideScratch& scratch) {
  const std::string& path = question.request.path.matched;
  const std::string& sent = sent_path_of(question);
  if (has_parameters(sent)) {
    // Their values are masked, so which resources claimed the path is not known.
    const auto sets = program.option_sets();
    PathForms& form = scratch.canonical.path;
    return std::any_of(sets.begin(), sets.end(), [&](const PathOptions& options) {
      return options.ignore_params && canonical_path(sent, options, form) == RejectCode::none &&
             form.matched == path;
    });
  }
  return canonicalise_sent(program, question, scratch) == RejectCode::none &&
         scratch.request.path.matched == path && scratch.request.host.name == question.request.host.name;
}

Answer decide_again(const Program& program, const RecordedQuestion& question, bool same_program,
                    DecideScratch& scratch) {
  const CanonicalRequest* request = nullptr;
  const RejectCode code = request_again(program, question, same_program, scratch, request);
  if (code != RejectCode::none) {
    return {code, {}};
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
