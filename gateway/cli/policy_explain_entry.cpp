// `policy explain --entry SEQ`: why a request that is on record was answered as it was, or would be under
// another policy.
#include "audit/search/reader.hpp"
#include "gateway/cli/audit_arguments.hpp"
#include "gateway/cli/entry_reading.hpp"
#include "gateway/cli/explain_answer.hpp"
#include "gateway/cli/policy_actions.hpp"
#include "gateway/cli/policy_files.hpp"
#include "gateway/review/policy_needs.hpp"
#include "gateway/review/recorded_policies.hpp"
#include "policy/replay/explain_again.hpp"

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace tallygate::cli {
namespace {

using ProgramPtr = std::shared_ptr<const policy::Program>;

ExitCode complain_of(std::uint64_t seq, const std::string& what, ExitCode code) {
  complain("entry " + std::to_string(seq) + ": " + what);
  return code;
}

/// The decision of that entry, if it can be explained; else what to exit with.
std::optional<ExitCode> read_entry(const EntryReading& entries, std::uint64_t seq,
                                   review::RecordedDecision& decision) {
  auto reader = audit::JournalReader::open(entries.journal);
  if (!reader) {
    return static_cast<ExitCode>(report_failure(reader.error()));
  }
  const auto body = reader->entry(seq);
  if (!body) {
    return static_cast<ExitCode>(report_failure(body.error()));
  }
  if (!*body) {
    const auto absence = explain_absence(*reader, seq);
    return absence ? complain_of(seq, absence->why,
                                 absence->retired ? ExitCode::not_possible : ExitCode::answer_is_no)
                   : static_cast<ExitCode>(report_failure(absence.error()));
  }
  review::ReadEntry read = review::read_decision(**body, decision);
  if (read == review::ReadEntry::decision && decision.sealed && !open_recorded(decision, entries.opener(0))) {
    read = review::ReadEntry::broken;
  }
  switch (read) {
    case review::ReadEntry::other_kind:
      return complain_of(seq, "no decision; those are access.allow and access.deny", ExitCode::answer_is_no);
    case review::ReadEntry::broken:
      return complain_of(seq, "it says that it is a decision, and lacks what a decision has",
                         ExitCode::not_possible);
    case review::ReadEntry::decision:
      break;
  }
  if (!decision.asked) {
    return complain_of(seq, "refused before a policy was asked: " + decision.reason, ExitCode::answer_is_no);
  }
  if (decision.sealed) {
    return complain_of(seq, "the person is sealed, and the key is not at hand or was destroyed",
                       ExitCode::not_possible);
  }
  return std::nullopt;
}

/// The policy of the files; null where none are named.
std::variant<ProgramPtr, ExitCode> load_named(const std::vector<std::string>& paths) {
  if (paths.empty()) {
    return ProgramPtr();
  }
  const auto files = read_files(paths);
  if (const auto* code = std::get_if<ExitCode>(&files)) {
    return *code;
  }
  auto program = policy::load_program(std::get<0>(files));
  if (program.has_error()) {
    std::fputs(policy::yaml::to_string(program.error()).c_str(), stderr);
    return ExitCode::usage_error;
  }
  return *std::move(program);
}

ExitCode explain_decision(const PolicyExplainOptions& options, ProgramPtr program,
                          const review::RecordedPolicies& policies, review::RecordedDecision& decision) {
  const review::CompiledPolicy* recorded = policies.find(decision.policy);
  if (!program && recorded == nullptr) {
    return complain_of(*options.entry,
                       "the journal has no text of its policy " + decision.policy + "; name a policy's file",
                       ExitCode::not_possible);
  }
  program = program ? program : recorded->program;
  if (const auto problem = find_expectation_problem(options.expect, program->policy())) {
    complain(*problem);
    return ExitCode::usage_error;
  }
  const bool same = program->digest_hex() == decision.policy;
  const review::PolicyNeeds needs = review::needs_of(program->policy());
  const review::PolicyNeeds* then = recorded == nullptr ? nullptr : &recorded->needs;
  std::string missing = review::Gaps(needs, same ? &needs : then).fill(decision);
  if (missing.empty() && !same && decision.path_partly) {
    missing = "cut for its length: path as sent";
  }
  if (!missing.empty()) {
    return complain_of(*options.entry, "cannot be decided again: " + missing, ExitCode::not_possible);
  }
  policy::DecideScratch scratch(*program);
  const policy::Answer answer = decide_again(*program, decision.question, same, scratch);
  const RecordedOutcome outcome{*options.entry, decision.time, decision.policy, verdict_of(decision.answer),
                                change_of(decision.answer, *program, answer)};
  return answer_explanation(*program, explain_again(*program, decision.question, same), options.expect,
                            options.json, outcome);
}

}  // namespace

ExitCode policy_explain_entry(const PolicyExplainOptions& options) {
  const std::uint64_t seq = *options.entry;
  const auto program = load_named(options.files);
  if (const auto* code = std::get_if<ExitCode>(&program)) {
    return *code;
  }
  if (!may_be_seq(seq)) {
    return complain_of(seq, "the journal has none of this number", ExitCode::answer_is_no);
  }
  const auto entries = open_entries(options.journal, {{"command", "policy explain"}, {"entry", seq}}, 1);
  if (!entries) {
    return static_cast<ExitCode>(report_failure(entries.error()));
  }
  review::RecordedDecision decision;
  if (const auto code = read_entry(*entries, seq, decision)) {
    return *code;
  }
  const auto policies = review::RecordedPolicies::read({entries->journal, 0, 0, seq, {}});
  if (!policies) {
    return static_cast<ExitCode>(report_failure(policies.error()));
  }
  return explain_decision(options, std::get<ProgramPtr>(program), *policies, decision);
}

}  // namespace tallygate::cli
