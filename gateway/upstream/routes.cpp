#include "gateway/upstream/routes.hpp"

#include "policy/request/host.hpp"

#include <algorithm>
#include <tuple>

namespace tallygate::upstream {
namespace {

using policy::PathPattern;
using policy::Reading;

/// Larger is more specific.
auto specificity(const PathPattern& pattern) {
  const auto& segments = pattern.segments(Reading::narrow);
  const auto wild =
      std::count_if(segments.begin(), segments.end(), [](const auto& segment) { return segment.any; });
  return std::make_tuple(segments.size(), -wild, !pattern.subtree());
}

}  // namespace

boost::system::result<Routes, std::string> Routes::build(std::vector<RouteSettings> settings) {
  Routes routes;
  routes.routes_ = std::move(settings);
  for (std::size_t index = 0; index < routes.routes_.size(); ++index) {
    if (std::string error = routes.add(index); !error.empty()) {
      return error;
    }
  }
  for (ByHost* hosts : {&routes.exact_, &routes.wildcard_}) {
    for (auto& [host, candidates] : *hosts) {
      std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
        const auto left = specificity(a.pattern);
        const auto right = specificity(b.pattern);
        return left == right ? a.route < b.route : left > right;
      });
    }
  }
  return routes;
}

std::string Routes::add(std::size_t index) {
  const RouteSettings& route = routes_[index];
  for (const std::string& written : route.hosts) {
    const auto host = policy::HostPattern::parse(written);
    if (!host) {
      return "route '" + route.name + "': host '" + written + "': " + host.error().message;
    }
    ByHost& hosts = host->wildcard() ? wildcard_ : exact_;
    for (const std::string& path : route.paths) {
      auto pattern = PathPattern::parse(path, {});
      if (!pattern) {
        return "route '" + route.name + "': path '" + path + "': " + pattern.error().message;
      }
      hosts[host->name()].push_back({std::move(*pattern), index});
    }
  }
  return {};
}

const RouteSettings* Routes::match(const Candidates& candidates, std::string_view path) const {
  for (const Candidate& candidate : candidates) {
    if (candidate.pattern.matches(path, Reading::narrow, false)) {
      return &routes_[candidate.route];
    }
  }
  return nullptr;
}

const RouteSettings* Routes::find(const policy::CanonicalRequest& request) const {
  std::string star;  // grows only for paths that hold a literal `*`
  const std::string_view path = policy::narrow_form(request.path.matched, star);
  const std::string_view host = request.host.name;
  if (const auto at = exact_.find(host); at != exact_.end()) {
    if (const RouteSettings* route = match(at->second, path)) {
      return route;
    }
  }
  if (request.host.is_address) {
    return nullptr;
  }
  for (std::size_t dot = host.find('.'); dot != std::string_view::npos; dot = host.find('.', dot + 1)) {
    const auto at = wildcard_.find(host.substr(dot + 1));
    if (at == wildcard_.end()) {
      continue;
    }
    if (const RouteSettings* route = match(at->second, path)) {
      return route;
    }
  }
  return nullptr;
}

bool Routes::knows_host(std::string_view host) const {
  if (exact_.find(host) != exact_.end()) {
    return true;
  }
  for (std::size_t dot = host.find('.'); dot != std::string_view::npos; dot = host.find('.', dot + 1)) {
    if (wildcard_.find(host.substr(dot + 1)) != wildcard_.end()) {
      return true;
    }
  }
  return false;
}

}  // namespace tallygate::upstream
