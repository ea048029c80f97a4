#pragma once
/// What can be asked for, cut into classes: all requests of one class meet the same rules of both policies,
/// so that one of them speaks for all. Internal to policy/diff.
#include "policy/diff/changes.hpp"
#include "policy/diff/side.hpp"
#include "policy/explain/question.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace tallygate::policy::diff {

/// Classes of one comparison.
inline constexpr std::size_t classes_max = 50'000;
/// Hosts and paths of one comparison.
inline constexpr std::size_t places_max = 1'000'000;
/// Requests that one class keeps to show what belongs to it.
inline constexpr std::size_t examples_max = 64;

/// A request without its method. Either side may be missing: a route of gateway.yaml, or a host and a path.
struct Where {
  std::string host;
  std::string path;                    ///< raw
  std::string route;                   ///< empty: none
  std::vector<std::string> resources;  ///< of either policy that meet it, for people
};

/// What a rule of a class is to a request: its clauses on the request itself are met.
struct ClassRules {
  RejectCode code = RejectCode::none;  ///< if not none there are no rules
  std::vector<RuleIndex> rules;        ///< in order of id
  bool operator==(const ClassRules&) const = default;
  auto operator<=>(const ClassRules&) const = default;
};

/// Requests that are alike.
struct TargetClass {
  std::array<ClassRules, 2> sides;
  /// Each place with the methods of this class there; the first is the plainest. At most examples_max.
  struct Member {
    Where where;
    std::vector<std::string> methods;
  };
  std::vector<Member> members;
  std::size_t count = 0;  ///< places, those that are not kept included
};

struct Targets {
  std::vector<TargetClass> classes;
  std::vector<std::string> methods;  ///< every method tried; the last stands for all that no rule names
  std::vector<std::string> notes;    ///< what was left out; empty if nothing was
};

/// A request line and Host as they would be sent, or `route NAME METHOD PATH` where there is a route alone.
[[nodiscard]] WrittenRequest written(const Where& place, const std::string& method);

/// Finds every class on which a changed rule, or a changed path option, has a say. `changes` is
/// find_changes() or all_changed().
[[nodiscard]] Targets find_targets(const Side& before, const Side& after, const Changes& changes);

/// The rules whose clauses on the request are met. `route` is asked beside host and path.
[[nodiscard]] ClassRules rules_met(const Side& side, const WrittenRequest& request, const std::string& route);

}  // namespace tallygate::policy::diff
