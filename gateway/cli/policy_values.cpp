#include "gateway/cli/policy_values.hpp"

#include "policy/explain/question.hpp"
#include "policy/language/loader.hpp"
#include "policy/language/yaml_scalar.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>

namespace tallygate::cli {
namespace {

/// A value typed as in a policy: `true`, `42`, `1.5`, all else text; `"42"` in double quotes is text.
policy::Value typed_value(std::string_view text) {
  using policy::yaml::Kind;
  if (text.size() >= 2 && text.starts_with('"') && text.ends_with('"')) {
    return std::string(text.substr(1, text.size() - 2));
  }
  const Kind kind = policy::yaml::kind_of_plain(text);
  if (kind == Kind::boolean) {
    return text == "true";
  }
  if (kind == Kind::integer || kind == Kind::number) {
    double number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    if (parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size()) {
      return policy::number_value(number);
    }
  }
  return std::string(text);
}

}  // namespace

policy::ParseResult<std::pair<std::string, std::string>> cut_pair(std::string_view text,
                                                                  std::string_view option) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return policy::ParseError{std::string(option) + ": '" + policy::printable(text) +
                              "' is no pair; write name=value"};
  }
  return std::pair(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
}

std::optional<policy::ParseError> read_attributes(const std::vector<std::string>& pairs,
                                                  std::string_view option,
                                                  std::vector<policy::Attribute>& out) {
  for (const std::string& text : pairs) {
    const auto pair = cut_pair(text, option);
    if (pair.has_error()) {
      return pair.error();
    }
    const auto same = [&pair](const policy::Attribute& each) { return each.name == pair->first; };
    auto found = std::find_if(out.begin(), out.end(), same);
    if (found == out.end()) {
      found = out.insert(out.end(), {pair->first, {}});
    }
    found->values.push_back(typed_value(pair->second));
  }
  return std::nullopt;
}

policy::ParseResult<policy::TimePoint> read_time(const std::string& text, std::string_view option) {
  if (text.empty()) {
    return policy::TimePoint(std::chrono::system_clock::now());
  }
  const auto time = policy::parse_timestamp(text);
  if (!time) {
    return policy::ParseError{std::string(option) + ": '" + policy::printable(text) +
                              "' is no time; write it like 2026-03-04T10:00:00Z"};
  }
  return policy::to_time_point(*time);
}

}  // namespace tallygate::cli
