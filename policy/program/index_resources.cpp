#include "policy/program/build.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace tallygate::policy {
namespace {

/// Entries of a node while the trie grows.
struct NodeLists {
  std::vector<PathEntry> exact;
  std::vector<PathEntry> subtree;
};

class TrieBuilder {
 public:
  explicit TrieBuilder(Index& index) : index_(index) {}

  std::uint32_t root(const HostPattern& host) {
    auto& table = host.wildcard() ? index_.wildcards : index_.hosts;
    if (host.wildcard()) {
      index_.wildcard_bytes = std::max(index_.wildcard_bytes, host.name().size());
    }
    const auto [found, added] = table.try_emplace(host.name(), 0);
    if (added) {
      found->second = make_node();
    }
    return found->second;
  }

  void add(std::uint32_t node, const PathEntry& entry) {
    const auto& segments = entry.pattern->segments(Reading::wide);
    index_.depth = std::max(index_.depth, segments.size());
    for (const PatternSegment& segment : segments) {
      node = segment.any ? any(node) : child(node, segment.text);
    }
    NodeLists& lists = lists_[node];
    (entry.pattern->subtree() ? lists.subtree : lists.exact).push_back(entry);
  }

  /// Moves all lists into Index::entries.
  void finish() {
    for (std::size_t node = 0; node < lists_.size(); ++node) {
      index_.nodes[node].exact = put(lists_[node].exact);
      index_.nodes[node].subtree = put(lists_[node].subtree);
    }
  }

 private:
  std::uint32_t make_node() {
    index_.nodes.emplace_back();
    lists_.emplace_back();
    return static_cast<std::uint32_t>(index_.nodes.size() - 1);
  }

  std::uint32_t any(std::uint32_t node) {
    if (index_.nodes[node].any == no_node) {
      const std::uint32_t made = make_node();
      index_.nodes[node].any = made;
    }
    return index_.nodes[node].any;
  }

  std::uint32_t child(std::uint32_t node, const std::string& segment) {
    const auto [found, added] = index_.edges.try_emplace(Edge{node, segment}, no_node);
    if (added) {
      found->second = make_node();
    }
    return found->second;
  }

  Range put(const std::vector<PathEntry>& entries) {
    const auto first = static_cast<std::uint32_t>(index_.entries.size());
    index_.entries.insert(index_.entries.end(), entries.begin(), entries.end());
    return {first, static_cast<std::uint32_t>(index_.entries.size())};
  }

  Index& index_;
  std::vector<NodeLists> lists_;
};

PathEntry make_entry(ResourceIndex number, const Resource& resource, const PathPattern& pattern,
                     bool except) {
  PathEntry entry;
  entry.resource = number;
  entry.pattern = &pattern;
  entry.except = except;
  entry.ignore_case = resource.ignore_case;
  entry.plain = pattern.segments(Reading::narrow) == pattern.segments(Reading::wide);
  return entry;
}

}  // namespace

void build_resources(const Program& program, Index& index) {
  TrieBuilder builder(index);
  std::map<std::string_view, std::vector<ResourceIndex>> routes;
  const std::vector<Resource>& resources = program.policy().resources;
  for (std::size_t i = 0; i < resources.size(); ++i) {
    const Resource& resource = resources[i];
    const auto number = static_cast<ResourceIndex>(i);
    if (!resource.route.empty()) {
      routes[resource.route].push_back(number);
    }
    for (const HostPattern& host : resource.hosts) {
      const std::uint32_t root = builder.root(host);
      for (const PathPattern& path : resource.paths) {
        builder.add(root, make_entry(number, resource, path, false));
      }
      for (const PathPattern& path : resource.except) {
        builder.add(root, make_entry(number, resource, path, true));
      }
    }
  }
  builder.finish();
  for (const auto& [name, list] : routes) {
    const auto first = static_cast<std::uint32_t>(index.route_resources.size());
    index.route_resources.insert(index.route_resources.end(), list.begin(), list.end());
    index.routes.emplace(name, Range{first, static_cast<std::uint32_t>(index.route_resources.size())});
  }
}

}  // namespace tallygate::policy
