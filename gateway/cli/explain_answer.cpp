#include "gateway/cli/explain_answer.hpp"

#include "gateway/cli/policy_files.hpp"

#include <boost/json.hpp>

namespace tallygate::cli {
namespace {

constexpr std::size_t digest_shown = 16;

boost::json::object recorded_json(const RecordedOutcome& recorded) {
  return {{"seq", recorded.seq},
          {"time", policy::printable(recorded.time)},
          {"policy", policy::printable(recorded.policy)},
          {"decision", policy::printable(to_string(recorded.verdict))},
          {"change", to_string(recorded.change)}};
}

std::string recorded_text(const RecordedOutcome& recorded, const policy::Style& style) {
  const bool same = recorded.change == policy::Change::same;
  const std::string text =
      policy::printable(to_string(recorded.verdict) + "  (seq " + std::to_string(recorded.seq) + ", " +
                        recorded.time + ", policy " + recorded.policy.substr(0, digest_shown) + ")");
  return style.strong("recorded    ") + text + ": " +
         (same ? style.good("same") : style.warn(to_string(recorded.change))) + "\n";
}

}  // namespace

std::optional<std::string> find_expectation_problem(const std::string& text, const policy::Policy& policy) {
  if (text.empty()) {
    return std::nullopt;
  }
  const auto expected = policy::read_cell(text);
  if (expected.has_error()) {
    return "--expect: " + expected.error().message;
  }
  const auto problem = policy::find_name_problem(*expected, policy);
  return problem ? std::optional("--expect: " + *problem) : std::nullopt;
}

ExitCode answer_explanation(const policy::Program& program, const policy::Explanation& explanation,
                            const std::string& expect, bool json,
                            const std::optional<RecordedOutcome>& recorded) {
  std::optional<policy::Expectation> expected;
  if (!expect.empty()) {
    expected = policy::read_cell(expect).value();  // find_expectation_problem() found nothing
  }
  const bool met = !expected || meets(explanation.verdict, *expected);
  std::string text;
  if (json) {
    boost::json::object document = to_json(program, explanation);
    if (recorded) {
      document["recorded"] = recorded_json(*recorded);
    }
    if (expected) {
      document["expected"] = to_string(*expected);
      document["ok"] = met;
    }
    text = boost::json::serialize(document) + "\n";
  } else {
    const policy::Style style = stdout_style();
    text = to_text(program, explanation, {style, true, {}});
    if (recorded) {
      text += recorded_text(*recorded, style);
    }
    if (expected) {
      text += style.strong("expected    ") + to_string(*expected) + ": " +
              (met ? style.good("met") : style.bad("not met")) + "\n";
    }
  }
  if (!print(text)) {
    return ExitCode::not_possible;
  }
  return met ? ExitCode::done : ExitCode::answer_is_no;
}

}  // namespace tallygate::cli
