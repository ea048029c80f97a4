#pragma once
/// Paths that an application has elsewhere than its clients ask for them. Pure.
#include "gateway/access/ids.hpp"
#include "gateway/settings.hpp"
#include "policy/request/canonical.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace tallygate::access {

/// What became of a request whose route rewrites its path. The request was decided as it came; this is
/// decided again, and recorded in an entry of its own (security.md: rewrites are normalised again, and
/// decided again).
struct Rewritten {
  UuidText entry{};    ///< id of that entry; the request keeps its own
  std::string from;    ///< the path that was asked for, in canonical form
  std::string target;  ///< path and query in its place, before they have a canonical form
  std::string line;    ///< the first line they would have come with
};

/// The path with `rewrite.to` in the place of `rewrite.prefix`: whole segments only. No value where the path
/// does not begin with that prefix.
[[nodiscard]] std::optional<std::string> rewrite_path(std::string_view path, const PathRewrite& rewrite);

/// Fills `out`, but for its id; of it only `from` where it answers false: where there is nothing that the
/// route's rewriting could make of it, as where parameters stand between the segments of the prefix.
[[nodiscard]] bool rewrite_request(const policy::CanonicalRequest& request, const PathRewrite& rewrite,
                                   Rewritten& out);

}  // namespace tallygate::access
