#pragma once
/// A policy compiled for deciding: immutable, shared by all threads, swapped as a whole at a reload.
#include "policy/language/digest.hpp"
#include "policy/language/model.hpp"
#include "policy/language/yaml_error.hpp"
#include "policy/language/yaml_reader.hpp"
#include "policy/request/canonical.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::policy {

struct Index;  // policy/program/index.hpp

/// 0 everyone, 1 anonymous, 2 authenticated, then Policy::roles in their order.
using RoleIndex = std::uint32_t;
/// Position in Policy::rules, which is the order of ids.
using RuleIndex = std::uint32_t;
/// Position in Policy::conditions, which is the order of names.
using ConditionIndex = std::uint32_t;
/// Position in Policy::resources, which is the order of names.
using ResourceIndex = std::uint32_t;

inline constexpr RoleIndex everyone_index = 0;
inline constexpr RoleIndex anonymous_index = 1;
inline constexpr RoleIndex authenticated_index = 2;
inline constexpr RoleIndex first_own_role_index = 3;

/// Pairs of one host and one path pattern that the index may hold; a resource with H hosts and P patterns
/// makes H × P.
inline constexpr std::size_t host_path_pairs_max = 2'000'000;
/// Pairs of one role and one resource in all rules; a rule with R roles and S resources makes R × S.
inline constexpr std::size_t rule_pairs_max = 10'000'000;

/// Immutable. Threads: any. Owns its Policy. Indexes above are stable for a digest.
class Program final : public PathOptionsSource {
 public:
  /// Compiles. Errors: more than host_path_pairs_max or rule_pairs_max pairs.
  [[nodiscard]] static yaml::Result<std::shared_ptr<const Program>> compile(Policy policy);
  ~Program() override;
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  [[nodiscard]] const Policy& policy() const noexcept { return policy_; }
  [[nodiscard]] const Digest& digest() const noexcept { return digest_; }
  /// The digest as 64 hexadecimal digits, as it goes into every journal entry.
  [[nodiscard]] const std::string& digest_hex() const noexcept { return digest_hex_; }

  [[nodiscard]] std::size_t role_count() const noexcept {
    return policy_.roles.size() + first_own_role_index;
  }
  [[nodiscard]] std::string_view role_name(RoleIndex role) const noexcept;
  [[nodiscard]] const Rule& rule(RuleIndex rule) const noexcept { return policy_.rules[rule]; }
  [[nodiscard]] const Condition& condition(ConditionIndex index) const noexcept {
    return policy_.conditions[index];
  }
  [[nodiscard]] const Resource& resource(ResourceIndex index) const noexcept {
    return policy_.resources[index];
  }
  [[nodiscard]] std::optional<RoleIndex> find_role(std::string_view name) const noexcept;
  [[nodiscard]] std::optional<RuleIndex> find_rule(std::string_view id) const noexcept;
  [[nodiscard]] std::optional<ConditionIndex> find_condition(std::string_view name) const noexcept;
  [[nodiscard]] std::optional<ResourceIndex> find_resource(std::string_view name) const noexcept;

  // PathOptionsSource (policy-details.md C03).
  [[nodiscard]] std::span<const PathOptions> option_sets() const noexcept override { return option_sets_; }
  [[nodiscard]] bool claims(std::string_view host, const PathOptions& options,
                            std::string_view path) const noexcept override;

  /// For evaluate() and resolve().
  [[nodiscard]] const Index& index() const noexcept { return *index_; }

 private:
  explicit Program(Policy policy);

  Policy policy_;
  Digest digest_;
  std::string digest_hex_;
  std::vector<PathOptions> option_sets_;
  std::unique_ptr<const Index> index_;
};

/// load() and compile() in one step.
[[nodiscard]] yaml::Result<std::shared_ptr<const Program>> load_program(
    std::span<const yaml::SourceFile> files);

}  // namespace tallygate::policy
