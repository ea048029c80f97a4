#include "policy/lint/study.hpp"

#include "policy/language/printable.hpp"
#include "policy/program/known.hpp"

#include <algorithm>
#include <utility>

namespace tallygate::policy::lint {

Study::Study(const Program& program, std::span<const yaml::SourceFile> files, const Options& options)
    : program_(program),
      options_(options),
      places_(files),
      findings_(files),
      circumstances_(program),
      overlaps_(program.policy()),
      allows_(program.policy().resources.size()),
      denies_(program.policy().resources.size()),
      keeps_slashes_(std::any_of(program.policy().resources.begin(), program.policy().resources.end(),
                                 [](const Resource& resource) { return resource.options.keep_slashes; })) {
  for (RuleIndex number = 0; number < policy().rules.size(); ++number) {
    const Rule& rule = policy().rules[number];
    for (const std::string& name : rule.resources) {
      auto& lists = rule.effect == Effect::allow ? allows_ : denies_;
      lists[known(program_.find_resource(name))].push_back(number);
    }
  }
}

const Resource& Study::resource(const std::string& name) const {
  return program_.resource(known(program_.find_resource(name)));
}

std::vector<RuleIndex> Study::rules_near(const Resource& resource, Effect effect) const {
  std::vector<RuleIndex> rules;
  for (const ResourceIndex other : overlaps_.of(resource)) {
    const auto& own = rules_of(other, effect);
    rules.insert(rules.end(), own.begin(), own.end());
  }
  std::sort(rules.begin(), rules.end());
  rules.erase(std::unique(rules.begin(), rules.end()), rules.end());
  return rules;
}

const std::vector<const Resource*>& Study::keepers(const Resource& resource) {
  const auto [found, added] = keepers_.try_emplace(&resource);
  if (added && keeps_slashes_) {
    for (const ResourceIndex number : overlaps_.of(resource)) {
      const Resource& other = program_.resource(number);
      if (other.options.keep_slashes && !other.hosts.empty()) {
        found->second.push_back(&other);
      }
    }
  }
  return found->second;
}

void Study::begin(std::initializer_list<std::string_view> ids) {
  ids_ = ids;
  steps_ = steps_max;
}

bool Study::spend(std::size_t steps) {
  if (steps_ >= steps) {
    steps_ -= steps;
    return true;
  }
  steps_ = 0;
  for (const std::string_view id : ids_) {
    if (!is_unfinished(id)) {
      unfinished_.push_back(id);
    }
  }
  return false;
}

Report Study::take() {
  // What was not looked for may yet be there.
  auto findings = findings_.take([&](std::string_view id) {
    return (id != "L21" || options_.groups_seen.has_value()) && !is_unfinished(id);
  });
  return {std::move(findings), std::move(unfinished_)};
}

bool Study::is_unfinished(std::string_view id) const {
  return std::find(unfinished_.begin(), unfinished_.end(), id) != unfinished_.end();
}

std::string quoted(std::string_view name) {
  return '\'' + printable(name) + '\'';
}

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t shown_max = 3;
  std::string text;
  const std::size_t shown = std::min(names.size(), shown_max);
  for (std::size_t i = 0; i < shown; ++i) {
    const bool last = i + 1 == names.size();
    text += (i == 0 ? "" : last ? " and " : ", ") + quoted(names[i]);
  }
  if (names.size() > shown) {
    text += " and " + std::to_string(names.size() - shown) + " more";
  }
  return text;
}

}  // namespace tallygate::policy::lint
