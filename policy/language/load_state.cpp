#include "policy/language/load_state.hpp"

#include "policy/language/nearest.hpp"

#include <boost/unordered/unordered_flat_set.hpp>

#include <algorithm>

namespace tallygate::policy {
namespace {

/// Names compared for "did you mean" in one run: what makes messages better may not make them late.
constexpr std::size_t comparisons_max = 1'000'000;

std::string quoted(std::string_view text) {
  return '\'' + std::string(text) + '\'';
}

}  // namespace

std::string_view name_of(Named kind) noexcept {
  constexpr std::string_view names[] = {"role", "resource", "condition", "rule"};
  return names[static_cast<std::size_t>(kind)];
}

bool LoadState::define(Named kind, const yaml::Node& at) {
  const auto name = read_name(at, name_of(kind), errors);
  if (!name) {
    return false;
  }
  const auto [known, added] = defined_[static_cast<std::size_t>(kind)].emplace(*name, place(at));
  if (!added) {
    error(at, std::string(name_of(kind)) + ' ' + quoted(*name) + " is already defined at " +
                  policy.at(known->second));
  }
  return added;
}

void LoadState::refer(Named kind, const yaml::Node& at) {
  references_.push_back({kind, at});
}

std::vector<std::string> LoadState::name_list(Named kind, const yaml::Node& node, std::string_view what) {
  std::vector<std::string> names;
  boost::unordered_flat_set<std::string> seen;
  for (const yaml::Node& item : yaml::list(node, what, errors)) {
    auto name = yaml::text(item, what, errors);
    if (!name) {
      continue;
    }
    refer(kind, item);
    if (seen.insert(*name).second) {
      names.push_back(std::move(*name));
    }
  }
  return names;
}

void LoadState::check_references() {
  std::vector<std::string> known[named_kinds];
  for (std::size_t kind = 0; kind < named_kinds; ++kind) {
    for (const auto& [name, where] : defined_[kind]) {
      known[kind].push_back(name);
    }
    std::sort(known[kind].begin(), known[kind].end());
  }
  std::size_t compared = 0;
  for (const Reference& reference : references_) {
    const auto kind = static_cast<std::size_t>(reference.kind);
    const std::string& name = reference.at.scalar();
    if (defined_[kind].contains(name)) {
      continue;
    }
    const bool hints = !errors.full() && compared <= comparisons_max;
    compared += hints ? known[kind].size() : 0;
    const std::string hint = hints ? did_you_mean(name, known[kind]) : std::string();
    error(reference.at, std::string(name_of(reference.kind)) + ' ' + quoted(name) + " is not defined" + hint,
          "L1");
  }
}

std::vector<Wanted> load_wanted(const yaml::Node& node, std::string_view what, LoadState& state) {
  std::vector<Wanted> wanted;
  if (node.kind() != yaml::Kind::map || node.size() == 0) {
    state.error(node, quoted(what) +
                          " must be a map of names to a value or a list of values, with at least one entry");
    return wanted;
  }
  for (std::size_t i = 0; i < node.size(); ++i) {
    const auto [key, value] = node.entry(i);
    std::vector<Value> values = read_values(value, key.scalar(), state.errors);
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    wanted.push_back({key.scalar(), std::move(values)});
  }
  std::sort(wanted.begin(), wanted.end(), [](const Wanted& a, const Wanted& b) { return a.name < b.name; });
  return wanted;
}

}  // namespace tallygate::policy
