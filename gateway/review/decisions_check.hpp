#pragma once
/// Every decision of a journal, held against the policy that the journal has for it: a forged one may bear a
/// valid signature, and still does not follow from anything.
#include "gateway/review/recorded_policies.hpp"
#include "gateway/review/replay_journal.hpp"
#include "policy/replay/bounds.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tallygate::review {

/// Findings that are kept; further ones are counted.
inline constexpr std::size_t decision_findings_max = 10'000;

/// One decision that does not follow. `what` is one of: decision-differs, roles-differ, effect-differs,
/// time-differs, path-differs, person-erased, policy-unknown, policy-not-in-force, policy-differs (of a
/// `policy.load`), malformed; of what a shadow answered beside it shadow-differs, shadow-roles-differ,
/// shadow-effect-differs, shadow-not-in-force, shadow-missing.
struct DecisionFinding {
  std::uint64_t seq = 0;
  std::string what;
  std::string detail;
};

struct DecisionsReport {
  std::uint64_t computed = 0;                                      ///< decisions that were computed again
  std::uint64_t unasked = 0;                                       ///< refusals before a policy was asked
  std::uint64_t erased = 0;                                        ///< of people whose key was destroyed
  std::map<std::string, policy::Tally, std::less<>> not_computed;  ///< by reason, erased people aside
  std::vector<DecisionFinding> findings;                           ///< by seq
  std::uint64_t findings_unlisted = 0;
  Bodiless bodiless;  ///< entries of which nothing is known: retired

  [[nodiscard]] bool follows() const noexcept { return findings.empty(); }
};

/// Checks the decisions of one thread's entries.
class DecisionsCheck {
 public:
  explicit DecisionsCheck(const RecordedPolicies& policies) : policies_(policies) {}

  void take(std::uint64_t seq, std::string_view body, const OpenSeal& open);
  [[nodiscard]] DecisionsReport& report() noexcept { return report_; }

  /// Loads of shadow policies, by seq, that some decision shows to have come into force.
  [[nodiscard]] const std::set<std::uint64_t>& shadows_seen() const noexcept { return shadows_seen_; }
  /// To be called at the end, with those that any thread saw.
  void settle(const std::set<std::uint64_t>& shadows_seen);

 private:
  /// What deciding under one policy takes.
  struct Judge {
    const CompiledPolicy* policy;
    Gaps gaps;
    policy::DecideScratch scratch;
    policy::RoleSet roles;
    std::optional<policy::Bounds> bounds;
  };
  /// The roles beside an answer, and what is found where either cannot be.
  struct Said {
    const std::string& roles;
    std::string_view roles_what;
    std::string_view answer_what;
  };
  void check(RecordedDecision& decision);
  void check_moment(const RecordedDecision& decision);
  void check_frame(const RecordedDecision& decision, const Judge* judge);
  void check_asked(RecordedDecision& decision, Judge& judge);
  void check_answer(RecordedDecision& decision, Judge& judge);
  void check_bounds(const RecordedDecision& decision, const policy::RecordedAnswer& answer, const Said& said,
                    Judge& judge, policy::Unknown unknown, bool same_program);
  void check_shadow(RecordedDecision& decision, bool whole);
  void check_shadow_answer(const RecordedDecision& decision, Judge& judge, bool same_program);
  void miss_shadow(const RecordedDecision& decision);
  void find_without_shadow(std::uint64_t seq, const PolicyLoad& load);
  [[nodiscard]] Judge* judge_of(const std::string& digest);
  void find(std::uint64_t seq, std::string_view what, std::string detail);
  void leave_out(const RecordedDecision& decision, std::string_view reason);

  const RecordedPolicies& policies_;
  std::map<std::string, std::unique_ptr<Judge>> judges_;  // by digest
  RecordedDecision decision_;
  std::set<std::uint64_t> shadows_seen_;
  std::vector<std::pair<std::uint64_t, const PolicyLoad*>> without_shadow_;
  DecisionsReport report_;
};

/// Errors: missing, unreadable.
[[nodiscard]] audit::Result<DecisionsReport> check_decisions(
    const ParallelRead& read, const RecordedPolicies& policies,
    const std::function<OpenSeal(unsigned thread)>& opener);

}  // namespace tallygate::review
