#pragma once
/// Decides every kind of request by every kind of person under every kind of circumstance, and gathers what
/// is decided alike. Internal to policy/diff.
#include "policy/diff/changes.hpp"
#include "policy/diff/row.hpp"
#include "policy/diff/side.hpp"
#include "policy/diff/targets.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace tallygate::policy::diff {

/// Mixtures of circumstances for one kind of person and request; beyond it they are varied one at a time.
inline constexpr std::size_t mixtures_of_circumstances_max = 20'000;
/// Cells of one survey. At under 2 µs a cell this bounds its time.
inline constexpr std::size_t cells_max = 4'000'000;
/// Spans of time, cut by the ends of bindings, that one survey looks at.
inline constexpr std::size_t epochs_max = 16;
inline constexpr std::size_t rows_max = 10'000;

struct Survey {
  std::vector<Row> rows;
  std::vector<std::string> notes;  ///< what was left out; empty if the answer is whole
  std::size_t cells = 0;           ///< requests decided
};

/// What a survey is about.
struct SurveyTask {
  TimePoint now;
  /// True: cells that both policies decide alike are left out. False: those denied by default are.
  bool changes_only = true;
  /// Asks for this principal alone, instead of for all kinds.
  std::optional<Principal> principal;
};

[[nodiscard]] Survey survey(const Side& before, const Side& after, const Changes& changes,
                            const Targets& targets, const SurveyTask& task);

}  // namespace tallygate::policy::diff
