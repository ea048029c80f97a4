#pragma once
/// Matching of one resource without the index: for canonicalisation, explain, and as the plain statement of
/// what the index must find.
#include "policy/language/model.hpp"
#include "policy/request/path.hpp"

#include <string>
#include <string_view>

namespace tallygate::policy {

/// A canonical path in both forms of comparison (policy.md N13).
class PathReadings {
 public:
  explicit PathReadings(std::string_view path) : narrow_(narrow_form(path, buffer_)) {
    wide_form(path, wide_);
  }
  ~PathReadings() = default;
  PathReadings(const PathReadings&) = delete;
  PathReadings& operator=(const PathReadings&) = delete;
  [[nodiscard]] std::string_view form(Reading reading) const noexcept {
    return reading == Reading::narrow ? narrow_ : std::string_view(wide_);
  }

 private:
  std::string buffer_;
  std::string wide_;
  std::string_view narrow_;
};

/// How a resource's `paths` and `except` meet a path, read for a rule of one effect.
struct PathMatch {
  const PathPattern* path = nullptr;    ///< the first of `paths` that matches
  const PathPattern* except = nullptr;  ///< the first of `except` that matches
  bool path_widened = false;            ///< `paths` match only because they are read widely
  bool except_widened = false;          ///< the same of `except`
  [[nodiscard]] bool matched() const noexcept { return path != nullptr && except == nullptr; }
};

[[nodiscard]] bool match_host(const Resource& resource, std::string_view host) noexcept;

/// Allow rules read `paths` narrowly and `except` widely, deny rules the other way round (policy-details.md
/// C05).
[[nodiscard]] PathMatch match_path(const Resource& resource, const PathReadings& path,
                                   Effect effect) noexcept;

}  // namespace tallygate::policy
