#pragma once
/// One run of evaluate(). Internal to policy/evaluate.
#include "policy/evaluate/evaluate.hpp"
#include "policy/program/index.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

namespace tallygate::policy {

/// Works in the scratch alone. Deciding takes three steps, each over the rules of the resources that the
/// request touches: deny rules, allow rules, and, where nothing matched, allow rules that the person could
/// mend.
class Evaluation {
 public:
  Evaluation(const Program& program, const Principal& principal, const RoleSet& roles,
             const CanonicalRequest& request, const Context& context, Scratch& scratch) noexcept;

  [[nodiscard]] Decision run() noexcept;

 private:
  // evaluation_resources.cpp: which resources does the request touch?
  void find_resources() noexcept;
  void find_by_host(std::string_view host, bool address) noexcept;
  void find_by_route() noexcept;
  void read_path() noexcept;
  void walk(std::uint32_t root) noexcept;
  void take(Range entries) noexcept;
  void touch(ResourceIndex resource, std::uint8_t flags) noexcept;
  [[nodiscard]] bool applies(ResourceIndex resource, Effect effect) const noexcept;

  // evaluation.cpp: which rules match?
  void find_rules(Effect effect) noexcept;
  void consider(RuleIndex rule, Effect effect) noexcept;
  template <typename Visit>
  void for_each_held(Range postings, Visit visit) noexcept;
  [[nodiscard]] bool method_matches(RuleIndex rule) const noexcept;
  [[nodiscard]] bool conditions_match(const CompiledRule& rule, Effect effect) noexcept;
  [[nodiscard]] Truth truth(ConditionIndex condition) noexcept;
  [[nodiscard]] Truth compute(ConditionIndex condition) noexcept;
  [[nodiscard]] std::span<const ConditionIndex> list(Range range) const noexcept;

  // evaluation_mend.cpp: which allow rule could be mended with the least?
  [[nodiscard]] Decision step_up() noexcept;
  void consider_mending(RuleIndex rule, bool role_held) noexcept;
  [[nodiscard]] bool collect(ConditionIndex condition) noexcept;
  [[nodiscard]] bool collect_all(std::span<const ConditionIndex> operands) noexcept;
  [[nodiscard]] bool collect_cheapest(std::span<const ConditionIndex> operands) noexcept;
  void make_set(std::size_t first) noexcept;

  /// Stands for the login among the conditions of a step-up; sorts behind all of them.
  static constexpr ConditionIndex login_atom = std::numeric_limits<ConditionIndex>::max();
  static constexpr RuleIndex no_rule = std::numeric_limits<RuleIndex>::max();

  const Program& program_;
  const Index& index_;
  const Principal& principal_;
  const RoleSet& roles_;
  const CanonicalRequest& request_;
  const Context& context_;
  Scratch& scratch_;
  std::uint8_t method_;
  std::string_view wide_;
  std::string_view narrow_;
  bool plain_ = false;  ///< both forms are the path itself
  RuleIndex best_rule_ = no_rule;
};

/// Visits the rules that name a role which is held: by role where few are held, else by posting.
template <typename Visit>
void Evaluation::for_each_held(Range postings, Visit visit) noexcept {
  constexpr std::size_t search_steps = 8;  // what a binary search costs, in postings looked at
  const auto first = index_.postings.begin() + postings.first;
  const auto last = index_.postings.begin() + postings.last;
  if (postings.size() <= roles_.held().size() * search_steps) {
    for (auto posting = first; posting != last; ++posting) {
      if ((scratch_.role_bits_[posting->role / 64] >> (posting->role % 64) & 1u) != 0) {
        visit(posting->rule);
      }
    }
    return;
  }
  auto from = first;
  for (const RoleIndex role : roles_.held()) {
    from = std::lower_bound(from, last, role,
                            [](const Posting& left, RoleIndex right) { return left.role < right; });
    for (; from != last && from->role == role; ++from) {
      visit(from->rule);
    }
  }
}

}  // namespace tallygate::policy
