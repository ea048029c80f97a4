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
      candidates.index();
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
      hosts[host->name()].all.push_back({std::move(*pattern), index});
    }
  }
  return {};
}

void Routes::Candidates::index() {
  std::sort(all.begin(), all.end(), [](const Candidate& a, const Candidate& b) {
    const auto left = specificity(a.pattern);
    const auto right = specificity(b.pattern);
    return left == right ? a.route < b.route : left > right;
  });
  for (std::size_t at = 0; at < all.size(); ++at) {
    std::string prefix;
    std::size_t length = 0;
    for (const policy::PatternSegment& segment : all[at].pattern.segments(Reading::narrow)) {
      if (segment.any) {
        break;
      }
      prefix.append("/").append(segment.text);
      ++length;
    }
    by_prefix[std::move(prefix)].push_back(at);
    longest = std::max(longest, length);
  }
}

/// The most specific one that matches: of each beginning of the path, the first, and of these the first of
/// all.
const RouteSettings* Routes::match(const Candidates& candidates, std::string_view path) const {
  std::size_t best = candidates.all.size();
  std::size_t end = 0;
  for (std::size_t length = 0;; ++length) {
    if (const auto found = candidates.by_prefix.find(path.substr(0, end));
        found != candidates.by_prefix.end()) {
      for (const std::size_t at : found->second) {
        if (at >= best) {
          break;
        }
        if (candidates.all[at].pattern.matches(path, Reading::narrow, false)) {
          best = at;
        }
      }
    }
    if (length == candidates.longest || end == path.size()) {
      break;
    }
    end = std::min(path.find('/', end + 1), path.size());
  }
  return best == candidates.all.size() ? nullptr : &routes_[candidates.all[best].route];
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
