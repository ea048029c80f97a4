#pragma once
/// Which hosts and paths the patterns of a policy share. Pure; what it says is what the matcher says
/// (policy/request/pattern, policy/program/match), and tests hold the two against each other.
#include "policy/language/model.hpp"

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::policy::lint {

/// Whether every host that `narrow` means is meant by `wide` too.
[[nodiscard]] bool covers(const HostPattern& wide, const HostPattern& narrow) noexcept;
/// Whether some host is meant by both.
[[nodiscard]] bool overlap(const HostPattern& left, const HostPattern& right) noexcept;

/// Whether every path that `narrow` matches is matched by `wide` too, both read narrowly. `ignore_case` is
/// that of `wide`.
[[nodiscard]] bool covers(const PathPattern& wide, const PathPattern& narrow, bool ignore_case) noexcept;
/// Whether some path is matched by both, both read widely. No: narrowly neither.
[[nodiscard]] bool overlap_widely(const PathPattern& left, const PathPattern& right) noexcept;

/// Hosts that `base` means, at least one of each class that it and `others` tell apart. One that none of the
/// others names comes first.
[[nodiscard]] std::vector<std::string> sample_hosts(const HostPattern& base,
                                                    std::span<const HostPattern* const> others);

/// Canonical spellings of a segment that the wide reading does not tell apart, the segment itself first: of
/// those that differ in case, and in what is percent-encoded, up to `each` each.
[[nodiscard]] std::vector<std::string> spellings(std::string_view segment, std::size_t each);

/// Patterns with more segments than this are not walked.
inline constexpr std::size_t sample_depth_max = 64;

/// How a walk ended: by itself; because the visitor had seen enough; because it was too much.
enum class Walk : std::uint8_t { complete, ended, exhausted };

/// Paths that stand for all others, as far as the patterns of some resources can tell.
class PathSamples {
 public:
  /// The resources must outlive the samples.
  explicit PathSamples(std::span<const Resource* const> resources);

  /// Receives a path; false ends the walk.
  using Visit = std::function<bool(const std::string& path)>;

  /// Visits canonical paths that `base` matches in that reading, at least one of each class that `base` and
  /// the resources' patterns tell apart in either reading; the plainest first. `steps` is counted down by one
  /// for each path that is looked at; at 0 the walk ends. Depth-first over the segments that the patterns
  /// name.
  [[nodiscard]] Walk visit(const PathPattern& base, Reading reading, bool ignore_case, std::size_t& steps,
                           const Visit& visit) const;

 private:
  std::vector<const PathPattern*> patterns_;
  bool keep_slashes_ = false;
};

}  // namespace tallygate::policy::lint
