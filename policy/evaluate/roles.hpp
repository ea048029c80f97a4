#pragma once
/// Which roles somebody has.
#include "policy/evaluate/principal.hpp"
#include "policy/program/program.hpp"

#include <optional>
#include <span>
#include <vector>

namespace tallygate::policy {

class Scratch;

/// The roles of one principal under one program, inclusions followed. Small (a few words a role), so that a
/// session can keep it. Threads: one writer.
class RoleSet {
 public:
  /// In rising order; `everyone` is always first.
  [[nodiscard]] std::span<const RoleIndex> held() const noexcept { return held_; }
  /// Whether this set was made under `program` and no binding that gave a role has ended since. A set that is
  /// not current must be resolved again; evaluate() denies with one.
  [[nodiscard]] bool current(const Program& program, TimePoint now) const noexcept {
    return (!valid_until_ || now < *valid_until_) && digest_ == program.digest();
  }
  /// The first `until` among the bindings that gave a role.
  [[nodiscard]] const std::optional<TimePoint>& valid_until() const noexcept { return valid_until_; }

 private:
  friend class Scratch;
  friend void resolve(const Program&, const Principal&, TimePoint, Scratch&, RoleSet&);
  void reserve(std::size_t roles) { held_.reserve(roles); }
  [[nodiscard]] std::size_t capacity() const noexcept { return held_.capacity(); }

  std::vector<RoleIndex> held_;
  std::optional<TimePoint> valid_until_;
  Digest digest_{};
};

/// Finds the roles of a principal: by user, by groups, by claims, then what these include. Takes time in
/// proportion to the principal's groups and claims and to the roles found, however many the policy has.
/// Allocates only if `out` has to grow. `scratch` must fit the program. Threads: any, each with its own
/// scratch.
void resolve(const Program& program, const Principal& principal, TimePoint now, Scratch& scratch,
             RoleSet& out);

}  // namespace tallygate::policy
