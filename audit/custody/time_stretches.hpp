#pragma once
/// Stretches of time: when something may have happened, in little memory however often it did.

#include "audit/journal/clock.hpp"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>

namespace tallygate::audit {

/// How many stretches are told apart; of more, the nearest two become one.
inline constexpr std::size_t time_stretches_max = 16;
/// What lies no further apart is one stretch.
inline constexpr std::chrono::hours time_stretch_gap{1};

/// A set of moments, of which too many may be said to be in it and never too few. A clock that was far ahead
/// for a while leaves a stretch of its own, and nothing between.
class TimeStretches {
 public:
  /// Adds all from `from` to `to`.
  void add(Time from, Time to);

  /// The last moment of the stretch that holds `at`; nothing where none does.
  [[nodiscard]] std::optional<Time> end_of(Time at) const;

  /// By their first moments, the last one of each.
  [[nodiscard]] const std::map<Time, Time>& all() const noexcept { return all_; }

 private:
  void join_nearest();

  std::map<Time, Time> all_;  // none touches another
};

/// As a `journal.retire` says it in its member `times`: `[[first, last], …]`, each as entries have it.
[[nodiscard]] boost::json::array to_json(const TimeStretches& stretches);

/// Reads such a member; nothing where it is none.
[[nodiscard]] std::optional<TimeStretches> read_stretches(const boost::json::value& json);

}  // namespace tallygate::audit
