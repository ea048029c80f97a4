#include "policy/language/keys.hpp"
#include "policy/language/load_state.hpp"

#include <algorithm>

namespace tallygate::policy {
namespace {

std::vector<HostPattern> load_hosts(const yaml::Node& node, LoadState& state) {
  std::vector<HostPattern> hosts;
  for (const yaml::Node& item : yaml::list(node, "hosts", state.errors)) {
    const auto text = yaml::text(item, "hosts", state.errors);
    if (!text) {
      continue;
    }
    auto host = HostPattern::parse(*text);
    if (host) {
      hosts.push_back(std::move(*host));
    } else {
      state.error(item, host.error().message);
    }
  }
  std::sort(hosts.begin(), hosts.end(), [](const auto& a, const auto& b) { return a.text() < b.text(); });
  const auto same = [](const auto& a, const auto& b) { return a.text() == b.text(); };
  hosts.erase(std::unique(hosts.begin(), hosts.end(), same), hosts.end());
  return hosts;
}

PathPatterns load_paths(const yaml::Node& node, std::string_view what, const PathOptions& options,
                        LoadState& state) {
  PathPatterns paths;
  for (const yaml::Node& item : yaml::list(node, what, state.errors)) {
    const auto text = yaml::text(item, what, state.errors);
    if (!text) {
      continue;
    }
    auto path = PathPattern::parse(*text, options);
    if (path) {
      paths.push_back(std::move(*path));
    } else {
      state.error(item, path.error().message, "L13");
    }
  }
  std::sort(paths.begin(), paths.end(), [](const auto& a, const auto& b) { return a.text() < b.text(); });
  const auto same = [](const auto& a, const auto& b) { return a.text() == b.text(); };
  paths.erase(std::unique(paths.begin(), paths.end(), same), paths.end());
  return paths;
}

/// Options that only a resource with hosts and paths has.
void load_options(yaml::Map& map, Resource& resource) {
  resource.options.keep_encoded_slash = map.choice("encoded_slash", {"keep", "reject"}) == "keep";
  resource.options.keep_double_encoding = map.choice("double_encoding", {"keep", "reject"}) == "keep";
  resource.options.keep_slashes = map.choice("slashes", {"keep", "merge"}) == "keep";
  resource.options.ignore_params = map.choice("path_params", {"ignore", "reject"}) == "ignore";
  resource.ignore_case = map.boolean_or("ignore_case", false);
}

void load_route(yaml::Map& map, const yaml::Node& route, Resource& resource, LoadState& state) {
  if (auto name = read_name(route, "route", state.errors)) {
    resource.route = std::move(*name);
  }
  for (const std::string_view key : {"hosts", "paths", "except", "encoded_slash", "double_encoding",
                                     "slashes", "path_params", "ignore_case"}) {
    if (const auto other = map.find(key)) {
      state.error(*other, '\'' + std::string(key) +
                              "' can't stand beside 'route'; gateway.yaml says which hosts and "
                              "paths the route has");
    }
  }
}

void load_hosts_and_paths(yaml::Map& map, Resource& resource, LoadState& state) {
  load_options(map, resource);
  if (const auto hosts = map.find("hosts")) {
    resource.hosts = load_hosts(*hosts, state);
  } else if (map) {
    state.error(map.node(), "'hosts' is missing in resource '" + resource.name +
                                "'; a resource has 'hosts' (and 'paths'), or 'route'");
  }
  if (const auto paths = map.find("paths")) {
    resource.paths = load_paths(*paths, "paths", resource.options, state);
  } else {
    resource.paths.push_back(*PathPattern::parse("/**", resource.options));
  }
  if (const auto except = map.find("except")) {
    resource.except = load_paths(*except, "except", resource.options, state);
  }
}

void load_resource(const yaml::Node& key, const yaml::Node& value, LoadState& state) {
  const bool fresh = state.define(Named::resource, key);
  Resource resource;
  resource.name = key.scalar();
  resource.place = state.place(key);
  yaml::Map map(value, "resource '" + resource.name + "'", keys::resource, state.errors);
  if (const auto route = map.find("route")) {
    load_route(map, *route, resource, state);
  } else {
    load_hosts_and_paths(map, resource, state);
  }
  map.finish();
  if (fresh) {
    state.policy.resources.push_back(std::move(resource));
  }
}

}  // namespace

void load_resources(const yaml::Node& node, LoadState& state) {
  const yaml::Map section(node, "resources", state.errors);
  if (!section) {
    return;
  }
  if (state.policy.resources.size() + node.size() > resources_max) {
    state.error(node, "more than " + std::to_string(resources_max) + " resources");
    return;
  }
  for (std::size_t i = 0; i < node.size(); ++i) {
    const auto [key, value] = node.entry(i);
    load_resource(key, value, state);
  }
}

}  // namespace tallygate::policy
