#include "policy/replay/explain_again.hpp"

namespace tallygate::policy {

Explanation explain_again(const Program& program, const RecordedQuestion& question, bool same_program) {
  const Context context = question.circumstances.context(question.now, question.route);
  const std::string& sent = sent_path_of(question);
  if (same_program || !depends_on_options(sent)) {
    return explain(program, question.principal, question.request, context);
  }
  const WrittenRequest written{
      {}, question.request.method + " " + sent + " HTTP/1.1", {question.request.host.name}, {}};
  CanonicalRequest request;
  CanonicalScratch scratch;
  const RejectCode code = canonicalise(written, program, request, scratch);
  if (code != RejectCode::none) {
    return explain(program, Question{question.principal, written, question.circumstances, question.now});
  }
  Explanation explanation = explain(program, question.principal, request, context);
  explanation.steps = canonical_steps(written, code, request);
  return explanation;
}

}  // namespace tallygate::policy
