#include "audit/custody/time_stretches.hpp"

#include "audit/journal/time_text.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace tallygate::audit {
namespace {

std::optional<Time> moment_of(const boost::json::value& json) {
  const auto* text = json.if_string();
  const auto time = text == nullptr ? std::nullopt : parse_entry_time(std::string_view(*text));
  return time ? std::optional(Time(std::chrono::nanoseconds(*time))) : std::nullopt;
}

}  // namespace

void TimeStretches::add(Time from, Time to) {
  auto at = all_.upper_bound(from);
  if (at != all_.begin() && std::prev(at)->second + time_stretch_gap >= from) {
    --at;
  }
  while (at != all_.end() && at->first <= to + time_stretch_gap) {
    from = std::min(from, at->first);
    to = std::max(to, at->second);
    at = all_.erase(at);
  }
  all_.emplace(from, to);
  if (all_.size() > time_stretches_max) {
    join_nearest();
  }
}

void TimeStretches::join_nearest() {
  auto nearest = all_.begin();
  for (auto at = all_.begin(); std::next(at) != all_.end(); ++at) {
    if (std::next(at)->first - at->second < std::next(nearest)->first - nearest->second) {
      nearest = at;
    }
  }
  nearest->second = std::next(nearest)->second;
  all_.erase(std::next(nearest));
}

std::optional<Time> TimeStretches::end_of(Time at) const {
  const auto after = all_.upper_bound(at);
  return after != all_.begin() && std::prev(after)->second >= at ? std::optional(std::prev(after)->second)
                                                                 : std::nullopt;
}

boost::json::array to_json(const TimeStretches& stretches) {
  boost::json::array list;
  for (const auto& [from, to] : stretches.all()) {
    list.push_back(boost::json::array{time_text(from), time_text(to)});
  }
  return list;
}

std::optional<TimeStretches> read_stretches(const boost::json::value& json) {
  const auto* list = json.if_array();
  if (list == nullptr || list->empty() || list->size() > time_stretches_max) {
    return std::nullopt;
  }
  TimeStretches stretches;
  for (const boost::json::value& value : *list) {
    const auto* pair = value.if_array();
    const auto from = pair == nullptr || pair->size() != 2 ? std::nullopt : moment_of((*pair)[0]);
    const auto to = from ? moment_of((*pair)[1]) : std::nullopt;
    if (!to || *to < *from) {
      return std::nullopt;
    }
    stretches.add(*from, *to);
  }
  return stretches;
}

}  // namespace tallygate::audit
