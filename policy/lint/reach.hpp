#pragma once
/// Who a rule is for, and which requests it speaks of: what the checks on reach are made of. Internal to
/// policy/lint.
#include "policy/lint/containment.hpp"
#include "policy/lint/study.hpp"
#include "policy/program/match.hpp"

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace tallygate::policy::lint {

/// The least that somebody holds who has a role: that role, what it includes, and the built-in ones.
struct Holder {
  RoleIndex role = everyone_index;
  bool anonymous = false;
  RoleIndex other = everyone_index;  ///< one more role
};
/// The least holders of a rule's roles: who else matches it holds what one of these holds. `everyone` makes
/// two.
[[nodiscard]] std::vector<Holder> holders(const Program& program, const Rule& rule);
/// The least holders of a role of each of two rules; none where nobody can have both.
[[nodiscard]] std::vector<Holder> holders(const Program& program, const Rule& left, const Rule& right);

/// The roles that a holder has.
class HeldRoles {
 public:
  HeldRoles(const Program& program, const Holder& holder);
  /// Whether the rule names one of them.
  [[nodiscard]] bool match(const Rule& rule) const;

 private:
  const Program& program_;
  std::vector<bool> held_;  ///< by role
};

/// Whether somebody can have a role of each.
struct Together {
  bool anonymous = false;
  bool person = false;
};
[[nodiscard]] Together together(const Rule& left, const Rule& right) noexcept;

/// Where a request goes.
struct Target {
  std::string host;
  std::string path;
  std::string route;  ///< set: only that is known
};
/// `GET https://wiki.example.com/admin`, or `GET` and the route.
[[nodiscard]] std::string to_string(const std::string& method, const Target& target);

/// Whether one of the rule's resources has the target, read as the rule's effect asks for.
[[nodiscard]] bool speaks_of(const Study& study, const Rule& rule, const Target& target,
                             const PathReadings& path);

using VisitTarget = std::function<bool(const Target&, const PathReadings&)>;
/// Visits targets that the resource has for rules of that effect: at least one of each class that it and
/// `others` tell apart, the plainest first. Steps are the study's.
[[nodiscard]] Walk visit_targets(Study& study, const Resource& resource, Effect effect,
                                 std::span<const Resource* const> others, const VisitTarget& visit);

/// Methods of the rule, at least one of each class that it and `others` tell apart.
[[nodiscard]] std::vector<std::string> sample_methods(const Rule& rule, std::span<const Rule* const> others);

/// Whether the wide methods of a deny rule and those of an allow rule have one in common.
[[nodiscard]] bool methods_meet(const Rule& allow, const Rule& deny);

/// The resources that some rules name, each once.
[[nodiscard]] std::vector<const Resource*> resources_of(const Study& study, std::span<const RuleIndex> rules);

/// Those that one rule names.
[[nodiscard]] std::vector<const Resource*> resources_of(const Study& study, const Rule& rule);
/// The rules of one effect on resources that overlap with some resource of the rule, in order of id.
[[nodiscard]] std::vector<RuleIndex> rules_near(const Study& study, const Rule& rule, Effect effect);

/// One request, as far as it is known without its conditions.
struct Question {
  const Rule& allow;
  std::span<const RuleIndex> denies;  ///< those that may speak of it
  const Target& target;
  const PathReadings& path;
  const std::string& method;
  Holder holder;
  const Rule* about =
      nullptr;  ///< a deny rule whose conditions are to be met: it is about these circumstances
};
/// Whether the allow rule, which speaks of the request, can match while none of the deny rules and each of
/// `unmet` does not.
[[nodiscard]] Possible opens(Study& study, const Question& question, std::span<const Rule* const> unmet = {});

/// Whether the request, sent to the gateway, would be judged as just this target.
[[nodiscard]] bool can_be_sent(const Program& program, const std::string& method, const Target& target);

}  // namespace tallygate::policy::lint
