#include "policy/request/pattern.hpp"

#include "policy/request/path_bytes.hpp"

#include <algorithm>

namespace tallygate::policy {
namespace {

std::string quoted(std::string_view text) {
  return "'" + std::string(text) + "'";
}

/// The text with bytes that RFC 3986 allows only encoded, encoded.
std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (byte_class(c) == ByteClass::refused) {
      append_triplet(static_cast<std::uint8_t>(c), out);
    } else {
      out.push_back(c);
    }
  }
  return out;
}

/// Which option of the resource would accept what the code refuses; empty if none.
std::string_view remedy(RejectCode code) noexcept {
  switch (code) {
    case RejectCode::encoded_slash:
      return "; a resource that needs it says 'encoded_slash: keep'";
    case RejectCode::double_encoding:
      return "; a resource that needs it says 'double_encoding: keep'";
    case RejectCode::path_params:
      return "; a resource whose requests carry them says 'path_params: ignore' and leaves them out of its "
             "patterns";
    default:
      return "";
  }
}

ParseError not_canonical(std::string_view text, RejectCode code, const PathOptions& options) {
  if (code == RejectCode::raw_byte) {
    const std::string better = encoded(text);
    PathForms forms;
    if (canonical_path(better, options, forms) == RejectCode::none) {
      return {quoted(text) + " holds bytes that must be percent-encoded; write " + quoted(forms.matched)};
    }
  }
  return {quoted(text) + " can match no request: " + std::string(describe(code)) + std::string(remedy(code))};
}

/// Says where a `*` stands that is neither a whole segment nor the `/**` at the end; empty if all stand well.
std::string misplaced_star(std::string_view text) {
  Segments segments(text);
  std::string_view segment;
  std::size_t end = 0;
  while (segments.next(segment)) {
    end += segment.size() + 1;
    if (segment.find('*') == std::string_view::npos || segment == "*") {
      continue;
    }
    if (segment != "**") {
      return quoted(text) + ": '*' stands for one whole segment, it can't be a part of " + quoted(segment) +
             "; a literal star is written %2A";
    }
    if (end != text.size()) {
      return quoted(text) + ": '**' stands only at the end, as in '/a/**'";
    }
  }
  return {};
}

bool matches_segments(std::string_view form, const std::vector<PatternSegment>& pattern, bool subtree,
                      bool ignore_case) noexcept {
  Segments segments(form);
  std::string_view segment;
  for (const PatternSegment& wanted : pattern) {
    if (!segments.next(segment)) {
      return false;
    }
    const bool same = wanted.any    ? !segment.empty()
                      : ignore_case ? equal_ignoring_case(segment, wanted.text)
                                    : segment == wanted.text;
    if (!same) {
      return false;
    }
  }
  return subtree || !segments.next(segment);
}

}  // namespace

bool equal_ignoring_case(std::string_view left, std::string_view right) noexcept {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return to_lower(a) == to_lower(b); });
}

ParseResult<PathPattern> PathPattern::parse(std::string_view text, const PathOptions& options) {
  if (!text.starts_with('/')) {
    return ParseError{quoted(text) + " must begin with '/'"};
  }
  if (const std::string problem = misplaced_star(text); !problem.empty()) {
    return ParseError{problem};
  }
  PathForms forms;
  const RejectCode code = canonical_path(text, options, forms);
  if (code != RejectCode::none) {
    return not_canonical(text, code, options);
  }
  if (forms.matched != text) {
    return ParseError{quoted(text) + " is not in canonical form; write " + quoted(forms.matched)};
  }
  PathPattern pattern;
  pattern.text_.assign(text);
  std::string_view base = text;
  if (base.ends_with("/**")) {
    pattern.subtree_ = true;
    base.remove_suffix(3);
  }
  Segments segments(base);
  std::string_view segment;
  while (segments.next(segment)) {
    PatternSegment narrow;
    PatternSegment wide;
    narrow.any = wide.any = segment == "*";
    if (!narrow.any) {
      narrow.text.assign(segment);
      wide_form(segment, wide.text);
    }
    pattern.narrow_.push_back(std::move(narrow));
    pattern.wide_.push_back(std::move(wide));
  }
  while (!pattern.wide_.empty() && !pattern.wide_.back().any && pattern.wide_.back().text.empty()) {
    pattern.wide_.pop_back();
  }
  return pattern;
}

bool PathPattern::matches(std::string_view form, Reading reading, bool ignore_case) const noexcept {
  return matches_segments(form, segments(reading), subtree_, reading == Reading::narrow && ignore_case);
}

}  // namespace tallygate::policy
