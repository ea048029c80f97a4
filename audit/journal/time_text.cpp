#include "audit/journal/time_text.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>

namespace tallygate::audit {
namespace {

constexpr std::string_view time_pattern = "0000-00-00T00:00:00.000000000Z";
// How far a character may be above the pattern's: a digit stands where that has a zero.
constexpr std::array<std::uint8_t, time_pattern.size()> time_slack = [] {
  std::array<std::uint8_t, time_pattern.size()> slack{};
  for (std::size_t i = 0; i < slack.size(); ++i) {
    slack[i] = time_pattern[i] == '0' ? 9 : 0;
  }
  return slack;
}();
constexpr std::int64_t ns_per_second = 1'000'000'000;

void put_digits(char* out, std::size_t width, std::uint64_t value) {
  while (width != 0) {
    out[--width] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

std::int64_t number(std::string_view digits) noexcept {
  std::int64_t value = 0;
  for (const char c : digits) {
    value = value * 10 + (c - '0');
  }
  return value;
}

}  // namespace

void write_time(Time time, std::span<char, time_text_size> out) {
  constexpr std::uint64_t minute_s = 60;
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const auto second_of_day = std::chrono::floor<std::chrono::seconds>(time - days);
  const auto nanoseconds = static_cast<std::uint64_t>((time - days - second_of_day).count());
  const auto seconds = static_cast<std::uint64_t>(second_of_day.count());
  const std::chrono::year_month_day date{days};
  std::memcpy(out.data(), time_pattern.data(), time_text_size);
  put_digits(&out[0], 4, static_cast<std::uint64_t>(static_cast<int>(date.year())));
  put_digits(&out[5], 2, static_cast<unsigned>(date.month()));
  put_digits(&out[8], 2, static_cast<unsigned>(date.day()));
  put_digits(&out[11], 2, seconds / (minute_s * minute_s));
  put_digits(&out[14], 2, seconds / minute_s % minute_s);
  put_digits(&out[17], 2, seconds % minute_s);
  put_digits(&out[20], 9, nanoseconds);
}

std::string time_text(Time time) {
  std::array<char, time_text_size> text{};
  write_time(time, text);
  return {text.data(), text.size()};
}

std::optional<std::int64_t> parse_entry_time(std::string_view text) noexcept {
  if (text.size() != time_pattern.size()) {
    return std::nullopt;
  }
  // No branch in the loop, so that the compiler takes many characters at once.
  bool fits = true;
  for (std::size_t i = 0; i < time_pattern.size(); ++i) {
    fits &= static_cast<std::uint8_t>(text[i] - time_pattern[i]) <= time_slack[i];
  }
  if (!fits) {
    return std::nullopt;
  }
  const std::int64_t year = number(text.substr(0, 4));
  const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(year)},
                                         std::chrono::month{static_cast<unsigned>(number(text.substr(5, 2)))},
                                         std::chrono::day{static_cast<unsigned>(number(text.substr(8, 2)))}};
  const std::int64_t hour = number(text.substr(11, 2));
  const std::int64_t minute = number(text.substr(14, 2));
  const std::int64_t second = number(text.substr(17, 2));
  if (!date.ok() || year < 1970 || year > 2261 || hour > 23 || minute > 59 || second > 59) {
    return std::nullopt;
  }
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return (((days * 24 + hour) * 60 + minute) * 60 + second) * ns_per_second + number(text.substr(20, 9));
}

}  // namespace tallygate::audit
