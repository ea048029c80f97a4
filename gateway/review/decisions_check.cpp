#include "gateway/review/decisions_check.hpp"

#include "audit/journal/time_text.hpp"

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
/// A request that was being decided when another policy came into force may still name the one before.
constexpr nanoseconds superseded_grace = std::chrono::minutes(10);
/// How far the time that a decision was made for may lie before its entry, and behind it (clocks step).
constexpr nanoseconds before_entry_max = std::chrono::minutes(10);
constexpr nanoseconds behind_entry_max = std::chrono::seconds(6);

/// What the gateway says of what the policy answered.
bool reason_fits(const RecordedDecision& decision) {
  const policy::RecordedAnswer& answer = decision.answer;
  switch (answer.outcome) {
    case policy::Outcome::allow: {
      const bool nowhere = decision.question.route.empty();
      return decision.effect == "allow" ? decision.reason == "rule" && !nowhere
                                        : (decision.reason == "no-route") == nowhere;
    }
    case policy::Outcome::step_up:
      return decision.reason == (answer.login ? "login" : "step-up");
    case policy::Outcome::deny:
      break;
  }
  return decision.reason == (answer.rules.empty() ? "default" : "rule");
}

std::string quoted(const policy::Verdict& verdict) {
  return "'" + to_string(verdict) + "'";
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
  auto judge = std::make_unique<Judge>(
      Judge{policy, Gaps(policy->needs, &policy->needs), policy::DecideScratch(*policy->program)});
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
  if (!decision.asked) {
    check_unasked(decision);
    return;
  }
  check_policy(decision);
  check_frame(decision);
  Judge* judge = judge_of(decision.policy);
  if (judge == nullptr) {
    find(decision.seq, "policy-unknown", "no entry has the text of the policy " + decision.policy);
  } else if (decision.sealed && policies_.erased(decision.seal.subject)) {
    ++report_.erased;
  } else if (decision.sealed) {
    leave_out(decision, "sealed: the person's key is not at hand");
  } else if (const std::string missing = judge->gaps.fill(decision); !missing.empty()) {
    leave_out(decision, missing);
  } else {
    check_answer(decision, *judge);
    check_shadow(decision);
  }
}

void DecisionsCheck::check_unasked(const RecordedDecision& decision) {
  if (decision.effect == "allow") {
    find(decision.seq, "decision-differs", "allowed, and no policy was asked");
    return;
  }
  ++report_.unasked;
}

/// The policy must be the one that was loaded last, or was until a moment ago.
void DecisionsCheck::check_policy(const RecordedDecision& decision) {
  const auto& loads = policies_.loads();
  const std::int64_t recorded = audit::parse_entry_time(decision.time).value_or(0);
  auto load = std::partition_point(loads.begin(), loads.end(),
                                   [&decision](const PolicyLoad& one) { return one.seq < decision.seq; });
  while (load != loads.begin()) {
    --load;
    if (load->gateway != decision.gateway) {
      continue;
    }
    if (load->digest == decision.policy) {
      return;
    }
    // An entry that claims to be older than the load before it has no grace: its time is not to be believed.
    const std::int64_t since = recorded - load->time_ns;
    if (since > superseded_grace.count() || since < -behind_entry_max.count()) {
      find(decision.seq, "policy-not-in-force",
           "decided by the policy " + decision.policy + ", though " + load->digest + " was loaded at seq " +
               std::to_string(load->seq));
      return;
    }
  }
  find(decision.seq, "policy-not-in-force",
       "decided by the policy " + decision.policy + ", which was not loaded before");
}

/// What stands around the answer.
void DecisionsCheck::check_frame(const RecordedDecision& decision) {
  if (decision.mode != "enforce") {
    find(decision.seq, "effect-differs", "the mode is '" + decision.mode + "', not 'enforce'");
  }
  if (!reason_fits(decision)) {
    find(decision.seq, "effect-differs",
         "the effect '" + decision.effect + "' for the reason '" + decision.reason + "' does not go with " +
             quoted(verdict_of(decision.answer)));
  }
  const std::int64_t recorded = audit::parse_entry_time(decision.time).value_or(0);
  const std::int64_t made = nanoseconds(decision.question.now.time_since_epoch()).count();
  if (recorded - made > before_entry_max.count() || made - recorded > behind_entry_max.count()) {
    find(decision.seq, "time-differs", "decided for another time than that of the entry, " + decision.time);
  }
}

void DecisionsCheck::check_answer(RecordedDecision& decision, Judge& judge) {
  ++report_.computed;
  const policy::Program& program = *judge.policy->program;
  const policy::Answer answer = decide_again(program, decision.question, true, judge.scratch);
  if (change_of(decision.answer, program, answer) != policy::Change::same) {
    find(decision.seq, "decision-differs",
         "recorded " + quoted(verdict_of(decision.answer)) + ", but its policy answers " +
             quoted(verdict_of(program, answer)));
    return;
  }
  const std::vector<std::string> recorded = names_in(decision.roles);
  const auto held = judge.scratch.evaluation.roles().held();
  const bool same = std::equal(recorded.begin(), recorded.end(), held.begin(), held.end(),
                               [&program](const std::string& name, policy::RoleIndex role) {
                                 return name == program.role_name(role);
                               });
  if (!same) {
    find(decision.seq, "roles-differ", "recorded the roles " + decision.roles + ", which are not those held");
  }
}

void DecisionsCheck::check_shadow(RecordedDecision& decision) {
  if (!decision.shadow) {
    return;
  }
  const std::string digest = decision.shadow->policy;
  const CompiledPolicy* candidate = policies_.find(digest);
  if (candidate == nullptr) {
    find(decision.seq, "policy-unknown", "no entry has the text of the shadow policy " + digest);
    return;
  }
  Judge& judge = *judge_of(digest);
  if (const std::string missing = judge.gaps.fill(decision); !missing.empty()) {
    leave_out(decision, "shadow: " + missing);
    return;
  }
  if (decision.path_partly && digest != decision.policy) {
    leave_out(decision, "shadow: cut for its length: path as sent");
    return;
  }
  const policy::Answer answer =
      decide_again(*candidate->program, decision.question, digest == decision.policy, judge.scratch);
  if (change_of(decision.shadow->answer, *candidate->program, answer) != policy::Change::same) {
    find(decision.seq, "shadow-differs",
         "recorded " + quoted(verdict_of(decision.shadow->answer)) + ", but the shadow policy answers " +
             quoted(verdict_of(*candidate->program, answer)));
  }
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
  for (const auto& check : checks) {
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
