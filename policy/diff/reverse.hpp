#pragma once
/// Reverse queries (policy.md "Tools"): who can do a thing, and what a person can do. Found over the same
/// partition as a comparison.
#include "policy/diff/row.hpp"
#include "policy/explain/explain.hpp"
#include "policy/program/program.hpp"

#include <boost/json/object.hpp>

#include <string>
#include <vector>

namespace tallygate::policy::diff {

/// A way to a role that a row asks for: a binding, or several.
struct RoleWays {
  std::string role;
  std::vector<std::string> ways;  ///< `group staff (policy.yaml:9:5)`
};

/// The answer. Values only.
struct Answer {
  std::string policy;
  std::string digest;
  std::string question;  ///< the request, or the principal, in words
  TimePoint now;
  RejectCode refused = RejectCode::none;  ///< who-can: the request has no canonical form, and nobody can
  std::vector<Row> rows;                  ///< allowed first, then step-up, then denied by a rule
  std::vector<RoleWays> roles;            ///< who-can: how each role of the rules in question is come by
  std::vector<std::string> methods;       ///< every method tried; the last stands for all that no rule names
  std::vector<std::string> notes;         ///< what was left out; empty if the answer is whole

  /// Whether anything is allowed, or would be after a step-up.
  [[nodiscard]] bool any() const noexcept;
};

/// Everybody who may send this request, under which circumstances and by which rule; then whom a deny rule
/// keeps out. `request` may name a route.
[[nodiscard]] Answer who_can(const Program& program, const WrittenRequest& request, TimePoint now);

/// Every kind of request that this principal may send, under which circumstances and by which rule.
[[nodiscard]] Answer what_can(const Program& program, const Principal& principal, TimePoint now);

/// Lines ended by newlines.
[[nodiscard]] std::string to_text(const Answer& answer, const Style& style);
[[nodiscard]] boost::json::object to_json(const Answer& answer);

}  // namespace tallygate::policy::diff
