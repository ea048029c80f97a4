#pragma once
/// The parts of trace(). Internal to policy/evaluate.
#include "policy/evaluate/trace.hpp"

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tallygate::policy {

/// Every role that is held and why; fills Trace::roles and Trace::expired.
void trace_roles(const Program& program, const Principal& principal, TimePoint now, Trace& trace);

/// Every condition on its own, in order of name.
[[nodiscard]] std::vector<ConditionTrace> trace_conditions(const Program& program, const Principal& principal,
                                                           const Context& context);

/// What the person can do so that a condition holds: conditions to meet, and whether to log in.
struct Remedy {
  bool login = false;
  std::set<ConditionIndex> conditions;
  [[nodiscard]] std::size_t size() const noexcept { return conditions.size() + (login ? 1 : 0); }
  void merge(const Remedy& other);
};

/// Nothing if nobody can mend it. `conditions` is trace_conditions().
[[nodiscard]] std::optional<Remedy> remedy_of(const Program& program, const Principal& principal,
                                              const std::vector<ConditionTrace>& conditions,
                                              ConditionIndex condition);

/// `15m`, `2h`, `90s`: the largest unit that divides it.
[[nodiscard]] std::string duration_words(std::chrono::seconds duration);

/// `a, b, c`, cut after a few.
[[nodiscard]] std::string list_words(const std::vector<std::string>& items);

}  // namespace tallygate::policy
