#include "policy/language/loader.hpp"

#include <charconv>
#include <cmath>

namespace tallygate::policy {
namespace {

/// Exactly `count` digits at `at`, which moves behind them; -1 if they are not there.
int take_digits(std::string_view text, std::size_t& at, std::size_t count) noexcept {
  if (at + count > text.size()) {
    return -1;
  }
  int value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const char c = text[at + i];
    if (c < '0' || c > '9') {
      return -1;
    }
    value = value * 10 + (c - '0');
  }
  at += count;
  return value;
}

bool take(std::string_view text, std::size_t& at, char wanted) noexcept {
  if (at >= text.size() || text[at] != wanted) {
    return false;
  }
  ++at;
  return true;
}

/// `Z` or `±HH:MM` up to the end; nothing if it is anything else.
std::optional<std::chrono::minutes> take_offset(std::string_view text, std::size_t at) noexcept {
  if (text.substr(at) == "Z") {
    return std::chrono::minutes(0);
  }
  const bool west = at < text.size() && text[at] == '-';
  if (!west && (at >= text.size() || text[at] != '+')) {
    return std::nullopt;
  }
  ++at;
  const int hours = take_digits(text, at, 2);
  if (!take(text, at, ':')) {
    return std::nullopt;
  }
  const int minutes = take_digits(text, at, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || at != text.size()) {
    return std::nullopt;
  }
  const std::chrono::minutes offset(hours * 60 + minutes);
  return west ? -offset : offset;
}

std::optional<Value> read_number(const yaml::Node& node, std::string_view what, yaml::Errors& errors) {
  const std::string& text = node.scalar();
  std::int64_t integer = 0;
  const char* last = text.data() + text.size();
  if (node.kind() == yaml::Kind::integer) {
    const auto [end, error] = std::from_chars(text.data(), last, integer);
    if (error == std::errc{} && integer >= -integer_max && integer <= integer_max) {
      return Value(integer);
    }
    add(errors, node, yaml::subject(what) + " is too large for an exact number; quote it to make it text");
    return std::nullopt;
  }
  // from_chars takes no trailing point ("1."), which the schema allows.
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error == std::errc{} && std::isfinite(number)) {
    return number_value(number);
  }
  add(errors, node, yaml::subject(what) + " is out of range for a number");
  return std::nullopt;
}

}  // namespace

std::optional<std::chrono::sys_seconds> parse_timestamp(std::string_view text) noexcept {
  std::size_t at = 0;
  const int year = take_digits(text, at, 4);
  if (!take(text, at, '-')) {
    return std::nullopt;
  }
  const int month = take_digits(text, at, 2);
  if (!take(text, at, '-')) {
    return std::nullopt;
  }
  const int day = take_digits(text, at, 2);
  if (!take(text, at, 'T')) {
    return std::nullopt;
  }
  const int hour = take_digits(text, at, 2);
  if (!take(text, at, ':')) {
    return std::nullopt;
  }
  const int minute = take_digits(text, at, 2);
  if (!take(text, at, ':')) {
    return std::nullopt;
  }
  const int second = take_digits(text, at, 2);
  if (year < 0 || month < 1 || day < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
      second > 59) {
    return std::nullopt;
  }
  if (take(text, at, '.')) {
    if (take_digits(text, at, 1) < 0) {
      return std::nullopt;
    }
    while (take_digits(text, at, 1) >= 0) {
    }
  }
  const auto offset = take_offset(text, at);
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!offset || !date.ok()) {
    return std::nullopt;
  }
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second) - *offset;
}

std::optional<std::chrono::sys_seconds> read_timestamp(const yaml::Node& node, std::string_view what,
                                                       yaml::Errors& errors) {
  if (node.kind() == yaml::Kind::text) {
    if (const auto time = parse_timestamp(node.scalar())) {
      return time;
    }
  }
  add(errors, node,
      yaml::wrong_kind(what, "a time such as \"2026-12-31T00:00:00Z\" (RFC 3339, with Z or an offset)",
                       node));
  return std::nullopt;
}

std::optional<std::string> read_name(const yaml::Node& node, std::string_view what, yaml::Errors& errors) {
  auto name = yaml::text(node, what, errors);
  if (!name) {
    return std::nullopt;
  }
  if (!is_name(*name)) {
    add(errors, node,
        '\'' + *name + "' can't name a " + std::string(what) +
            "; a name is up to 128 letters, digits, '_', '-' and '.', beginning with a letter, digit or '_'");
    return std::nullopt;
  }
  if (is_reserved(*name)) {
    add(errors, node, '\'' + *name + "' is reserved and can't name a " + std::string(what));
    return std::nullopt;
  }
  return name;
}

std::optional<Value> read_value(const yaml::Node& node, std::string_view what, yaml::Errors& errors) {
  switch (node.kind()) {
    case yaml::Kind::text:
      return Value(node.scalar());
    case yaml::Kind::boolean:
      return Value(node.scalar() == "true");
    case yaml::Kind::integer:
    case yaml::Kind::number:
      return read_number(node, what, errors);
    default:
      break;
  }
  std::string message = yaml::subject(what) + " must be text, a number, true or false, not " +
                        std::string(name_of(node.kind()));
  if (!node.scalar().empty()) {
    message += "; quote it: \"" + node.scalar() + '"';
  }
  add(errors, node, std::move(message));
  return std::nullopt;
}

std::vector<Value> read_values(const yaml::Node& node, std::string_view what, yaml::Errors& errors,
                               bool allow_empty) {
  std::vector<Value> values;
  if (node.kind() != yaml::Kind::list) {
    if (auto value = read_value(node, what, errors)) {
      values.push_back(std::move(*value));
    }
    return values;
  }
  for (const yaml::Node& item : yaml::list(node, what, errors, allow_empty)) {
    if (auto value = read_value(item, what, errors)) {
      values.push_back(std::move(*value));
    }
  }
  return values;
}

}  // namespace tallygate::policy
