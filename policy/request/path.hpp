#pragma once
/// The canonical path (policy.md N3–N10) and its two comparison forms (N13).
#include "policy/request/reject.hpp"

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace tallygate::policy {

/// How a resource wants its paths read; the default refuses or merges what is ambiguous. `ignore_case` is no
/// part of it: that changes what a pattern matches, not the form of the path.
struct PathOptions {
  bool keep_encoded_slash = false;    ///< `encoded_slash: keep` (N5)
  bool keep_double_encoding = false;  ///< `double_encoding: keep` (N6)
  bool keep_slashes = false;          ///< `slashes: keep` (N8)
  bool ignore_params = false;         ///< `path_params: ignore` (N10)

  auto operator<=>(const PathOptions&) const = default;
};

/// A canonical path. Shape: both begin with `/`. `forwarded` is empty unless it differs from `matched`, which
/// only `path_params: ignore` brings about.
struct PathForms {
  std::string matched;
  std::string forwarded;

  /// What the upstream gets.
  [[nodiscard]] std::string_view to_forward() const noexcept {
    return forwarded.empty() ? matched : forwarded;
  }
};

/// Canonicalises the path of a target, query removed. Where several rules are broken, the code is that of the
/// first in the order N3 to N10. Reuses the capacity of `out` and allocates nothing else; cost is linear.
/// Idempotent under the same options. `out` is unspecified on failure.
[[nodiscard]] RejectCode canonical_path(std::string_view raw, const PathOptions& options, PathForms& out);

/// Whether any option could change what canonical_path() answers for this path: it holds `%2F`, `%25`, `;`,
/// `%3B` or a run of slashes.
[[nodiscard]] bool depends_on_options(std::string_view raw) noexcept;

/// How a pattern is compared with a path (N13): allow rules and the `except` of deny rules narrowly, deny
/// rules and the `except` of allow rules widely.
enum class Reading : std::uint8_t { narrow, wide };

/// The form of a canonical path in which narrow comparison is equality of segments: the path itself, with `*`
/// spelt
/// `%2A` (C19). Returns `path` where that changes nothing, else a view of `buffer`.
[[nodiscard]] std::string_view narrow_form(std::string_view path, std::string& buffer);

/// The form of a canonical path in which wide comparison is equality of segments: triplets other than `%2F`
/// and `%25` decoded, ASCII in lower case, slashes at the end removed (so `/` becomes empty). Reuses the
/// capacity of `out`.
void wide_form(std::string_view path, std::string& out);

/// Lower-cases ASCII letters into `out`, reusing its capacity.
void fold_case(std::string_view text, std::string& out);

/// Walks the segments of a path form. `/a/b/` has the segments `a`, `b` and an empty one, `/` an empty one,
/// and the empty wide form none.
class Segments {
 public:
  explicit Segments(std::string_view form) noexcept : rest_(form) {}
  /// Takes the next segment; false when there is none.
  [[nodiscard]] bool next(std::string_view& segment) noexcept;

 private:
  std::string_view rest_;
};

}  // namespace tallygate::policy
