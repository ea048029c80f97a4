#include "policy/language/yaml_map.hpp"

#include "policy/language/nearest.hpp"

#include <algorithm>
#include <utility>

namespace tallygate::policy::yaml {

Map::Map(const Node& node, std::string what, Errors& errors)
    : node_(node), what_(std::move(what)), errors_(errors), is_map_(node.kind() == Kind::map) {
  if (!is_map_) {
    add(errors_, node_, wrong_kind(what_, "a map (key: value)", node_));
    return;
  }
  used_.resize(node_.size());
}

Map::Map(const Node& node, std::string what, KeyList keys, Errors& errors)
    : Map(node, std::move(what), errors) {
  keys_ = keys;
}

std::optional<Node> Map::find(std::string_view key) {
  if (keys_ && std::find(keys_->begin(), keys_->end(), key) == keys_->end()) {
    return std::nullopt;
  }
  known_.emplace_back(key);
  for (std::size_t i = 0; i < used_.size(); ++i) {
    const auto [name, value] = node_.entry(i);
    if (name.scalar() != key) {
      continue;
    }
    used_[i] = true;
    return value;
  }
  return std::nullopt;
}

std::optional<Node> Map::require(std::string_view key) {
  auto value = find(key);
  if (!value && is_map_) {
    add(errors_, node_, '\'' + std::string(key) + '\'' + " is missing in " + what_);
  }
  return value;
}

std::optional<std::string> Map::text(std::string_view key) {
  const auto value = find(key);
  return value ? yaml::text(*value, key, errors_) : std::nullopt;
}

std::optional<std::string> Map::require_text(std::string_view key) {
  const auto value = require(key);
  return value ? yaml::text(*value, key, errors_) : std::nullopt;
}

std::string Map::text_or(std::string_view key, std::string_view otherwise) {
  return text(key).value_or(std::string(otherwise));
}

std::optional<bool> Map::boolean(std::string_view key) {
  const auto value = find(key);
  return value ? yaml::boolean(*value, key, errors_) : std::nullopt;
}

bool Map::boolean_or(std::string_view key, bool otherwise) {
  return boolean(key).value_or(otherwise);
}

std::optional<std::int64_t> Map::integer(std::string_view key, std::int64_t min, std::int64_t max) {
  const auto value = find(key);
  return value ? yaml::integer(*value, key, min, max, errors_) : std::nullopt;
}

std::int64_t Map::integer_or(std::string_view key, std::int64_t otherwise, std::int64_t min,
                             std::int64_t max) {
  return integer(key, min, max).value_or(otherwise);
}

std::optional<std::chrono::seconds> Map::duration(std::string_view key) {
  const auto value = find(key);
  return value ? yaml::duration(*value, key, errors_) : std::nullopt;
}

std::chrono::seconds Map::duration_or(std::string_view key, std::chrono::seconds otherwise) {
  return duration(key).value_or(otherwise);
}

std::uint64_t Map::bytes_or(std::string_view key, std::uint64_t otherwise) {
  const auto value = find(key);
  return value ? yaml::byte_count(*value, key, errors_).value_or(otherwise) : otherwise;
}

std::optional<std::string> Map::choice(std::string_view key,
                                       std::initializer_list<std::string_view> choices) {
  const auto value = find(key);
  return value ? yaml::choice(*value, key, choices, errors_) : std::nullopt;
}

std::vector<Node> Map::list(std::string_view key) {
  const auto value = find(key);
  return value ? yaml::list(*value, key, errors_) : std::vector<Node>{};
}

std::vector<std::string> Map::text_list(std::string_view key) {
  const auto value = find(key);
  return value ? yaml::text_list(*value, key, errors_) : std::vector<std::string>{};
}

std::vector<std::string> Map::text_or_list(std::string_view key) {
  const auto value = find(key);
  return value ? yaml::text_or_list(*value, key, errors_) : std::vector<std::string>{};
}

void Map::finish() {
  for (std::size_t i = 0; i < used_.size(); ++i) {
    if (used_[i]) {
      continue;
    }
    const Node key = node_.entry(i).first;
    std::string hint = errors_.full() ? std::string() : did_you_mean(key.scalar(), known_);
    if (key.scalar() == "<<") {
      hint = "; there are no merge keys in YAML 1.2, write the keys out";
    }
    add(errors_, key, "unknown key '" + key.scalar() + "' in " + what_ + hint);
  }
}

}  // namespace tallygate::policy::yaml
