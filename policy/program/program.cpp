#include "policy/program/program.hpp"

#include "policy/language/loader.hpp"
#include "policy/program/build.hpp"
#include "policy/program/match.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace tallygate::policy {
namespace {

constexpr std::string_view builtin_roles[] = {role_everyone, role_anonymous, role_authenticated};

/// Position of the item with that name in a vector sorted by name.
template <typename T, typename Name>
std::optional<std::uint32_t> find_sorted(const std::vector<T>& items, std::string_view name,
                                         Name name_of) noexcept {
  const auto found =
      std::lower_bound(items.begin(), items.end(), name,
                       [&](const T& item, std::string_view wanted) { return name_of(item) < wanted; });
  if (found == items.end() || name_of(*found) != name) {
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(found - items.begin());
}

std::string_view by_name(const auto& item) noexcept {
  return item.name;
}

/// Index entries are counted by 32 bits, and their memory is bounded.
std::optional<yaml::SyntaxError> check_size(const Policy& policy) {
  std::size_t pairs = 0;
  std::size_t postings = 0;
  const auto refuse = [&](const Place& place, std::string message) {
    return yaml::SyntaxError{policy.files[place.file], place.mark, std::move(message), {}};
  };
  for (const Resource& resource : policy.resources) {
    pairs += resource.hosts.size() * (resource.paths.size() + resource.except.size());
    if (pairs > host_path_pairs_max) {
      return refuse(resource.place,
                    "with resource '" + resource.name + "' the policy has more than " +
                        std::to_string(host_path_pairs_max) +
                        " pairs of a host and a path; use wildcards, or fewer hosts in one resource");
    }
  }
  for (const Rule& rule : policy.rules) {
    postings += rule.roles.size() * rule.resources.size();
    if (postings > rule_pairs_max) {
      return refuse(rule.place,
                    "with rule '" + rule.id + "' the policy has more than " + std::to_string(rule_pairs_max) +
                        " pairs of a role and a resource in its rules; let roles include each other");
    }
  }
  return std::nullopt;
}

}  // namespace

std::unique_ptr<const Index> build_index(const Program& program) {
  auto index = std::make_unique<Index>();
  build_roles(program, *index);
  build_bindings(program, *index);
  build_resources(program, *index);
  build_conditions(program, *index);
  build_rules(program, *index);
  return index;
}

Program::Program(Policy policy)
    : policy_(std::move(policy)), digest_(policy::digest(policy_)), digest_hex_(to_hex(digest_)) {
  for (const Resource& resource : policy_.resources) {
    if (resource.route.empty()) {
      option_sets_.push_back(resource.options);
    }
  }
  std::sort(option_sets_.begin(), option_sets_.end());
  option_sets_.erase(std::unique(option_sets_.begin(), option_sets_.end()), option_sets_.end());
  index_ = build_index(*this);
}

Program::~Program() = default;

yaml::Result<std::shared_ptr<const Program>> Program::compile(Policy policy) {
  if (auto error = check_size(policy)) {
    return yaml::SyntaxErrors{std::move(*error)};
  }
  return std::shared_ptr<const Program>(new Program(std::move(policy)));
}

std::string_view Program::role_name(RoleIndex role) const noexcept {
  if (role < first_own_role_index) {
    return builtin_roles[role];
  }
  return policy_.roles[role - first_own_role_index].name;
}

std::optional<RoleIndex> Program::find_role(std::string_view name) const noexcept {
  for (RoleIndex role = 0; role < first_own_role_index; ++role) {
    if (builtin_roles[role] == name) {
      return role;
    }
  }
  const auto found = find_sorted(policy_.roles, name, by_name<Role>);
  return found ? std::optional(*found + first_own_role_index) : std::nullopt;
}

std::optional<RuleIndex> Program::find_rule(std::string_view id) const noexcept {
  return find_sorted(policy_.rules, id, [](const Rule& rule) noexcept { return std::string_view(rule.id); });
}

std::optional<ConditionIndex> Program::find_condition(std::string_view name) const noexcept {
  return find_sorted(policy_.conditions, name, by_name<Condition>);
}

std::optional<ResourceIndex> Program::find_resource(std::string_view name) const noexcept {
  return find_sorted(policy_.resources, name, by_name<Resource>);
}

bool Program::claims(std::string_view host, const PathOptions& options,
                     std::string_view path) const noexcept {
  // Asked only for targets that some option would change, so a walk over the resources will do.
  try {
    const PathReadings readings(path);
    for (const Resource& resource : policy_.resources) {
      if (!resource.route.empty() || resource.options != options || !match_host(resource, host)) {
        continue;
      }
      if (match_path(resource, readings, Effect::allow).matched()) {
        return true;
      }
    }
  } catch (const std::bad_alloc&) {
    return false;  // the target keeps its default outcome, which is the strict one
  }
  return false;
}

yaml::Result<std::shared_ptr<const Program>> load_program(std::span<const yaml::SourceFile> files) {
  auto policy = load(files);
  if (!policy) {
    return policy.error();
  }
  return Program::compile(std::move(*policy));
}

}  // namespace tallygate::policy
