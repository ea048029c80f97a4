#include "gateway/review/in_force.hpp"

#include "audit/journal/time_text.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace tallygate::review {
namespace {

std::int64_t recorded_at(const RecordedDecision& decision) {
  return audit::parse_entry_time(decision.time).value_or(0);
}

/// The newest of the gateway's own before the decision, from `end` backwards; null where there is none.
template <typename Load>
const Load* newest_before(const std::vector<Load>& loads, const std::string& gateway, std::uint64_t end) {
  auto load =
      std::partition_point(loads.begin(), loads.end(), [end](const Load& one) { return one.seq < end; });
  while (load != loads.begin()) {
    --load;
    if (load->gateway == gateway) {
      return &*load;
    }
  }
  return nullptr;
}

/// The load since `start` that makes the decision's naming `digest` right, or the newer one that makes it
/// wrong: then `wrong` is true. Null: there is none.
const PolicyLoad* find_load(const std::vector<PolicyLoad>& loads, const RecordedDecision& decision,
                            const std::string& digest, std::uint64_t start, bool& wrong) {
  wrong = false;
  const std::int64_t recorded = recorded_at(decision);
  const PolicyLoad* load = newest_before(loads, decision.gateway, decision.seq);
  while (load != nullptr && load->seq >= start && load->digest != digest) {
    // An entry that claims to be older than the load before it has no grace: its time is not to be believed.
    const std::int64_t since = recorded - load->time_ns;
    wrong = since > superseded_grace.count() || since < -behind_entry_max.count();
    if (wrong) {
      return load;
    }
    load = newest_before(loads, decision.gateway, load->seq);
  }
  return load != nullptr && load->seq >= start ? load : nullptr;
}

std::string superseded(const PolicyLoad& load) {
  return ", though " + load.digest + " was loaded at seq " + std::to_string(load.seq);
}

/// Whether any body is missing between the two.
bool is_patchy(const Bodiless& bodiless, std::uint64_t first, std::uint64_t last) {
  const auto range = std::partition_point(bodiless.begin(), bodiless.end(),
                                          [first](const SeqRange& one) { return one.last < first; });
  return range != bodiless.end() && range->first <= last;
}

const ConfigLoad* last_start(const RecordedPolicies& policies, const RecordedDecision& decision) {
  const auto& loads = policies.config_loads();
  const ConfigLoad* load = newest_before(loads, decision.gateway, decision.seq);
  while (load != nullptr && !load->start) {
    load = newest_before(loads, decision.gateway, load->seq);
  }
  return load;
}

}  // namespace

std::string find_policy_problem(const RecordedPolicies& policies, const RecordedDecision& decision) {
  bool wrong = false;
  const PolicyLoad* load = find_load(policies.loads(), decision, decision.policy, 0, wrong);
  if (load != nullptr && !wrong) {
    return {};
  }
  return "decided by the policy " + decision.policy +
         (load == nullptr ? ", which was not loaded before" : superseded(*load));
}

std::string find_shadow_problem(const RecordedPolicies& policies, const RecordedDecision& decision,
                                const PolicyLoad*& load) {
  const ConfigLoad* start = last_start(policies, decision);
  const std::string& digest = decision.shadow->policy;
  bool wrong = false;
  const PolicyLoad* found =
      find_load(policies.shadow_loads(), decision, digest, start == nullptr ? 0 : start->seq, wrong);
  load = wrong ? nullptr : found;
  if (load != nullptr) {
    return {};
  }
  return "answered beside by the policy " + digest +
         (found == nullptr ? ", which was not loaded as a shadow before" : superseded(*found));
}

DueShadow due_shadow(const RecordedPolicies& policies, const RecordedDecision& decision) {
  const PolicyLoad* load = newest_before(policies.shadow_loads(), decision.gateway, decision.seq);
  if (load == nullptr) {
    return {};
  }
  const CompiledPolicy* shadow = policies.find(load->digest);
  const ConfigLoad* config = newest_before(policies.config_loads(), decision.gateway, decision.seq);
  const bool may_be_gone = config != nullptr && config->seq > load->seq;
  if (shadow == nullptr || !shadow->needs.headers.empty() || may_be_gone ||
      is_patchy(policies.bodiless(), load->seq, decision.seq)) {
    return {};
  }
  // A start: the gateway serves nobody before all of it is on record.
  const ConfigLoad* before =
      config == nullptr ? nullptr : newest_before(policies.config_loads(), decision.gateway, config->seq);
  const bool sure = before != nullptr && before->start && !config->start &&
                    !is_patchy(policies.bodiless(), before->seq, load->seq);
  const bool late = recorded_at(decision) - load->time_ns > superseded_grace.count();
  return sure || late ? DueShadow{load, sure} : DueShadow{};
}

std::string find_person_problem(const RecordedPolicies& policies, const RecordedDecision& decision) {
  const Erasure* erasure =
      decision.seal.subject.empty() ? nullptr : policies.find_erasure(decision.seal.subject);
  if (erasure == nullptr || decision.seq < erasure->seq) {
    return {};
  }
  const std::int64_t made = std::chrono::nanoseconds(decision.question.now.time_since_epoch()).count();
  if (made - erasure->time_ns <= behind_entry_max.count()) {
    return {};
  }
  return "decided for a person who was erased at seq " + std::to_string(erasure->seq) + ", before that";
}

}  // namespace tallygate::review
