#include "gateway/review/decisions_check.hpp"

#include "audit/journal/time_text.hpp"
#include "gateway/review/decision_frame.hpp"
#include "gateway/review/in_force.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

namespace tallygate::review {
namespace {

using audit::Result;
using std::chrono::nanoseconds;

/// Policies that one thread keeps ready.
constexpr std::size_t judges_max = 64;

std::string quoted(const policy::Verdict& verdict) {
  return "'" + to_string(verdict) + "'";
}

/// Whether the roles that were recorded are those held, in their order.
bool same_roles(const std::string& recorded, const policy::Program& program, const policy::RoleSet& roles) {
  const std::vector<std::string> names = names_in(recorded);
  const auto held = roles.held();
  return std::equal(names.begin(), names.end(), held.begin(), held.end(),
                    [&program](const std::string& name, policy::RoleIndex role) {
                      return name == program.role_name(role);
                    });
}

}  // namespace

void DecisionsCheck::find(std::uint64_t seq, std::string_view what, std::string detail) {
  if (report_.findings.size() < decision_findings_max) {
    report_.findings.push_back({seq, std::string(what), std::move(detail)});
  } else {
    ++report_.findings_unlisted;
  }
}

void DecisionsCheck::leave_out(const RecordedDecision& decision, std::string_view reason) {
  report_.not_computed[std::string(reason)].add({decision.seq, decision.time});
}

DecisionsCheck::Judge* DecisionsCheck::judge_of(const std::string& digest) {
  if (const auto found = judges_.find(digest); found != judges_.end()) {
    return found->second.get();
  }
  const CompiledPolicy* policy = policies_.find(digest);
  if (policy == nullptr) {
    return nullptr;
  }
  if (judges_.size() >= judges_max) {
    judges_.clear();
  }
  auto judge = std::make_unique<Judge>(Judge{policy,
                                             Gaps(policy->needs, &policy->needs),
                                             policy::DecideScratch(*policy->program),
                                             {},
                                             std::nullopt});
  return judges_.emplace(digest, std::move(judge)).first->second.get();
}

void DecisionsCheck::take(std::uint64_t seq, std::string_view body, const OpenSeal& open) {
  ReadEntry read = read_decision(body, decision_);
  if (read == ReadEntry::decision && decision_.sealed && !open_recorded(decision_, open)) {
    read = ReadEntry::broken;
  }
  if (read == ReadEntry::broken) {
    find(seq, "malformed", "the entry says that it is a decision, and lacks what a decision has");
  } else if (read == ReadEntry::decision) {
    decision_.seq = seq;
    check(decision_);
  }
}

void DecisionsCheck::check(RecordedDecision& decision) {
  if (decision.kind_allow != (decision.effect == "allow") ||
      (!decision.kind_allow && decision.effect != "deny")) {
    find(decision.seq, "effect-differs",
         std::string("the kind is ") + (decision.kind_allow ? "access.allow" : "access.deny") +
             ", the effect '" + decision.effect + "'");
    return;
  }
  check_moment(decision);
  Judge* judge = judge_of(decision.policy);
  if (judge == nullptr) {
    find(decision.seq, "policy-unknown", "no entry has the text of the policy " + decision.policy);
  }
  check_frame(decision, judge);
  if (!decision.asked) {
    report_.unasked += decision.effect == "deny" ? 1 : 0;
  } else if (judge != nullptr) {
    check_asked(decision, *judge);
  }
}

/// Under which policy, when, and for whom.
void DecisionsCheck::check_moment(const RecordedDecision& decision) {
  if (std::string problem = find_policy_problem(policies_, decision); !problem.empty()) {
    find(decision.seq, "policy-not-in-force", std::move(problem));
  }
  const std::int64_t recorded = audit::parse_entry_time(decision.time).value_or(0);
  const std::int64_t made = nanoseconds(decision.question.now.time_since_epoch()).count();
  if (recorded - made > before_entry_max.count() || made - recorded > behind_entry_max.count()) {
    find(decision.seq, "time-differs", "decided for another time than that of the entry, " + decision.time);
  }
  if (std::string problem = find_person_problem(policies_, decision); !problem.empty()) {
    find(decision.seq, "person-erased", std::move(problem));
  }
}

/// What stands around the answer.
void DecisionsCheck::check_frame(const RecordedDecision& decision, const Judge* judge) {
  FrameProblem problem = !decision.asked    ? find_unasked_problem(decision)
                         : judge == nullptr ? find_frame_problem(decision, nullptr)
                                            : find_frame_problem(decision, &judge->policy->needs);
  if (!problem.what.empty()) {
    find(decision.seq, problem.what, std::move(problem.detail));
  }
  const Erasure* erasure = decision.sealed ? policies_.find_erasure(decision.seal.subject) : nullptr;
  const bool known = decision.asked && decision.roles.find(R"("authenticated")") != std::string::npos;
  if (erasure != nullptr && known == erasure->anonymous) {
    find(decision.seq, "roles-differ",
         known ? "sealed for people who were not known, and for somebody who was"
               : "sealed for a person who was erased, and for nobody who was known");
  }
}

void DecisionsCheck::check_asked(RecordedDecision& decision, Judge& judge) {
  const policy::Program& program = *judge.policy->program;
  if (!decision.path_partly && !has_its_form(program, decision.question, judge.scratch)) {
    find(decision.seq, "path-differs", "its policy gives another form to what was sent");
  }
  const std::string missing = judge.gaps.fill(decision);
  const bool computable = !decision.sealed && missing.empty();
  if (computable) {
    check_answer(decision, judge);
  } else {
    check_bounds(decision, decision.answer, {decision.roles, "roles-differ", "decision-differs"}, judge,
                 {true, !missing.empty()}, true);
    if (!decision.sealed) {
      leave_out(decision, missing);
    } else if (policies_.find_erasure(decision.seal.subject) != nullptr) {
      ++report_.erased;
    } else {
      leave_out(decision, "sealed: the person's key is not at hand");
    }
  }
  check_shadow(decision, computable);
}

void DecisionsCheck::check_answer(RecordedDecision& decision, Judge& judge) {
  ++report_.computed;
  const policy::Program& program = *judge.policy->program;
  const policy::Answer answer = decide_again(program, decision.question, true, judge.scratch);
  if (change_of(decision.answer, program, answer) != policy::Change::same) {
    find(decision.seq, "decision-differs",
         "recorded " + quoted(verdict_of(decision.answer)) + ", but its policy answers " +
             quoted(verdict_of(program, answer)));
  } else if (!same_roles(decision.roles, program, judge.scratch.evaluation.roles())) {
    find(decision.seq, "roles-differ", "recorded the roles " + decision.roles + ", which are not those held");
  }
}

/// What can be said of an answer without knowing the person, or all header lines.
void DecisionsCheck::check_bounds(const RecordedDecision& decision, const policy::RecordedAnswer& answer,
                                  const Said& said, Judge& judge, policy::Unknown unknown,
                                  bool same_program) {
  const policy::Program& program = *judge.policy->program;
  if (!judge.bounds) {
    judge.bounds.emplace(program);
  }
  std::string problem = judge.bounds->find_roles_problem(names_in(said.roles), decision.question.now);
  if (!problem.empty()) {
    find(decision.seq, said.roles_what, "recorded the roles " + said.roles + ": " + problem);
    return;
  }
  const policy::CanonicalRequest* request = nullptr;
  const policy::RejectCode code =
      request_again(program, decision.question, same_program, judge.scratch, request);
  const bool masked = !same_program && policy::has_parameters(sent_path_of(decision.question));
  if (code != answer.code && !masked) {
    problem = "the path is read in another way";
  } else if (code == policy::RejectCode::none && answer.code == code) {
    problem = judge.bounds->find_answer_problem(decision.question, *request, answer, unknown);
  }
  if (!problem.empty()) {
    find(decision.seq, said.answer_what, "recorded " + quoted(verdict_of(answer)) + ": " + problem);
  }
}

/// The answer of the shadow. `whole`: all that the decision was made from is known; else what is left out
/// counts as left out of the decision already.
void DecisionsCheck::check_shadow(RecordedDecision& decision, bool whole) {
  if (!decision.shadow) {
    miss_shadow(decision);
    return;
  }
  const RecordedShadow& shadow = *decision.shadow;
  const PolicyLoad* load = nullptr;
  if (std::string problem = find_shadow_problem(policies_, decision, load); !problem.empty()) {
    find(decision.seq, "shadow-not-in-force", std::move(problem));
  } else if (shadows_seen_.empty() || *shadows_seen_.rbegin() != load->seq) {
    shadows_seen_.insert(load->seq);
  }
  if (FrameProblem problem = find_shadow_frame_problem(shadow); !problem.what.empty()) {
    find(decision.seq, problem.what, std::move(problem.detail));
  }
  Judge* judge = judge_of(shadow.policy);
  if (judge == nullptr) {
    find(decision.seq, "policy-unknown", "no entry has the text of the shadow policy " + shadow.policy);
    return;
  }
  const bool same_program = shadow.policy == decision.policy;
  std::string missing = judge->gaps.fill(decision);
  const bool headers_unknown = !missing.empty();
  if (decision.path_partly && !same_program) {
    missing = "cut for its length: path as sent";
  } else if (!whole || headers_unknown) {
    check_bounds(decision, shadow.answer, {shadow.roles, "shadow-roles-differ", "shadow-differs"}, *judge,
                 {true, headers_unknown}, same_program);
  } else {
    check_shadow_answer(decision, *judge, same_program);
  }
  if (whole && !missing.empty()) {
    leave_out(decision, "shadow: " + missing);
  }
}

void DecisionsCheck::check_shadow_answer(const RecordedDecision& decision, Judge& judge, bool same_program) {
  const policy::Program& program = *judge.policy->program;
  const RecordedShadow& shadow = *decision.shadow;
  const policy::Answer answer = decide_again(program, decision.question, same_program, judge.scratch);
  if (answer.code != shadow.answer.code && !same_program &&
      policy::has_parameters(sent_path_of(decision.question))) {
    leave_out(decision, "shadow: masked in the entry: parameters of the path as sent");
    return;
  }
  if (answer.code != shadow.answer.code ||
      change_of(shadow.answer, program, answer) != policy::Change::same) {
    find(decision.seq, "shadow-differs",
         "recorded " + quoted(verdict_of(shadow.answer)) + ", but the shadow policy answers " +
             quoted(verdict_of(program, answer)));
    return;
  }
  policy::resolve(program, decision.question.principal, decision.question.now, judge.scratch.evaluation,
                  judge.roles);
  if (!same_roles(shadow.roles, program, judge.roles)) {
    find(decision.seq, "shadow-roles-differ",
         "recorded the roles " + shadow.roles + " under the shadow policy, which are not those held");
  }
}

/// No shadow answered.
void DecisionsCheck::miss_shadow(const RecordedDecision& decision) {
  const DueShadow due = due_shadow(policies_, decision);
  if (due.load == nullptr) {
    return;
  }
  if (due.sure) {
    find_without_shadow(decision.seq, *due.load);
  } else if (without_shadow_.size() < decision_findings_max) {
    without_shadow_.emplace_back(decision.seq, due.load);
  }
}

void DecisionsCheck::find_without_shadow(std::uint64_t seq, const PolicyLoad& load) {
  find(seq, "shadow-missing",
       "the shadow policy " + load.digest + " of seq " + std::to_string(load.seq) + " did not answer beside");
}

void DecisionsCheck::settle(const std::set<std::uint64_t>& shadows_seen) {
  for (const auto& [seq, load] : without_shadow_) {
    if (shadows_seen.contains(load->seq)) {
      find_without_shadow(seq, *load);
    }
  }
  without_shadow_.clear();
}

Result<DecisionsReport> check_decisions(const ParallelRead& read, const RecordedPolicies& policies,
                                        const std::function<OpenSeal(unsigned thread)>& opener) {
  std::vector<std::unique_ptr<DecisionsCheck>> checks;
  const auto done = read_in_parallel(read, [&](unsigned thread) -> TakeEntry {
    DecisionsCheck& mine = *checks.emplace_back(std::make_unique<DecisionsCheck>(policies));
    return [&mine, open = opener(thread)](std::uint64_t seq, std::string_view body) {
      mine.take(seq, body, open);
    };
  });
  if (!done) {
    return done.error();
  }
  DecisionsReport all;
  for (const LoadFault& fault : policies.faults()) {
    all.findings.push_back({fault.seq, "policy-differs", fault.what});
  }
  all.bodiless = *done;
  std::set<std::uint64_t> shadows_seen;
  for (const auto& check : checks) {
    shadows_seen.insert(check->shadows_seen().begin(), check->shadows_seen().end());
  }
  for (const auto& check : checks) {
    check->settle(shadows_seen);
    DecisionsReport& mine = check->report();
    all.computed += mine.computed;
    all.unasked += mine.unasked;
    all.erased += mine.erased;
    for (const auto& [reason, tally] : mine.not_computed) {
      all.not_computed[reason].add(tally);
    }
    std::move(mine.findings.begin(), mine.findings.end(), std::back_inserter(all.findings));
    all.findings_unlisted += mine.findings_unlisted;
  }
  std::sort(all.findings.begin(), all.findings.end(),
            [](const auto& left, const auto& right) { return left.seq < right.seq; });
  if (all.findings.size() > decision_findings_max) {
    all.findings_unlisted += all.findings.size() - decision_findings_max;
    all.findings.resize(decision_findings_max);
  }
  return all;
}

}  // namespace tallygate::review
