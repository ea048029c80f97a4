#include "gateway/settings_reader.hpp"

#include "policy/language/nearest.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace tallygate {
namespace {

namespace yaml = policy::yaml;

constexpr std::chrono::hours duration_max{30 * 24};

bool is_name_start(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

/// Whether `text` is the name of an environment variable (POSIX.1-2017 §8.1, and lower case).
bool is_variable_name(std::string_view text) {
  return !text.empty() && is_name_start(text.front()) && std::all_of(text.begin(), text.end(), [](char c) {
    return is_name_start(c) || (c >= '0' && c <= '9');
  });
}

}  // namespace

SettingsMap::SettingsMap(const Node& node, std::string what, SettingsContext& context)
    : context_(context), map_(node, std::move(what), context.errors) {}

void SettingsMap::error(const Node& at, std::string message) const {
  yaml::add(context_.errors, at, std::move(message));
}

std::string SettingsMap::place(const Node& at) const {
  return fmt::format("{}:{}:{}", at.file(), at.mark().line, at.mark().column);
}

std::optional<std::string> SettingsMap::expand(const Node& at, std::string_view text) const {
  std::string expanded;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t dollar = text.find("${", i);
    if (dollar == std::string_view::npos) {
      expanded += text.substr(i);
      break;
    }
    if (dollar > i && text[dollar - 1] == '$') {  // `$${` is a literal `${`
      expanded += text.substr(i, dollar - i - 1);
      expanded += "${";
      i = dollar + 2;
      continue;
    }
    expanded += text.substr(i, dollar - i);
    const std::size_t end = text.find('}', dollar);
    const std::string name{text.substr(dollar + 2, end == std::string_view::npos ? 0 : end - dollar - 2)};
    if (!is_variable_name(name)) {
      error(
          at,
          "'${' must be followed by the name of an environment variable and '}'; a '${' that is meant as it "
          "stands is written '$${'");
      return std::nullopt;
    }
    const auto value = context_.environment.variable(name);
    if (!value) {
      error(at, fmt::format("the environment variable {} is not set", name));
      return std::nullopt;
    }
    expanded += *value;
    i = end + 1;
  }
  if (expanded.empty()) {
    error(at, "the value is empty");
    return std::nullopt;
  }
  return expanded;
}

std::optional<std::string> SettingsMap::text(std::string_view key) {
  const auto node = map_.find(key);
  if (!node) {
    return std::nullopt;
  }
  const auto written = yaml::text(*node, key, context_.errors);
  return written ? expand(*node, *written) : std::nullopt;
}

void SettingsMap::text(std::string_view key, std::string& value) {
  if (auto found = text(key)) {
    value = *std::move(found);
  }
}

std::optional<std::string> SettingsMap::require_text(std::string_view key) {
  return map_.require(key) ? text(key) : std::nullopt;
}

std::vector<std::pair<std::string, yaml::Node>> SettingsMap::texts(std::string_view key, bool allow_empty) {
  std::vector<std::pair<std::string, Node>> found;
  const auto node = map_.find(key);
  if (!node) {
    return found;
  }
  const std::string what{key};
  std::vector<Node> items{*node};
  if (node->kind() == yaml::Kind::list) {
    items = yaml::list(*node, what, context_.errors, allow_empty);
  }
  for (const auto& item : items) {
    if (const auto written = yaml::text(item, what, context_.errors)) {
      if (auto expanded = expand(item, *written)) {
        found.emplace_back(*std::move(expanded), item);
      }
    }
  }
  return found;
}

std::optional<std::string> SettingsMap::item_text(const Node& item, std::string_view what) const {
  const auto written = yaml::text(item, what, context_.errors);
  return written ? expand(item, *written) : std::nullopt;
}

std::optional<std::filesystem::path> SettingsMap::to_path(const Node& at, const std::string& text,
                                                          bool must_exist) {
  std::filesystem::path path = (context_.environment.folder / text).lexically_normal();
  if (!path.has_filename()) {
    path = path.parent_path();  // "journal/" and "journal" are the same place
  }
  if (const auto problem = must_exist ? context_.environment.readable(path) : std::error_code()) {
    const bool missing = problem == std::errc::no_such_file_or_directory;
    error(at, fmt::format("{}: {}", path.string(), missing ? "there is no such file" : problem.message()));
    return std::nullopt;
  }
  return path;
}

std::optional<std::filesystem::path> SettingsMap::path(std::string_view key, bool must_exist) {
  const auto written = text(key);
  return written ? to_path(*map_.find(key), *written, must_exist) : std::nullopt;
}

void SettingsMap::boolean(std::string_view key, bool& value) {
  value = map_.boolean_or(key, value);
}

void SettingsMap::count(std::string_view key, std::size_t& value, std::size_t min, std::size_t max) {
  value = static_cast<std::size_t>(map_.integer_or(
      key, static_cast<std::int64_t>(value), static_cast<std::int64_t>(min), static_cast<std::int64_t>(max)));
}

void SettingsMap::bytes(std::string_view key, std::size_t& value, std::size_t min, std::size_t max) {
  const auto node = map_.find(key);
  if (!node) {
    return;
  }
  const auto read = yaml::byte_count(*node, key, context_.errors);
  if (read && (*read < min || *read > max)) {
    error(*node, fmt::format("'{}' must be between {} and {} bytes", key, min, max));
  } else if (read) {
    value = *read;
  }
}

void SettingsMap::duration(std::string_view key, milliseconds& value, bool may_be_none) {
  const auto node = map_.find(key);
  if (!node) {
    return;
  }
  if (node->kind() == yaml::Kind::text && node->scalar() == "none") {
    if (!may_be_none) {
      error(*node,
            fmt::format("'{}' cannot be none: a phase without a deadline lets one client hold the gateway; "
                        "write a duration such as 30s",
                        key));
      return;
    }
    value = milliseconds{0};
    return;
  }
  const auto read = yaml::duration(*node, key, context_.errors);
  if (read && (*read < std::chrono::seconds{1} || *read > duration_max)) {
    error(*node, fmt::format("'{}' must be between 1s and 30d{}", key, may_be_none ? ", or none" : ""));
  } else if (read) {
    value = *read;
  }
}

std::optional<std::string> SettingsMap::choose(const Node& node, std::string_view what,
                                               const std::vector<std::string_view>& words) const {
  const auto written = yaml::text(node, what, context_.errors);
  if (!written) {
    return std::nullopt;
  }
  auto value = expand(node, *written);
  if (!value || std::find(words.begin(), words.end(), *value) != words.end()) {
    return value;
  }
  const std::vector<std::string> known(words.begin(), words.end());
  error(node, fmt::format("'{}' is '{}', but must be one of: {}{}", what, *value, fmt::join(words, ", "),
                          policy::did_you_mean(*value, known)));
  return std::nullopt;
}

void SettingsMap::later(std::string_view key) {
  if (const auto node = map_.find(key)) {
    error(*node,
          fmt::format("'{}' is not available in this version (" TALLYGATE_VERSION "): remove it", key));
  }
}

}  // namespace tallygate
