#include "policy/language/loader.hpp"

#include "policy/language/keys.hpp"
#include "policy/language/load_state.hpp"

#include <algorithm>
#include <utility>

namespace tallygate::policy {
namespace {

constexpr std::int64_t language_version = 1;

void load_version(yaml::Map& map, LoadState& state) {
  const auto version = map.require("version");
  if (!version) {
    return;
  }
  if (version->kind() == yaml::Kind::integer && version->scalar() == std::to_string(language_version)) {
    return;
  }
  state.error(*version, "'version' must be 1, not " +
                            (version->scalar().empty() ? std::string(name_of(version->kind()))
                                                       : '\'' + version->scalar() + '\'') +
                            (version->quoted() ? "; remove the quotes" : ""));
}

/// The name of the policy; all files agree on it.
void load_policy_name(yaml::Map& map, LoadState& state) {
  const auto node = map.require("policy");
  if (!node) {
    return;
  }
  const auto name = yaml::text(*node, "policy", state.errors);
  if (!name) {
    return;
  }
  if (!is_name(*name)) {
    state.error(
        *node, '\'' + *name + "' can't name a policy; a name is up to 128 letters, digits, '_', '-' and '.'");
  } else if (state.policy.name.empty()) {
    state.policy.name = *name;
  } else if (state.policy.name != *name) {
    state.error(*node, "policy '" + *name + "' is not '" + state.policy.name + "', the name in " +
                           state.policy.files.front() + "; files that are merged have one name");
  }
}

void load_file(const yaml::Node& root, LoadState& state) {
  yaml::Map map(root, "the policy", keys::file, state.errors);
  load_version(map, state);
  load_policy_name(map, state);
  using Section = void (*)(const yaml::Node&, LoadState&);
  constexpr std::pair<std::string_view, Section> sections[] = {{"roles", load_roles},
                                                               {"bindings", load_bindings},
                                                               {"resources", load_resources},
                                                               {"conditions", load_conditions},
                                                               {"rules", load_rules}};
  for (const auto& [key, load_section] : sections) {
    if (const auto node = map.find(key)) {
      load_section(*node, state);
    }
  }
  map.finish();
}

template <typename T>
void sort_by_name(std::vector<T>& items) {
  std::sort(items.begin(), items.end(), [](const T& left, const T& right) { return left.name < right.name; });
}

}  // namespace

yaml::Result<Policy> load(std::span<const yaml::SourceFile> files) {
  LoadState state;
  std::vector<yaml::Document> documents;  // references point into them until the end
  documents.reserve(files.size());
  for (const yaml::SourceFile& file : files) {
    auto document = yaml::parse(file.text, file.name);
    if (!document) {
      state.errors.add(document.error());
      continue;
    }
    documents.push_back(std::move(*document));
    state.begin_file(file.name);
    load_file(documents.back().root(), state);
  }
  if (files.empty()) {
    state.errors.add("", {}, "no policy file was given");
  }
  // Names that a file with broken YAML may define would all be reported as missing: that file comes first.
  if (documents.size() == files.size()) {
    state.check_references();
  }
  if (!state.errors.empty()) {
    return state.errors.take();
  }
  Policy& policy = state.policy;
  sort_by_name(policy.roles);
  sort_by_name(policy.resources);
  sort_by_name(policy.conditions);
  std::sort(policy.rules.begin(), policy.rules.end(),
            [](const Rule& a, const Rule& b) { return a.id < b.id; });
  check_role_cycles(state);
  check_condition_cycles(state);
  if (!state.errors.empty()) {
    return state.errors.take();
  }
  return std::move(policy);
}

yaml::Result<Policy> load(const yaml::SourceFile& file) {
  return load(std::span(&file, 1));
}

}  // namespace tallygate::policy
