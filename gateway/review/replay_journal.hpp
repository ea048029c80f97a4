#pragma once
/// The decisions of a journal, decided again under another policy.
#include "gateway/review/recorded_policies.hpp"
#include "policy/replay/groups.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tallygate::review {

/// Why the decisions of people who were erased cannot be replayed, which nothing can mend.
inline constexpr std::string_view erased_reason = "erased: the person's key was destroyed";

struct ReplayInput {
  ParallelRead read;
  std::shared_ptr<const policy::Program> program;  ///< what is decided under now
  const RecordedPolicies* policies = nullptr;      ///< of the same journal; outlives the replay
  std::optional<std::int64_t> from_ns;             ///< recorded at or after, since 1970
  std::optional<std::int64_t> to_ns;               ///< recorded before
  std::function<OpenSeal(unsigned thread)> opener;
};

/// Decides again the decisions of one thread's entries. Pure but for what it collects.
class Replayer {
 public:
  explicit Replayer(const ReplayInput& input);

  void take(std::string_view body, const OpenSeal& open);
  [[nodiscard]] policy::Groups& groups() noexcept { return groups_; }

 private:
  [[nodiscard]] bool outside(std::string_view time) const noexcept;
  void decide(RecordedDecision& decision);
  void take_unasked(const RecordedDecision& decision, const policy::Occurrence& where);
  void add_change(const RecordedDecision& decision, policy::Change change, const policy::Answer& answer,
                  const policy::Occurrence& where);
  [[nodiscard]] const Gaps& gaps_of(const std::string& digest);

  const policy::Program& program_;
  const RecordedPolicies& policies_;
  PolicyNeeds needs_;
  bool has_options_ = false;  ///< some resource reads its paths in a way of its own
  std::string from_;
  std::string to_;
  policy::DecideScratch scratch_;
  std::map<std::string, Gaps> gaps_;  // by digest
  RecordedDecision decision_;
  std::string key_;
  policy::Groups groups_;
};

/// Errors: missing, unreadable.
[[nodiscard]] audit::Result<policy::Groups> replay_journal(const ReplayInput& input);

}  // namespace tallygate::review
