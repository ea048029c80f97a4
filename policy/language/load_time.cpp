#include "policy/language/load_time.hpp"

#include "policy/language/keys.hpp"
#include "policy/language/nearest.hpp"

#include <date/tz.h>

#include <cstdio>
#include <exception>
#include <optional>

namespace tallygate::policy {
namespace {

constexpr int day_minutes = 24 * 60;

std::optional<int> parse_minute(std::string_view text) noexcept {
  const auto digit = [&](std::size_t at) {
    return text[at] >= '0' && text[at] <= '9' ? text[at] - '0' : 100;
  };
  if (text.size() != 5 || text[2] != ':') {
    return std::nullopt;
  }
  const int hour = digit(0) * 10 + digit(1);
  const int minute = digit(3) * 10 + digit(4);
  if (minute > 59 || hour > 24 || (hour == 24 && minute != 0)) {
    return std::nullopt;
  }
  return hour * 60 + minute;
}

/// A minute of the day; 24:00 only where a window ends.
int load_minute(yaml::Map& map, std::string_view key, int otherwise, LoadState& state) {
  const auto node = map.find(key);
  if (!node) {
    return otherwise;
  }
  if (node->kind() == yaml::Kind::text) {
    const auto minute = parse_minute(node->scalar());
    if (minute && (key == "to" || *minute < day_minutes)) {
      return *minute;
    }
  }
  const std::string_view wanted = key == "to" ? R"(a time of day such as "08:00" (up to "24:00"))"
                                              : R"(a time of day such as "08:00" ("00:00" to "23:59"))";
  state.error(*node, yaml::wrong_kind(key, wanted, *node));
  return otherwise;
}

std::uint8_t load_days(const yaml::Node& node, LoadState& state) {
  unsigned days = 0;
  const std::vector<std::string> known(std::begin(day_names), std::end(day_names));
  for (const yaml::Node& item : yaml::list(node, "days", state.errors)) {
    const auto text = yaml::text(item, "days", state.errors);
    if (!text) {
      continue;
    }
    std::size_t day = 0;
    while (day < known.size() && known[day] != *text) {
      ++day;
    }
    if (day == known.size()) {
      state.error(item, '\'' + *text + "' is not a day; days are mon, tue, wed, thu, fri, sat, sun" +
                            did_you_mean(*text, known));
    } else {
      days |= 1u << day;
    }
  }
  return static_cast<std::uint8_t>(days);
}

/// A zone of the IANA database. Its rules are loaded here, so that a decision later neither reads a file nor
/// fails.
void load_zone(const yaml::Node& node, TimeWindow& window, LoadState& state) {
  const auto name = yaml::text(node, "zone", state.errors);
  if (!name) {
    return;
  }
  try {
    const date::time_zone* zone = date::locate_zone(*name);
    static_cast<void>(zone->get_info(date::sys_seconds{}));
    window.zone = *name;
    window.rules = zone;
  } catch (const std::exception&) {
    state.error(node,
                '\'' + *name +
                    "' is not in the time zone database; write an IANA name such as Europe/Madrid or "
                    "Etc/UTC, not an offset",
                "L16");
  }
}

}  // namespace

std::string minute_text(int minute) {
  char text[16];
  std::snprintf(text, sizeof text, "%02d:%02d", minute / 60, minute % 60);
  return text;
}

TimeWindow load_time_window(const yaml::Node& node, LoadState& state) {
  TimeWindow window;
  yaml::Map map(node, "time", keys::time, state.errors);
  if (const auto days = map.find("days")) {
    window.days = load_days(*days, state);
  }
  window.from_minute = load_minute(map, "from", 0, state);
  window.to_minute = load_minute(map, "to", day_minutes, state);
  if (const auto zone = map.find("zone")) {
    load_zone(*zone, window, state);
  } else if (map) {
    state.error(node, "'zone' is missing in time; write an IANA name such as Europe/Madrid or Etc/UTC",
                "L16");
  }
  if (map && window.from_minute == window.to_minute) {
    state.error(node,
                "the time window is empty: 'from' and 'to' are both " + minute_text(window.from_minute) +
                    "; leave both out for the whole day",
                "L16");
  }
  map.finish();
  return window;
}

}  // namespace tallygate::policy
