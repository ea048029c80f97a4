#include "policy/evaluate/scratch.hpp"

#include "policy/program/index.hpp"
#include "policy/request/canonical.hpp"

#include <algorithm>

namespace tallygate::policy {
namespace {

constexpr std::size_t bits_in_word = 64;
/// A `*` takes three bytes in narrow form.
constexpr std::size_t narrow_growth = 3;

template <typename T>
void grow(std::vector<T>& items, std::size_t size) {
  if (items.size() < size) {
    items.resize(size);
  }
}

}  // namespace

void Scratch::fit(const Program& program) {
  const Policy& policy = program.policy();
  grow(role_bits_, program.role_count() / bits_in_word + 1);
  role_stack_.reserve(program.role_count());
  roles_.reserve(program.role_count());
  grow(resources_, policy.resources.size());
  touched_.reserve(policy.resources.size());
  grow(conditions_, policy.conditions.size());
  grow(rules_seen_, policy.rules.size());
  matched_.reserve(policy.rules.size());
  atoms_.reserve(policy.conditions.size() + 2 * condition_size_max);
  best_atoms_.reserve(policy.conditions.size() + 2 * condition_size_max);
  steps_.reserve(program.index().depth + 2);
  wide_path_.reserve(max_target_bytes);
  narrow_path_.reserve(narrow_growth * max_target_bytes);
}

bool Scratch::fits(const Program& program) const noexcept {
  const Policy& policy = program.policy();
  return role_bits_.size() * bits_in_word > program.role_count() &&
         role_stack_.capacity() >= program.role_count() && roles_.capacity() >= program.role_count() &&
         resources_.size() >= policy.resources.size() && touched_.capacity() >= policy.resources.size() &&
         conditions_.size() >= policy.conditions.size() && rules_seen_.size() >= policy.rules.size() &&
         matched_.capacity() >= policy.rules.size() &&
         atoms_.capacity() >= policy.conditions.size() + 2 * condition_size_max &&
         best_atoms_.capacity() >= policy.conditions.size() + 2 * condition_size_max &&
         steps_.capacity() >= program.index().depth + 2;
}

void Scratch::begin_round() noexcept {
  // Two rounds a decision; at the end of the numbers all marks start afresh.
  round_ += 2;
  if (round_ < 2) {
    std::fill(resources_.begin(), resources_.end(), ResourceMark{});
    std::fill(conditions_.begin(), conditions_.end(), ConditionMark{});
    std::fill(rules_seen_.begin(), rules_seen_.end(), 0u);
    round_ = 2;
  }
  touched_.clear();
  matched_.clear();
  atoms_.clear();
  best_atoms_.clear();
}

}  // namespace tallygate::policy
