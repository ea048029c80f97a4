#pragma once
/// Path patterns of resources (policy.md N11, N13; policy-details.md C04–C06, C19).
#include "policy/request/address.hpp"
#include "policy/request/path.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tallygate::policy {

/// One segment of a pattern: `*`, or text to be equal to. For the narrow reading the text is in
/// narrow_form(), for the wide one in wide_form().
struct PatternSegment {
  bool any = false;  ///< `*`: exactly one segment, not empty
  std::string text;

  bool operator==(const PatternSegment&) const = default;
};

/// `/a/b` exactly; `*` for one whole segment; `/**` at the end for the path before it, with or without a
/// final slash, and all below. Immutable.
class PathPattern {
 public:
  /// Reads a pattern of a resource with these options. Errors: no leading slash, `*` or `**` in another
  /// place, not in canonical form under the options (the message shows the canonical form where there is
  /// one).
  [[nodiscard]] static ParseResult<PathPattern> parse(std::string_view text, const PathOptions& options);

  /// The pattern as written.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  /// Whether it ends in `/**`; the segments do not include that.
  [[nodiscard]] bool subtree() const noexcept { return subtree_; }
  /// The segments before `/**`, as Segments walks them in the form of that reading.
  [[nodiscard]] const std::vector<PatternSegment>& segments(Reading reading) const noexcept {
    return reading == Reading::narrow ? narrow_ : wide_;
  }

  /// Compares with a path in the form of that reading: narrow_form() for narrow, wide_form() for wide.
  /// `ignore_case` is the resource's option (N12); the wide reading ignores case anyway.
  [[nodiscard]] bool matches(std::string_view form, Reading reading, bool ignore_case) const noexcept;

 private:
  std::string text_;
  std::vector<PatternSegment> narrow_;
  std::vector<PatternSegment> wide_;
  bool subtree_ = false;
};

/// Equality of ASCII text without regard to case.
[[nodiscard]] bool equal_ignoring_case(std::string_view left, std::string_view right) noexcept;

}  // namespace tallygate::policy
