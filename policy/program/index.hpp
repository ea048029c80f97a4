#pragma once
/// The compiled form of a policy, laid out for evaluate() and resolve(). Internal to policy.
#include "policy/program/program.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::policy {

/// [first, last) of some vector.
struct Range {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  [[nodiscard]] std::uint32_t size() const noexcept { return last - first; }
  [[nodiscard]] bool empty() const noexcept { return first == last; }
};

/// Lets tables with text keys be asked with a view.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};

template <typename T>
using TextTable = boost::unordered_flat_map<std::string, T, TextHash, std::equal_to<>>;

/// The value of a table's entry; null if there is none.
template <typename T>
[[nodiscard]] const T* find(const TextTable<T>& table, std::string_view key) noexcept {
  const auto found = table.find(key);
  return found == table.end() ? nullptr : &found->second;
}

/// An edge of the path trie: the segment that leads on from a node.
struct Edge {
  std::uint32_t node;
  std::string segment;
};
struct EdgeView {
  std::uint32_t node;
  std::string_view segment;
};
struct EdgeHash {
  using is_transparent = void;
  std::size_t operator()(const EdgeView& edge) const noexcept {
    return TextHash{}(edge.segment) ^ (edge.node * std::size_t{0x9E3779B97F4A7C15});
  }
  std::size_t operator()(const Edge& edge) const noexcept {
    return (*this)(EdgeView{edge.node, edge.segment});
  }
};
struct EdgeEqual {
  using is_transparent = void;
  template <typename Left, typename Right>
  bool operator()(const Left& left, const Right& right) const noexcept {
    return left.node == right.node && std::string_view(left.segment) == std::string_view(right.segment);
  }
};

/// One pattern of one resource, reached through the trie by its wide reading.
struct PathEntry {
  ResourceIndex resource = 0;
  const PathPattern* pattern = nullptr;  ///< of the Program's Policy
  bool except = false;
  bool ignore_case = false;
  bool plain = false;  ///< narrow and wide reading are the same text
};

inline constexpr std::uint32_t no_node = std::numeric_limits<std::uint32_t>::max();

struct TrieNode {
  std::uint32_t any = no_node;  ///< where `*` leads
  Range exact;                  ///< entries of patterns that end here
  Range subtree;                ///< entries of `…/**`
};

/// What a rule asks of the method.
struct MethodMask {
  std::uint8_t bits = 0;  ///< of method_bit(); a deny on GET has HEAD set too
  bool any = false;
  bool others = false;  ///< names without a bit: look into the Rule
};

/// A bit for each usual method, 0 for any other.
[[nodiscard]] std::uint8_t method_bit(std::string_view method) noexcept;

struct CompiledRule {
  MethodMask methods;
  Range when;  ///< of Index::condition_lists
  Range unless;
  bool login_helps = false;  ///< names `authenticated` or an own role (policy-details.md L04)
};

struct CompiledCondition {
  Range operands;  ///< of Index::condition_lists, for all, any and not
};

/// A rule of a resource, once for each role the rule names.
struct Posting {
  RoleIndex role;
  RuleIndex rule;
};

/// A claim value and the binding that wants it. Sorted by value within one claim.
struct ClaimGrant {
  Value value;
  std::uint32_t binding;
};

struct CompiledBinding {
  RoleIndex role;
  std::int64_t until = std::numeric_limits<std::int64_t>::max();  ///< seconds since the epoch
};

struct Index {
  // Roles of people.
  std::vector<CompiledBinding> bindings;  ///< as Policy::bindings
  TextTable<Range> users;                 ///< of grants
  TextTable<Range> groups;                ///< of grants
  std::vector<std::uint32_t> grants;      ///< bindings
  TextTable<Range> claims;                ///< by name of a binding's first claim; of claim_grants
  std::vector<ClaimGrant> claim_grants;
  std::vector<Range> includes;  ///< by role; of included
  std::vector<RoleIndex> included;

  // Resources of requests.
  TextTable<std::uint32_t> hosts;      ///< exact host to the root of its trie
  TextTable<std::uint32_t> wildcards;  ///< `name` of `*.name` to the root of its trie
  std::size_t wildcard_bytes = 0;      ///< of the longest of them
  boost::unordered_flat_map<Edge, std::uint32_t, EdgeHash, EdgeEqual> edges;
  std::vector<TrieNode> nodes;
  std::vector<PathEntry> entries;
  std::size_t depth = 0;    ///< of the deepest trie
  TextTable<Range> routes;  ///< of route_resources
  std::vector<ResourceIndex> route_resources;

  // Rules of resources.
  std::vector<Range> deny;  ///< by resource; of postings, sorted by role, then rule
  std::vector<Range> allow;
  std::vector<Posting> postings;
  std::vector<CompiledRule> rules;
  std::vector<CompiledCondition> conditions;
  std::vector<ConditionIndex> condition_lists;
};

/// Builds the index of a program whose policy is in place. `pairs` (hosts × patterns) has been checked.
[[nodiscard]] std::unique_ptr<const Index> build_index(const Program& program);

}  // namespace tallygate::policy
