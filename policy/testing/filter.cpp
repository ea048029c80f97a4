#include "policy/testing/filter.hpp"

#include "policy/explain/question.hpp"
#include "policy/language/nearest.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace tallygate::policy::testing {
namespace {

constexpr std::array<std::string_view, 7> keys{"suite",   "test", "principal", "request",
                                               "context", "rule", "outcome"};

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(end + 1);
  }
}

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

/// What the cell has under a key.
std::span<const std::string_view> values_of(const CellNames& names, std::string_view key) noexcept {
  if (key == "suite") {
    return {&names.suite, 1};
  }
  if (key == "test") {
    return {&names.test, 1};
  }
  if (key == "principal") {
    return {&names.principal, 1};
  }
  if (key == "request") {
    return {&names.request, 1};
  }
  if (key == "context") {
    return {&names.context, 1};
  }
  if (key == "rule") {
    return names.rules;
  }
  return names.outcomes;
}

}  // namespace

ParseResult<Filter> Filter::parse(std::string_view text) {
  Filter filter;
  if (trimmed(text).empty()) {
    return filter;
  }
  const std::vector<std::string> known(keys.begin(), keys.end());
  for (const std::string_view part : split(text, ';')) {
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos) {
      return ParseError{"'" + printable(part) +
                        "' is no filter; write key=value,value and join several with ';'"};
    }
    Term term{std::string(trimmed(part.substr(0, equals))), {}};
    if (std::find(keys.begin(), keys.end(), term.key) == keys.end()) {
      const std::string hint = did_you_mean(term.key, known);
      return ParseError{
          "unknown filter key '" + printable(term.key) + "'" +
          (hint.empty() ? "; there are suite, test, principal, request, context, rule and outcome" : hint)};
    }
    for (const std::string_view value : split(part.substr(equals + 1), ',')) {
      if (trimmed(value).empty()) {
        return ParseError{"filter key '" + term.key + "' has an empty value"};
      }
      term.values.emplace_back(trimmed(value));
    }
    filter.terms_.push_back(std::move(term));
  }
  return filter;
}

bool Filter::accepts(const CellNames& names) const noexcept {
  return std::all_of(terms_.begin(), terms_.end(), [&names](const Term& term) {
    const auto present = values_of(names, term.key);
    return std::any_of(term.values.begin(), term.values.end(), [present](const std::string& value) {
      return std::find(present.begin(), present.end(), value) != present.end();
    });
  });
}

}  // namespace tallygate::policy::testing
