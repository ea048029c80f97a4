#pragma once
/// Representative paths: for every way in which some path can meet a set of patterns, one path that meets
/// them so. Internal to policy/diff.
#include "policy/request/path.hpp"
#include "policy/request/pattern.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace tallygate::policy::diff {

/// Paths made for one host. More patterns than this needs are a sign of a policy that no table could show.
inline constexpr std::size_t paths_max = 200'000;

struct PathSet {
  std::vector<std::string> paths;  ///< raw, as they would stand in a request line; each once
  bool complete = true;            ///< false: paths_max was reached
};

/// Walks all patterns at once, segment by segment: each literal as it is written, in another letter case and
/// in another encoding where it has one, a segment that no pattern names, and an end with and without slash
/// (policy.md N11–N13). `options` are those that resources of the host ask for: what they accept beyond the
/// default is tried as well (policy-details.md C03).
[[nodiscard]] PathSet representative_paths(const std::vector<const PathPattern*>& patterns,
                                           const std::vector<PathOptions>& options);

}  // namespace tallygate::policy::diff
