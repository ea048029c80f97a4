#include "policy/diff/diff.hpp"

#include "policy/diff/survey.hpp"
#include "policy/diff/witness.hpp"

#include <algorithm>
#include <chrono>

namespace tallygate::policy::diff {

std::size_t Report::count(Change change) const noexcept {
  return static_cast<std::size_t>(
      std::count_if(rows.begin(), rows.end(), [change](const Row& row) { return row.change == change; }));
}

Report compare(const Program& before, const Program& after, TimePoint now) {
  Report report;
  report.policy = after.policy().name;
  report.before_digest = before.digest_hex();
  report.after_digest = after.digest_hex();
  report.now = std::chrono::floor<std::chrono::seconds>(now);
  if (before.digest() == after.digest()) {
    return report;
  }
  const Side old_side(before);
  const Side new_side(after);
  const Changes changes = find_changes(old_side, new_side);
  const Targets targets = find_targets(old_side, new_side, changes);
  Survey found = survey(old_side, new_side, changes, targets, {report.now, true, {}});
  report.rows = std::move(found.rows);
  report.notes = std::move(found.notes);
  report.methods = targets.methods;
  report.cells = found.cells;
  for (const Row& row : report.rows) {
    prove(row, before, after);
  }
  return report;
}

}  // namespace tallygate::policy::diff
