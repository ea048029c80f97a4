#pragma once
/// What came out of a question, and what a cell of a suite (or `--expect`) says should come out.
#include "policy/evaluate/evaluate.hpp"
#include "policy/explain/question.hpp"
#include "policy/request/reject.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::policy {

/// The four outcomes of a cell, compared exactly (policy.md "Tests of policy authors", policy-details.md
/// S03).
enum class CellOutcome : std::uint8_t { allow, deny, step_up, reject };

/// `allow`, `deny`, `step-up`, `reject`.
[[nodiscard]] std::string_view to_string(CellOutcome outcome) noexcept;

/// An outcome and what decided: for allow and deny rules or `default`, for step-up conditions and `login`,
/// for reject the code. Never empty.
struct Verdict {
  CellOutcome outcome = CellOutcome::deny;
  std::vector<std::string> by;
};

/// `deny a, b`; `allow read-wiki`; `reject encoded-slash`.
[[nodiscard]] std::string to_string(const Verdict& verdict);

[[nodiscard]] Verdict verdict_of(const Program& program, const Decision& decision);
[[nodiscard]] Verdict verdict_of(RejectCode code);

/// Working space of decide(). One a thread.
struct DecideScratch {
  explicit DecideScratch(const Program& program) : evaluation(program) {}
  CanonicalRequest request;
  CanonicalScratch canonical;
  Scratch evaluation;
};

/// Canonicalises and decides as the gateway would. `scratch` must have been made for this program.
[[nodiscard]] Verdict decide(const Program& program, const Question& question, DecideScratch& scratch);

/// What a cell expects.
struct Expectation {
  CellOutcome outcome = CellOutcome::deny;
  std::string by;  ///< empty: whatever decided
};

[[nodiscard]] std::string to_string(const Expectation& expectation);

/// Same outcome and, where the cell names something, that is among what decided.
[[nodiscard]] bool meets(const Verdict& verdict, const Expectation& expectation) noexcept;

/// Reads `allow [RULE]`, `deny [RULE|default]`, `step-up [CONDITION|login]`, `reject [CODE]`. Does not know
/// the names of a policy; codes are checked.
[[nodiscard]] ParseResult<Expectation> read_cell(std::string_view text);

/// What is wrong with the name in a cell: unknown, or a rule of the other effect (policy-details.md S04,
/// S05). None if nothing is.
[[nodiscard]] std::optional<std::string> find_name_problem(const Expectation& expectation,
                                                           const Policy& policy);

}  // namespace tallygate::policy
