#include "policy/lint/overlaps.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace tallygate::policy::lint {
namespace {

/// `wiki.example.com` as `com.example.wiki.`: what lies under a name stands together.
std::string reversed(std::string_view host) {
  std::string out;
  while (!host.empty()) {
    const std::size_t dot = host.rfind('.');
    out.append(dot == std::string_view::npos ? host : host.substr(dot + 1)).push_back('.');
    host = dot == std::string_view::npos ? std::string_view() : host.substr(0, dot);
  }
  return out;
}

using Trees = std::map<std::string, PatternTree>;

void find_patterns(const PatternTree& tree, const Resource& resource, std::vector<ResourceIndex>& out) {
  for (const PathPattern& pattern : resource.paths) {
    tree.find(pattern, out);
  }
}

/// Trees of names strictly under `key`.
void find_under(const Trees& trees, const std::string& key, const Resource& resource,
                std::vector<ResourceIndex>& out) {
  for (auto tree = trees.upper_bound(key); tree != trees.end() && tree->first.starts_with(key); ++tree) {
    find_patterns(tree->second, resource, out);
  }
}

}  // namespace

void PatternTree::add(const PathPattern& pattern, ResourceIndex resource) {
  std::uint32_t node = 0;
  const auto make = [this] {
    nodes_.emplace_back();
    return static_cast<std::uint32_t>(nodes_.size() - 1);
  };
  for (const PatternSegment& segment : pattern.segments(Reading::wide)) {
    std::uint32_t next = none;
    if (segment.any) {
      next = nodes_[node].any;
    } else if (const auto found = nodes_[node].children.find(segment.text);
               found != nodes_[node].children.end()) {
      next = found->second;
    }
    if (next == none) {
      next = make();
      if (segment.any) {
        nodes_[node].any = next;
      } else {
        nodes_[node].children.emplace(segment.text, next);
      }
    }
    node = next;
  }
  (pattern.subtree() ? nodes_[node].subtree : nodes_[node].exact).push_back(resource);
}

void PatternTree::find(const PathPattern& pattern, std::vector<ResourceIndex>& out) const {
  const auto& segments = pattern.segments(Reading::wide);
  std::vector<std::pair<std::uint32_t, std::size_t>> open{{0, 0}};
  while (!open.empty()) {
    const auto [number, depth] = open.back();
    open.pop_back();
    const Node& node = nodes_[number];
    if (depth == segments.size() && pattern.subtree()) {
      find_below(number, out);
      continue;
    }
    out.insert(out.end(), node.subtree.begin(), node.subtree.end());
    if (depth == segments.size()) {
      out.insert(out.end(), node.exact.begin(), node.exact.end());
      continue;
    }
    if (node.any != none) {
      open.emplace_back(node.any, depth + 1);
    }
    if (segments[depth].any) {
      for (const auto& [text, child] : node.children) {
        open.emplace_back(child, depth + 1);
      }
    } else if (const auto found = node.children.find(segments[depth].text); found != node.children.end()) {
      open.emplace_back(found->second, depth + 1);
    }
  }
}

void PatternTree::find_below(std::uint32_t from, std::vector<ResourceIndex>& out) const {
  std::vector<std::uint32_t> open{from};
  while (!open.empty()) {
    const Node& node = nodes_[open.back()];
    open.pop_back();
    out.insert(out.end(), node.exact.begin(), node.exact.end());
    out.insert(out.end(), node.subtree.begin(), node.subtree.end());
    if (node.any != none) {
      open.push_back(node.any);
    }
    for (const auto& [text, child] : node.children) {
      open.push_back(child);
    }
  }
}

Overlaps::Overlaps(const Policy& policy) {
  for (ResourceIndex number = 0; number < policy.resources.size(); ++number) {
    const Resource& resource = policy.resources[number];
    if (!resource.route.empty()) {
      routes_[resource.route].push_back(number);
    }
    for (const HostPattern& host : resource.hosts) {
      PatternTree& tree = (host.wildcard() ? wildcards_ : exact_)[reversed(host.name())];
      for (const PathPattern& pattern : resource.paths) {
        tree.add(pattern, number);
      }
    }
  }
}

std::vector<ResourceIndex> Overlaps::of(const Resource& resource) const {
  std::vector<ResourceIndex> out;
  if (const auto found = routes_.find(resource.route); found != routes_.end()) {
    out = found->second;
  }
  for (const HostPattern& host : resource.hosts) {
    find(host, resource, out);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

void Overlaps::find(const HostPattern& host, const Resource& resource,
                    std::vector<ResourceIndex>& out) const {
  const std::string key = reversed(host.name());
  if (host.wildcard()) {
    find_under(exact_, key, resource, out);
    find_under(wildcards_, key, resource, out);
  }
  const auto at = [&](const Trees& trees, const std::string& name) {
    if (const auto found = trees.find(name); found != trees.end()) {
      find_patterns(found->second, resource, out);
    }
  };
  at(host.wildcard() ? wildcards_ : exact_, key);
  if (host.is_address()) {
    return;
  }
  for (std::size_t dot = key.find('.'); dot + 1 < key.size(); dot = key.find('.', dot + 1)) {
    at(wildcards_, key.substr(0, dot + 1));
  }
}

}  // namespace tallygate::policy::lint
