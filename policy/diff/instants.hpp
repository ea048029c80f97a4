#pragma once
/// Time cut by the ends of bindings and the edges of time windows. Internal to policy/diff.
#include "policy/diff/dimension.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace tallygate::policy::diff {

/// How far ahead the changes of time zones are looked at: every offset of a zone comes up within a year.
inline constexpr std::chrono::hours horizon{std::chrono::hours(24) * 366};
/// Instants that one comparison looks at to find those that windows tell apart.
inline constexpr std::size_t instants_max = 50'000;

/// A span in which no binding in question ends. Half-open.
struct Epoch {
  TimePoint first;
  TimePoint end;  ///< TimePoint::max(): for ever
};

/// Cuts the time from `now` on at these ends; those that have passed cut nothing.
[[nodiscard]] std::vector<Epoch> cut_epochs(TimePoint now, const std::vector<std::chrono::sys_seconds>& ends);

struct NamedWindow {
  std::string name;
  const TimeWindow* window = nullptr;
};

/// The dimension of time within an epoch: one instant for each way in which windows hold together. Looks at
/// each week in which the zones keep their offsets, since windows repeat by weeks.
[[nodiscard]] Dimension cut_time(const Epoch& epoch, const std::vector<NamedWindow>& windows);

/// `2026-03-04T10:00:00Z`.
[[nodiscard]] std::string timestamp_of(TimePoint time);

}  // namespace tallygate::policy::diff
