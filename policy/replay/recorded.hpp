#pragma once
/// A decision that was made once, taken from wherever it was kept: what it was made from, and what it was.
/// Owns everything, so that one object serves many decisions and keeps its memory.
#include "policy/evaluate/evaluate.hpp"
#include "policy/explain/question.hpp"
#include "policy/explain/verdict.hpp"
#include "policy/request/canonical.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tallygate::policy {

/// What was asked, in the form it was decided in.
struct RecordedQuestion {
  Principal principal;
  CanonicalRequest request;  ///< canonical under the options of the policy that decided then
  std::string sent_path;     ///< the path as it was sent where that form is another, by options; else empty
  Circumstances circumstances;
  std::string route;  ///< of gateway.yaml as it was then; empty: none
  TimePoint now;
};

/// The path as it was sent, as far as that can make a difference.
[[nodiscard]] inline const std::string& sent_path_of(const RecordedQuestion& question) noexcept {
  return question.sent_path.empty() ? question.request.path.matched : question.sent_path;
}

/// What the policy answered then. The gateway may have refused for a reason of its own what a policy allowed.
struct RecordedAnswer {
  Outcome outcome = Outcome::deny;
  std::vector<std::string> rules;  ///< those that decided, in order of id; empty: by default, or a step-up
  bool login = false;              ///< a step-up that needs a login …
  std::vector<std::string> needs;  ///< … or these conditions, in order of name
  RejectCode code = RejectCode::none;  ///< the path was refused: of shadow policies, which follow others
};

/// What a policy answers now. `decision` is of use only if `code` is none; its spans live until the scratch
/// is used again.
struct Answer {
  RejectCode code = RejectCode::none;
  Decision decision;
};

/// Whether a path as it was sent has parameters, whose values no entry holds: `*` stands for them.
[[nodiscard]] bool has_parameters(std::string_view sent) noexcept;

/// The request in the form that `program` gives it. `same_program`: it is the one that decided then, so that
/// is the form recorded. Otherwise a path that other options would read in another way is canonicalised anew.
/// `request` borrows from the question or the scratch, and is of use only where the code is none.
[[nodiscard]] RejectCode request_again(const Program& program, const RecordedQuestion& question,
                                       bool same_program, DecideScratch& scratch,
                                       const CanonicalRequest*& request);

/// Whether host and path have the form that `program`, which decided then, gives to what was sent.
[[nodiscard]] bool has_its_form(const Program& program, const RecordedQuestion& question,
                                DecideScratch& scratch);

/// Decides again, the request in the form of request_again(). `scratch` must have been made for this program.
[[nodiscard]] Answer decide_again(const Program& program, const RecordedQuestion& question, bool same_program,
                                  DecideScratch& scratch);

/// The same answers as cells of a suite write them.
[[nodiscard]] Verdict verdict_of(const RecordedAnswer& answer);
[[nodiscard]] Verdict verdict_of(const Program& program, const Answer& answer);

}  // namespace tallygate::policy
