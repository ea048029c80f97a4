#include "gateway/review/replay_journal.hpp"

#include "audit/journal/time_text.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace tallygate::review {
namespace {

using audit::Result;

/// Digests that entries of one journal name and that this remembers the gaps of.
constexpr std::size_t gaps_max = 4'096;

std::string entry_time(std::optional<std::int64_t> ns) {
  return ns ? audit::time_text(audit::Time(std::chrono::nanoseconds(*ns))) : std::string();
}

/// Refusals for a path that other options of a resource could have read.
bool depends_on_options(std::string_view reason) noexcept {
  constexpr std::array<std::string_view, 5> codes{"encoded-slash", "double-encoding", "path-params",
                                                  "dot-segment-params", "above-root"};
  return std::find(codes.begin(), codes.end(), reason) != codes.end();
}

void append_names(std::string& key, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    key.append(name).append(1, ',');
  }
}

/// What an answer says, for a key of groups.
void append_answer(std::string& key, const policy::RecordedAnswer& answer) {
  key += static_cast<char>('0' + static_cast<int>(answer.outcome));
  key += answer.login ? '!' : ' ';
  append_names(key, answer.rules);
  append_names(key, answer.needs);
}

void append_answer(std::string& key, const policy::Program& program, const policy::Answer& answer) {
  const policy::Decision& decision = answer.decision;
  key.append(policy::to_string(answer.code));
  key += static_cast<char>('0' + static_cast<int>(decision.outcome));
  key += decision.login ? '!' : ' ';
  if (decision.outcome != policy::Outcome::step_up) {
    for (const policy::RuleIndex rule : decision.rules) {
      key.append(program.rule(rule).id).append(1, ',');
    }
  }
  for (const policy::ConditionIndex need : decision.step_up) {
    key.append(program.condition(need).name).append(1, ',');
  }
}

}  // namespace

Replayer::Replayer(const ReplayInput& input)
    : program_(*input.program),
      policies_(*input.policies),
      needs_(needs_of(program_.policy())),
      from_(entry_time(input.from_ns)),
      to_(entry_time(input.to_ns)),
      scratch_(program_) {
  const auto sets = program_.option_sets();
  has_options_ = std::any_of(sets.begin(), sets.end(), [](const policy::PathOptions& options) {
    return options != policy::PathOptions{};
  });
}

bool Replayer::outside(std::string_view time) const noexcept {
  return (!from_.empty() && time < from_) || (!to_.empty() && time >= to_);
}

void Replayer::take(std::string_view body, const OpenSeal& open) {
  ReadEntry read = read_decision(body, decision_);
  if (read == ReadEntry::other_kind || (read == ReadEntry::decision && outside(decision_.time))) {
    return;
  }
  if (read == ReadEntry::decision && decision_.sealed && !open_recorded(decision_, open)) {
    read = ReadEntry::broken;
  }
  if (read == ReadEntry::broken) {
    groups_.add_lost("the entry is not well-formed", {decision_.seq, decision_.time});
    return;
  }
  decide(decision_);
}

void Replayer::decide(RecordedDecision& decision) {
  const policy::Occurrence where{decision.seq, decision.time};
  if (!decision.asked) {
    take_unasked(decision, where);
    return;
  }
  if (decision.sealed) {
    groups_.add_lost(policies_.find_erasure(decision.seal.subject) != nullptr
                         ? erased_reason
                         : "sealed: the person's key is not at hand",
                     where);
    return;
  }
  const bool same_program = decision.policy == program_.digest_hex();
  if (const std::string missing = gaps_of(decision.policy).fill(decision); !missing.empty()) {
    groups_.add_lost(missing, where);
    return;
  }
  if (!same_program && decision.path_partly) {
    groups_.add_lost("cut for its length: path as sent", where);
    return;
  }
  const policy::Answer answer = decide_again(program_, decision.question, same_program, scratch_);
  const policy::Change change = change_of(decision.answer, program_, answer);
  if (change == policy::Change::same) {
    groups_.add_same();
  } else {
    add_change(decision, change, answer, where);
  }
}

void Replayer::take_unasked(const RecordedDecision& decision, const policy::Occurrence& where) {
  const bool other = decision.policy != program_.digest_hex();
  const bool readable = has_options_ && depends_on_options(decision.reason);
  if (other && (readable || decision.reason == "ambiguous")) {
    groups_.add_lost("refused for its path, which other path options may read", where);
  } else {
    groups_.add_unasked();
  }
}

void Replayer::add_change(const RecordedDecision& decision, policy::Change change,
                          const policy::Answer& answer, const policy::Occurrence& where) {
  key_.clear();
  key_.append(decision.roles).append(1, '\n').append(decision.resource).append(1, '\n');
  append_answer(key_, decision.answer);
  key_ += '\n';
  append_answer(key_, program_, answer);
  const bool opens = policy::opens(decision.answer.outcome, answer.decision.outcome);
  groups_.add(key_, change, opens, where, [&] {
    return policy::Group{change,
                         opens,
                         names_in(decision.roles),
                         decision.resource,
                         verdict_of(decision.answer),
                         verdict_of(program_, answer),
                         {}};
  });
}

const Gaps& Replayer::gaps_of(const std::string& digest) {
  if (const auto found = gaps_.find(digest); found != gaps_.end()) {
    return found->second;
  }
  if (gaps_.size() >= gaps_max) {
    gaps_.clear();
  }
  const CompiledPolicy* recorded = policies_.find(digest);
  const PolicyNeeds* needs = recorded == nullptr ? nullptr : &recorded->needs;
  return gaps_.try_emplace(digest, needs_, digest == program_.digest_hex() ? &needs_ : needs).first->second;
}

Result<policy::Groups> replay_journal(const ReplayInput& input) {
  std::vector<std::unique_ptr<Replayer>> replayers;
  const auto done = read_in_parallel(input.read, [&](unsigned thread) -> TakeEntry {
    Replayer& mine = *replayers.emplace_back(std::make_unique<Replayer>(input));
    return
        [&mine, open = input.opener(thread)](std::uint64_t, std::string_view body) { mine.take(body, open); };
  });
  if (!done) {
    return done.error();
  }
  policy::Groups all;
  for (const auto& replayer : replayers) {
    all.merge(std::move(replayer->groups()));
  }
  return all;
}

}  // namespace tallygate::review
