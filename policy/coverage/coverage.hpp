#pragma once
/// Which parts of a policy some questions put to use, counted by what came of them and not by lines
/// (policy.md "Tools", coverage). Pure: made of traces.
#include "policy/evaluate/principal.hpp"
#include "policy/evaluate/trace.hpp"
#include "policy/program/program.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tallygate::policy::coverage {

/// How often a clause was the first to keep a rule from matching.
struct Missed {
  Clause clause = Clause::role;
  Reason reason = Reason::none;
  std::string name;  ///< as in ClauseTrace
  std::size_t count = 0;
};

/// The question that came nearest to a rule which never matched.
struct Nearest {
  std::string where;                 ///< as told to Collector::add()
  std::vector<ClauseTrace> missing;  ///< what kept the rule from matching there; never empty
};

/// What came of a rule. Each question counts once: as one of decisive, shared, overridden or missed.
enum class RuleState : std::uint8_t {
  decisive,    ///< it alone decided some question
  overridden,  ///< it matched, but a deny rule decided each time, or others along with it
  shared,      ///< it decided, but never without others
  never,       ///< it never matched
};
/// `decisive`, `overridden`, `shared`, `never-matched`.
[[nodiscard]] std::string_view to_string(RuleState state) noexcept;

struct RuleCoverage {
  std::size_t decisive = 0;    ///< matched, and no other rule would have decided the same
  std::size_t shared = 0;      ///< matched and decided along with others
  std::size_t overridden = 0;  ///< matched, but deny rules decided
  std::size_t missed = 0;      ///< did not match
  std::size_t offered = 0;     ///< of those missed: a step-up was asked for its sake
  std::map<RuleIndex, std::size_t> shared_with;
  std::map<RuleIndex, std::size_t> overridden_by;
  std::vector<Missed> reasons;     ///< the most frequent first
  std::optional<Nearest> nearest;  ///< only if it never matched

  [[nodiscard]] RuleState state() const noexcept;
};

/// What a condition was, in questions where it mattered: where a rule that names it, by itself or through
/// other conditions, met role, host, path and method.
struct ConditionCoverage {
  std::size_t yes = 0;
  std::size_t no = 0;
  std::size_t unknown = 0;
  bool may_be_unknown = true;  ///< false: the time and the header lines of a request are always known
};

struct BindingCoverage {
  std::size_t used = 0;   ///< gave its role
  std::size_t ended = 0;  ///< would have, but had ended
  bool may_end = false;   ///< has `until`
};

struct RoleCoverage {
  std::size_t used = 0;  ///< questions of somebody who holds it
};

struct ResourceCoverage {
  std::size_t used = 0;      ///< questions that its paths met, and no `except`
  std::size_t excluded = 0;  ///< questions that its paths met, and an `except`
  bool may_exclude = false;  ///< has `except`
};

/// How many of the outcomes that there could be were seen.
struct Share {
  std::size_t seen = 0;
  std::size_t all = 0;
  /// 100 where there is nothing to see. Rounded down to a tenth, so that 100 means all.
  [[nodiscard]] double percent() const noexcept;
  /// Whether it is so many percent at least, without rounding.
  [[nodiscard]] bool reaches(double percent) const noexcept;
};

struct Coverage {
  std::shared_ptr<const Program> program;
  std::size_t questions = 0;
  std::size_t refused = 0;                    ///< of those: not canonical, so no part of the policy was asked
  std::vector<RuleCoverage> rules;            ///< as Policy::rules
  std::vector<ConditionCoverage> conditions;  ///< as Policy::conditions
  std::vector<BindingCoverage> bindings;      ///< as Policy::bindings
  std::vector<RoleCoverage> roles;            ///< as Policy::roles
  std::vector<ResourceCoverage> resources;    ///< as Policy::resources

  /// The outcomes: each rule decided alone; each condition true, false, and unknown if it may be; each
  /// binding used, and ended if it may end; each role held; each resource used, and excluded if it may
  /// exclude.
  [[nodiscard]] Share share() const noexcept;
};

/// Collects. Threads: one.
class Collector {
 public:
  explicit Collector(std::shared_ptr<const Program> program);

  /// A question that was refused as not canonical.
  void add_refused() noexcept;
  /// One that was decided, with the trace of it. `where` says which it was, for people.
  void add(const Trace& trace, const CanonicalRequest& request, const Context& context,
           std::string_view where);

  [[nodiscard]] Coverage take();

 private:
  void add_rules(const Trace& trace, std::string_view where);
  void add_conditions(const Trace& trace);
  void reach(ConditionIndex condition, std::vector<bool>& reached) const;
  void add_bindings(const Trace& trace);
  void add_resources(const CanonicalRequest& request, const Context& context);

  Coverage coverage_;
};

}  // namespace tallygate::policy::coverage
