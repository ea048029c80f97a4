#pragma once
/// Which resources have requests in common, without looking at all pairs: by host, then by a tree of path
/// segments. Internal to policy/lint.
#include "policy/program/program.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tallygate::policy::lint {

/// Path patterns by their segments as the wide reading has them.
class PatternTree {
 public:
  PatternTree() : nodes_(1) {}

  void add(const PathPattern& pattern, ResourceIndex resource);

  /// Appends the resources of patterns that have a path in common with this one, read widely; some perhaps
  /// more than once. Takes time in proportion to the part of the tree that the pattern reaches.
  void find(const PathPattern& pattern, std::vector<ResourceIndex>& out) const;

 private:
  static constexpr std::uint32_t none = 0;  // nothing leads back to the root
  struct Node {
    boost::unordered_flat_map<std::string, std::uint32_t> children;
    std::uint32_t any = none;
    std::vector<ResourceIndex> exact;
    std::vector<ResourceIndex> subtree;
  };
  void find_below(std::uint32_t node, std::vector<ResourceIndex>& out) const;

  std::vector<Node> nodes_;
};

/// The resources of a policy. Immutable.
class Overlaps {
 public:
  /// The policy must outlive it.
  explicit Overlaps(const Policy& policy);

  /// The resources that some request may touch together with this one (itself included where it is the
  /// policy's own), in order: some host and some path is both's, both read widely, exceptions aside; or both
  /// name the same route.
  [[nodiscard]] std::vector<ResourceIndex> of(const Resource& resource) const;

 private:
  void find(const HostPattern& host, const Resource& resource, std::vector<ResourceIndex>& out) const;

  std::map<std::string, PatternTree> exact_;      ///< by the host's labels in reverse order
  std::map<std::string, PatternTree> wildcards_;  ///< the same, of the name behind `*.`
  boost::unordered_flat_map<std::string, std::vector<ResourceIndex>> routes_;
};

}  // namespace tallygate::policy::lint
