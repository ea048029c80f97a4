#pragma once
/// The semantic difference of two policies (policy.md "Tools", diff), computed over a finite partition
/// instead of sampled: hosts, paths, methods, people and circumstances are cut by the literals of both
/// policies, and one request of each part is decided under both.
#include "policy/diff/row.hpp"
#include "policy/explain/explain.hpp"
#include "policy/program/program.hpp"

#include <boost/json/object.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace tallygate::policy::diff {

/// What changes between two policies. Values only.
struct Report {
  std::string policy;  ///< name of the new one
  std::string before_digest;
  std::string after_digest;
  TimePoint now;                     ///< what is decided from here on
  std::vector<Row> rows;             ///< what opens comes first
  std::vector<std::string> methods;  ///< every method tried; the last stands for all that no rule names
  std::vector<std::string> notes;    ///< what was left out; empty if the comparison is whole
  std::size_t cells = 0;             ///< requests decided

  [[nodiscard]] std::size_t count(Change change) const noexcept;
  /// Whether something opens, or may: a comparison that is not whole cannot say that nothing does.
  [[nodiscard]] bool may_open() const noexcept { return count(Change::opens) != 0 || !notes.empty(); }
};

/// Compares for all requests from `now` on, whole seconds. Every row is proven: its witness was decided under
/// both policies from the text of its test. Takes time in proportion to the kinds of requests that changed
/// rules have a say on; bounded by the constants of policy/diff, and what they cut off is in the notes. Pure.
/// Throws std::logic_error where a witness proves nothing, which would be a bug. Threads: any.
[[nodiscard]] Report compare(const Program& before, const Program& after, TimePoint now);

/// A table, then each row with its test; lines ended by newlines.
[[nodiscard]] std::string to_text(const Report& report, const Style& style);
[[nodiscard]] boost::json::object to_json(const Report& report);

// Pieces that reverse queries show in the same way.

/// `read https://wiki.example.com/x, /y  (wiki)`: a line for each host and set of methods. `methods` is every
/// method tried.
[[nodiscard]] std::vector<std::string> where_lines(const Row& row, const std::vector<std::string>& methods);
[[nodiscard]] boost::json::array where_json(const Row& row, const std::vector<std::string>& methods);

}  // namespace tallygate::policy::diff
