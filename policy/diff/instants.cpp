#include "policy/diff/instants.hpp"

#include "policy/evaluate/atoms.hpp"

#include <date/tz.h>

#include <algorithm>
#include <exception>
#include <set>

namespace tallygate::policy::diff {
namespace {

using std::chrono::sys_seconds;

/// A week, and a day for what crosses midnight and zones.
constexpr std::chrono::hours week{24 * 8};

/// Instants at which the offset of a zone of any window changes, from `first` to `last`; `first` is one of
/// them.
std::set<sys_seconds> segments_of(sys_seconds first, sys_seconds last,
                                  const std::vector<NamedWindow>& windows) {
  std::set<sys_seconds> out{first};
  for (const NamedWindow& each : windows) {
    for (sys_seconds at = first; at < last && out.size() < instants_max;) {
      const auto info = each.window->rules->get_info(at);
      if (info.end <= at || info.end >= last) {
        break;
      }
      at = info.end;
      out.insert(at);
    }
  }
  return out;
}

/// The edges of a window within a week of `first`, where the zone's clock shows them.
void add_edges(const TimeWindow& window, sys_seconds first, std::set<sys_seconds>& out) {
  const auto offset = window.rules->get_info(first).offset;
  const auto local = first + offset;
  const auto midnight = std::chrono::floor<date::days>(local);
  for (auto day = midnight; day < local + week; day += date::days(1)) {
    for (const int minute : {0, window.from_minute, window.to_minute}) {
      out.insert(sys_seconds((day + std::chrono::minutes(minute) - offset).time_since_epoch()));
    }
  }
}

std::string label_of(const std::vector<NamedWindow>& windows, const std::vector<Truth>& truths) {
  std::set<std::string> inside;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    if (truths[i] == Truth::yes) {
      inside.insert(windows[i].name);
    }
  }
  std::string text;
  for (const std::string& name : inside) {
    text.append(text.empty() ? "in " : " and ").append(name);
  }
  return text.empty() ? "outside" : text;
}

std::set<sys_seconds> instants_of(const Epoch& epoch, const std::vector<NamedWindow>& windows) {
  const auto first = std::chrono::ceil<std::chrono::seconds>(epoch.first);
  const auto end = std::chrono::floor<std::chrono::seconds>(epoch.end);
  const auto last = std::min<sys_seconds>(end, first + horizon);
  std::set<sys_seconds> out;
  for (const sys_seconds segment : segments_of(first, last, windows)) {
    out.insert(segment);
    for (const NamedWindow& each : windows) {
      if (out.size() < instants_max) {
        add_edges(*each.window, segment, out);
      }
    }
  }
  out.erase(out.begin(), out.lower_bound(first));
  out.erase(out.lower_bound(end), out.end());
  return out;
}

}  // namespace

std::vector<Epoch> cut_epochs(TimePoint now, const std::vector<sys_seconds>& ends) {
  std::set<TimePoint> cuts;
  for (const sys_seconds end : ends) {
    const TimePoint at = to_time_point(end);
    if (at > now) {
      cuts.insert(at);
    }
  }
  std::vector<Epoch> out{{now, TimePoint::max()}};
  for (const TimePoint cut : cuts) {
    out.back().end = cut;
    out.push_back({cut, TimePoint::max()});
  }
  return out;
}

Dimension cut_time(const Epoch& epoch, const std::vector<NamedWindow>& windows) {
  Dimension out{Attributed::time, "", {}, true};
  std::set<sys_seconds> instants;
  try {
    instants = instants_of(epoch, windows);
  } catch (const std::exception&) {
    out.complete = false;  // the zone database is unusable
  }
  instants.insert(std::chrono::ceil<std::chrono::seconds>(epoch.first));
  std::set<std::vector<Truth>> seen;
  for (const sys_seconds instant : instants) {
    Context context;
    context.now = to_time_point(instant);
    std::vector<Truth> truths;
    truths.reserve(windows.size());
    for (const NamedWindow& each : windows) {
      truths.push_back(test_atom(*each.window, {}, context));
    }
    if (!seen.insert(truths).second) {
      continue;
    }
    if (out.choices.size() == choices_max) {
      out.complete = false;
      break;
    }
    out.choices.push_back({label_of(windows, truths), {}, {}, {}, {}, {}, context.now});
  }
  return out;
}

std::string timestamp_of(TimePoint time) {
  return date::format("%FT%TZ", std::chrono::floor<std::chrono::seconds>(time));
}

}  // namespace tallygate::policy::diff
