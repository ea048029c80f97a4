#include "gateway/cli/audit_arguments.hpp"

#include "audit/proof/entry_facts.hpp"
#include "audit/search/escape.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/cli/site_report.hpp"

#include <fmt/core.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <system_error>

namespace tallygate::cli {
namespace {

constexpr std::int64_t duration_s_max = 100LL * 366 * 86'400;
constexpr std::int64_t ns_per_second = 1'000'000'000;
constexpr std::size_t fraction_digits_max = 9;

std::int64_t seconds_of(char unit) {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3'600;
    case 'd':
      return 86'400;
    case 'w':
      return 7LL * 86'400;
    default:
      return 0;
  }
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Seconds east of UTC of `Z` or `+02:00`.
std::optional<std::int64_t> parse_offset(std::string_view text) {
  if (text == "Z" || text == "z") {
    return 0;
  }
  const bool shaped = text.size() == 6 && (text[0] == '+' || text[0] == '-') && is_digit(text[1]) &&
                      is_digit(text[2]) && text[3] == ':' && is_digit(text[4]) && is_digit(text[5]);
  if (!shaped) {
    return std::nullopt;
  }
  const int hours = (text[1] - '0') * 10 + (text[2] - '0');
  const int minutes = (text[4] - '0') * 10 + (text[5] - '0');
  if (hours > 23 || minutes > 59) {
    return std::nullopt;
  }
  return (text[0] == '-' ? -1 : 1) * (hours * 3'600LL + minutes * 60LL);
}

}  // namespace

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
  if (text.size() < 2 || !is_digit(text.front())) {
    return std::nullopt;
  }
  std::int64_t number = 0;
  const std::string digits(text.substr(0, text.size() - 1));
  const char* const last = digits.data() + digits.size();
  const auto [end, code] = std::from_chars(digits.data(), last, number);
  const std::int64_t each = seconds_of(text.back());
  if (code != std::errc{} || end != last || each == 0 || number > duration_s_max / each) {
    return std::nullopt;
  }
  return std::chrono::seconds(number * each);
}

std::optional<std::int64_t> parse_moment(std::string_view text, audit::Time now) {
  if (const auto ago = parse_duration(text)) {
    return (now - *ago).time_since_epoch().count();
  }
  std::string whole(text);
  if (text.size() == 10) {
    whole += "T00:00:00Z";
  }
  if (whole.size() < 20 || (whole[10] != 'T' && whole[10] != 't' && whole[10] != ' ')) {
    return std::nullopt;
  }
  whole[10] = 'T';
  std::size_t at = 19;
  std::string fraction;
  if (whole[at] == '.') {
    for (++at; at < whole.size() && is_digit(whole[at]) && fraction.size() < fraction_digits_max; ++at) {
      fraction += whole[at];
    }
    if (fraction.empty()) {
      return std::nullopt;
    }
  }
  fraction.resize(fraction_digits_max, '0');
  const auto offset = parse_offset(std::string_view(whole).substr(at));
  const auto local = audit::parse_entry_time(whole.substr(0, 19) + "." + fraction + "Z");
  if (!offset || !local) {
    return std::nullopt;
  }
  return *local - *offset * ns_per_second;
}

int report_failure(const audit::Failure& failure) {
  // Mistakes of a configuration have a line each, which begins with its place. In all other words a line end
  // is part of a value, and would pass for a line of ours.
  const bool lines =
      failure.kind == audit::FailureKind::invalid && failure.message.find('\n') != std::string::npos;
  fmt::print(stderr, "{}{}\n", lines ? "" : "tallygate: ",
             lines ? audit::inert_lines(failure.message) : audit::inert_text(failure.message));
  return exit_code_of(failure.kind);
}

int finish_output(int exit_code) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) {
    return exit_code;
  }
  fmt::print(stderr, "tallygate: cannot write the output: {}\n", std::generic_category().message(errno));
  return ExitCode::not_possible;
}

}  // namespace tallygate::cli
