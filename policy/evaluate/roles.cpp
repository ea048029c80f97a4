#include "policy/evaluate/roles.hpp"

#include "policy/evaluate/atoms.hpp"
#include "policy/evaluate/scratch.hpp"
#include "policy/program/index.hpp"

#include <algorithm>
#include <variant>

namespace tallygate::policy {
namespace {

/// Collects the bindings that apply and follows what their roles include.
class Resolution {
 public:
  Resolution(const Program& program, const Principal& principal, TimePoint now,
             std::vector<std::uint64_t>& bits, std::vector<RoleIndex>& stack, std::vector<RoleIndex>& held)
      : index_(program.index()),
        policy_(program.policy()),
        principal_(principal),
        now_s_(std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count()),
        bits_(bits),
        stack_(stack),
        held_(held) {}

  /// Gives the first end among the bindings used; the largest number if none ends.
  std::int64_t run() {
    add(everyone_index);
    add(principal_.anonymous ? anonymous_index : authenticated_index);
    if (!principal_.anonymous) {
      if (const Range* range = find(index_.users, principal_.user)) {
        grant(*range);
      }
      for (const std::string& group : principal_.groups) {
        if (const Range* range = find(index_.groups, group)) {
          grant(*range);
        }
      }
      for (const Attribute& claim : principal_.claims) {
        grant_claim(claim);
      }
    }
    std::sort(held_.begin(), held_.end());
    return until_;
  }

 private:
  void add(RoleIndex role) {
    if (!take(role)) {
      return;
    }
    stack_.push_back(role);
    while (!stack_.empty()) {
      const Range range = index_.includes[stack_.back()];
      stack_.pop_back();
      for (std::uint32_t i = range.first; i < range.last; ++i) {
        if (take(index_.included[i])) {
          stack_.push_back(index_.included[i]);
        }
      }
    }
  }

  /// Marks a role as held; false if it was.
  bool take(RoleIndex role) {
    std::uint64_t& word = bits_[role / 64];
    const std::uint64_t bit = std::uint64_t{1} << (role % 64);
    if ((word & bit) != 0) {
      return false;
    }
    word |= bit;
    held_.push_back(role);
    return true;
  }

  void grant(Range range) {
    for (std::uint32_t i = range.first; i < range.last; ++i) {
      use(index_.bindings[index_.grants[i]]);
    }
  }

  void use(const CompiledBinding& binding) {
    if (now_s_ >= binding.until) {
      return;
    }
    until_ = std::min(until_, binding.until);
    add(binding.role);
  }

  void grant_claim(const Attribute& claim) {
    const Range* range = find(index_.claims, claim.name);
    if (range == nullptr) {
      return;
    }
    const auto first = index_.claim_grants.begin() + range->first;
    const auto last = index_.claim_grants.begin() + range->last;
    struct ByValue {
      bool operator()(const ClaimGrant& left, const Value& right) const { return left.value < right; }
      bool operator()(const Value& left, const ClaimGrant& right) const { return left < right.value; }
    };
    for (const Value& value : claim.values) {
      const auto [begin, end] = std::equal_range(first, last, value, ByValue{});
      for (auto grant = begin; grant != end; ++grant) {
        const std::vector<Wanted>& wanted = policy_.bindings[grant->binding].claims;
        if (test_wanted(wanted, principal_.claims) == Truth::yes) {
          use(index_.bindings[grant->binding]);
        }
      }
    }
  }

  const Index& index_;
  const Policy& policy_;
  const Principal& principal_;
  std::int64_t now_s_;
  std::int64_t until_ = std::numeric_limits<std::int64_t>::max();
  std::vector<std::uint64_t>& bits_;
  std::vector<RoleIndex>& stack_;
  std::vector<RoleIndex>& held_;
};

}  // namespace

void resolve(const Program& program, const Principal& principal, TimePoint now, Scratch& scratch,
             RoleSet& out) {
  out.held_.clear();
  out.digest_ = program.digest();
  const std::int64_t until =
      Resolution(program, principal, now, scratch.role_bits_, scratch.role_stack_, out.held_).run();
  out.valid_until_.reset();
  if (until != std::numeric_limits<std::int64_t>::max()) {
    out.valid_until_ = to_time_point(std::chrono::sys_seconds(std::chrono::seconds(until)));
  }
  for (const RoleIndex role : out.held_) {
    scratch.role_bits_[role / 64] = 0;
  }
}

}  // namespace tallygate::policy
