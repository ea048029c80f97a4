#pragma once
/// What an answer can have been, where not all is known that it was made from: whose key was destroyed stands
/// in an entry with the roles and nothing else.
#include "policy/program/match.hpp"
#include "policy/program/program.hpp"
#include "policy/replay/recorded.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tallygate::policy {

/// What is not known of a question beside what it says.
struct Unknown {
  bool person =
      false;  ///< address, claims, ages, method of authentication; of somebody anonymous: the address
  bool headers = false;  ///< header lines
};

/// Holds roles and answers against one policy, rule by rule, where the evaluator looks up which can match.
/// Memory is that of its roles, rules, resources and conditions. Threads: one. The program must outlive it.
class Bounds {
 public:
  explicit Bounds(const Program& program);

  /// Why nobody can have held these roles at that time, in a few words; empty where somebody can. The roles
  /// count for find_answer_problem().
  [[nodiscard]] std::string find_roles_problem(std::span<const std::string> names, TimePoint now);

  /// Why the policy cannot have given this answer to somebody of the roles last found without a problem;
  /// empty where it can. `request` is canonical under this policy, `answer` no refusal of the path.
  [[nodiscard]] std::string find_answer_problem(const RecordedQuestion& question,
                                                const CanonicalRequest& request, const RecordedAnswer& answer,
                                                Unknown unknown);

 private:
  /// Between what and what a truth lies.
  struct Between {
    Truth least = Truth::no;
    Truth most = Truth::yes;
  };
  /// How a rule stands to a request. Those before `may` say why it cannot match.
  enum class Standing : std::uint8_t { other_roles, other_resources, other_methods, unmet, may, must };
  struct Asked {
    const RecordedQuestion& question;
    const CanonicalRequest& request;
    Context context;
    PathReadings path;
    Unknown unknown;
  };
  struct Parts {
    std::vector<RoleIndex> roles;
    std::vector<ResourceIndex> resources;
  };

  [[nodiscard]] bool is_held(RoleIndex role) const noexcept { return held_[role]; }
  [[nodiscard]] bool is_anonymous() const noexcept { return held_[anonymous_index]; }
  [[nodiscard]] bool are_given(TimePoint now);
  void judge_all(const Asked& asked);
  [[nodiscard]] Standing judge(const Asked& asked, RuleIndex rule);
  [[nodiscard]] bool has_role(RuleIndex rule) const noexcept;
  [[nodiscard]] bool touches(const Asked& asked, RuleIndex rule);
  [[nodiscard]] bool applies(const Asked& asked, ResourceIndex resource, Effect effect);
  [[nodiscard]] Between truth(const Asked& asked, ConditionIndex condition);
  [[nodiscard]] Between compute(const Asked& asked, ConditionIndex condition);
  [[nodiscard]] Between atom(const Asked& asked, const Test& test) const;
  [[nodiscard]] std::string find_named_problem(const RecordedAnswer& answer, Effect effect) const;
  [[nodiscard]] std::string find_passed_over(const RecordedAnswer& answer, Effect effect) const;
  [[nodiscard]] std::string find_step_up_problem(const Asked& asked, const RecordedAnswer& answer);
  [[nodiscard]] bool login_mends(const Asked& asked, bool surely);
  [[nodiscard]] bool login_mends(const Asked& asked, RuleIndex rule, bool surely);

  const Program& program_;
  std::vector<Parts> rules_;
  std::vector<bool> held_;
  std::vector<bool> reached_;
  std::vector<Standing> standings_;
  // Of the present question: by resource, one for each effect; by condition.
  std::vector<std::uint8_t> resources_;
  std::vector<std::uint8_t> conditions_known_;
  std::vector<Between> conditions_;
};

}  // namespace tallygate::policy
