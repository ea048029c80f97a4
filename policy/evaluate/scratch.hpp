#pragma once
/// Working space of evaluate() and resolve(), kept by the caller so that deciding allocates nothing.
#include "policy/evaluate/roles.hpp"
#include "policy/evaluate/truth.hpp"
#include "policy/program/program.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace tallygate::policy {

struct CanonicalRequest;
struct Context;
struct Decision;

class Evaluation;

/// One a thread. Holds nothing that outlives a call except what a Decision points into. Size: some bytes for
/// each role, resource, condition and rule of the largest program it was fitted to.
class Scratch {
 public:
  Scratch() = default;
  explicit Scratch(const Program& program) { fit(program); }

  /// Grows to what the program needs; cheap if it is large enough already. Call it after every reload.
  void fit(const Program& program);
  [[nodiscard]] bool fits(const Program& program) const noexcept;

  /// The roles that the last evaluate() without a RoleSet found.
  [[nodiscard]] const RoleSet& roles() const noexcept { return roles_; }

 private:
  friend class Evaluation;
  friend void resolve(const Program&, const Principal&, TimePoint, Scratch&, RoleSet&);
  friend Decision evaluate(const Program&, const Principal&, const CanonicalRequest&, const Context&,
                           Scratch&) noexcept;

  /// A value that counts only if `stamp` is the present round's.
  struct ResourceMark {
    std::uint32_t stamp = 0;
    std::uint8_t flags = 0;
  };
  struct ConditionMark {
    std::uint32_t stamp = 0;
    Truth truth = Truth::no;
  };
  /// A node of the path trie and where the path goes on from it.
  struct Step {
    std::uint32_t node;
    std::uint32_t offset;
  };

  /// Forgets the last decision.
  void begin_round() noexcept;

  std::uint32_t round_ = 0;               ///< even; the odd number after it marks rules looked at for mending
  std::vector<std::uint64_t> role_bits_;  ///< all zero between calls
  std::vector<RoleIndex> role_stack_;
  std::vector<ResourceMark> resources_;
  std::vector<ResourceIndex> touched_;
  std::vector<ConditionMark> conditions_;
  std::vector<std::uint32_t> rules_seen_;  ///< by rule: the round in which it was looked at
  std::vector<RuleIndex> matched_;
  std::vector<ConditionIndex> atoms_;
  std::vector<ConditionIndex> best_atoms_;
  std::vector<Step> steps_;
  std::string wide_path_;
  std::string narrow_path_;
  RoleSet roles_;
};

}  // namespace tallygate::policy
