#include "policy/lint/states.hpp"

#include <date/tz.h>

#include <algorithm>
#include <exception>
#include <set>

namespace tallygate::policy::lint {
namespace {

constexpr int day_minutes = 24 * 60;
constexpr int week_minutes = 7 * day_minutes;

/// Offsets from UTC in minutes, one for each window.
using Offsets = std::vector<int>;

int in_week(int minute) noexcept {
  return (minute % week_minutes + week_minutes) % week_minutes;
}

/// As test_atom() reads it, for a minute of the local week that begins on Monday.
bool inside(const TimeWindow& window, int minute) noexcept {
  const int day = minute / day_minutes;
  const int clock = minute % day_minutes;
  const auto listed = [&](int bit) { return (window.days >> bit & 1u) != 0; };
  if (window.from_minute < window.to_minute) {
    return listed(day) && clock >= window.from_minute && clock < window.to_minute;
  }
  return (listed(day) && clock >= window.from_minute) || (listed((day + 6) % 7) && clock < window.to_minute);
}

/// Every combination of offsets that the zones have, relative to the first: only that matters to a week.
std::set<Offsets> offsets_of(const std::vector<const Atom*>& atoms) {
  constexpr date::sys_seconds first = date::sys_days(date::year(2020) / 1 / 1);
  constexpr date::sys_seconds last = date::sys_days(date::year(2045) / 1 / 1);
  std::set<Offsets> all;
  const bool one_zone = std::all_of(atoms.begin(), atoms.end(), [&](const Atom* atom) {
    return atom->window->rules == atoms.front()->window->rules;
  });
  if (one_zone) {
    return {Offsets(atoms.size(), 0)};
  }
  for (date::sys_seconds now = first; now < last;) {
    date::sys_seconds next = last;
    Offsets offsets;
    offsets.reserve(atoms.size());
    for (const Atom* atom : atoms) {
      const date::sys_info info = atom->window->rules->get_info(now);
      offsets.push_back(static_cast<int>(std::chrono::floor<std::chrono::minutes>(info.offset).count()));
      next = std::min(next, info.end);
    }
    const int base = offsets.front();
    for (int& offset : offsets) {
      offset -= base;
    }
    all.insert(std::move(offsets));
    now = next;
  }
  return all;
}

}  // namespace

std::vector<State> states_of_time(const std::vector<const Atom*>& atoms) {
  std::set<State> states;
  for (const Offsets& offsets : offsets_of(atoms)) {
    std::set<int> minutes{0};
    for (std::size_t i = 0; i < atoms.size(); ++i) {
      for (int day = 0; day < 7; ++day) {
        minutes.insert(in_week(day * day_minutes + atoms[i]->window->from_minute - offsets[i]));
        minutes.insert(in_week(day * day_minutes + atoms[i]->window->to_minute - offsets[i]));
        minutes.insert(in_week(day * day_minutes - offsets[i]));
      }
    }
    for (const int minute : minutes) {
      State state;
      state.reserve(atoms.size());
      for (std::size_t i = 0; i < atoms.size(); ++i) {
        state.push_back(inside(*atoms[i]->window, in_week(minute + offsets[i])) ? is_yes : is_no);
      }
      states.insert(std::move(state));
    }
  }
  return {states.begin(), states.end()};
}

}  // namespace tallygate::policy::lint
