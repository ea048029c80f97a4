#include "policy/program/match.hpp"

#include <algorithm>

namespace tallygate::policy {
namespace {

const PathPattern* first_match(const PathPatterns& patterns, const PathReadings& path, Reading reading,
                               bool ignore_case) noexcept {
  const auto found = std::find_if(patterns.begin(), patterns.end(), [&](const PathPattern& pattern) {
    return pattern.matches(path.form(reading), reading, ignore_case);
  });
  return found == patterns.end() ? nullptr : &*found;
}

}  // namespace

bool match_host(const Resource& resource, std::string_view host) noexcept {
  return std::any_of(resource.hosts.begin(), resource.hosts.end(),
                     [&](const HostPattern& pattern) { return pattern.matches(host); });
}

PathMatch match_path(const Resource& resource, const PathReadings& path, Effect effect) noexcept {
  const bool deny = effect == Effect::deny;
  const bool fold = resource.ignore_case;
  PathMatch match;
  match.path = first_match(resource.paths, path, deny ? Reading::wide : Reading::narrow, fold);
  match.except = first_match(resource.except, path, deny ? Reading::narrow : Reading::wide, fold);
  match.path_widened =
      deny && match.path != nullptr && first_match(resource.paths, path, Reading::narrow, fold) == nullptr;
  match.except_widened = !deny && match.except != nullptr &&
                         first_match(resource.except, path, Reading::narrow, fold) == nullptr;
  return match;
}

}  // namespace tallygate::policy
