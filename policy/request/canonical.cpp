#include "policy/request/canonical.hpp"

#include "policy/request/path_bytes.hpp"
#include "policy/request/pattern.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace tallygate::policy {
namespace {

/// RFC 9110 §5.6.2.
constexpr bool is_token_byte(char c) noexcept {
  return is_alnum(static_cast<std::uint8_t>(c)) ||
         (static_cast<unsigned char>(c) < 0x80 &&
          std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}

RejectCode check_method(std::string_view method) noexcept {
  if (method.empty() || method.size() > max_method_bytes) {
    return RejectCode::method;
  }
  if (!std::all_of(method.begin(), method.end(), is_token_byte)) {
    return RejectCode::method;
  }
  // Refused in any spelling: an upstream that is kinder about letter case must not see them either.
  constexpr std::array<std::string_view, 3> never{"CONNECT", "TRACE", "PRI"};
  const auto same = [method](std::string_view other) { return equal_ignoring_case(method, other); };
  return std::any_of(never.begin(), never.end(), same) ? RejectCode::method : RejectCode::none;
}

/// A target cut into its parts (N1, N2).
struct TargetParts {
  std::string_view authority;
  bool absolute = false;
  std::string_view path;
  std::string_view query;
  bool has_query = false;
};

RejectCode split_target(std::string_view target, TargetParts& parts) noexcept {
  UrlParts url;
  if (split_url(target, url)) {
    parts.absolute = true;
    parts.authority = url.authority;
    target = url.target;
  } else if (!target.starts_with('/')) {
    return RejectCode::target_form;
  }
  const std::size_t question = target.find('?');
  parts.path = target.substr(0, question);
  if (question != std::string_view::npos) {
    parts.has_query = true;
    parts.query = target.substr(question + 1);
  }
  if (parts.absolute && parts.path.empty()) {
    parts.path = "/";
  }
  const auto refused = [](char c) {
    return c <= 0x20 || c == 0x7F;
  };  // bytes >= 0x80 are negative, char is signed
  const bool bad = std::any_of(parts.query.begin(), parts.query.end(), refused);
  return bad ? RejectCode::raw_byte : RejectCode::none;
}
static_assert(static_cast<char>(0x80) < 0, "split_target() tells bytes >= 0x80 by their sign");

RejectCode resolve_host(const RawRequest& raw, const TargetParts& target, CanonicalRequest& out,
                        CanonicalScratch& scratch) {
  if (raw.hosts.size() != 1) {
    return RejectCode::host;
  }
  RejectCode code = canonical_host(raw.hosts.front(), out.host);
  if (code != RejectCode::none || !target.absolute) {
    return code;
  }
  code = canonical_host(target.authority, scratch.host);
  if (code != RejectCode::none) {
    return code;
  }
  return scratch.host.name == out.host.name ? RejectCode::none : RejectCode::authority_mismatch;
}

bool same_form(const PathForms& left, const PathForms& right) noexcept {
  return left.matched == right.matched && left.to_forward() == right.to_forward();
}

/// N3 to N10 under the options that the resources of this host ask for (C03).
RejectCode resolve_path(std::string_view raw, const PathOptionsSource& source, CanonicalRequest& out,
                        CanonicalScratch& scratch) {
  out.options = {};
  const RejectCode by_default = canonical_path(raw, out.options, out.path);
  if (by_default == RejectCode::none && out.path.matched == raw) {
    return RejectCode::none;
  }
  if (!depends_on_options(raw)) {
    return by_default;
  }
  bool claimed = false;
  for (const PathOptions& options : source.option_sets()) {
    if (canonical_path(raw, options, scratch.path) != RejectCode::none) {
      continue;
    }
    if (!source.claims(out.host.name, options, scratch.path.matched)) {
      continue;
    }
    if (claimed) {
      if (!same_form(out.path, scratch.path)) {
        return RejectCode::ambiguous;
      }
      continue;
    }
    claimed = true;
    out.options = options;
    std::swap(out.path, scratch.path);
  }
  return claimed ? RejectCode::none : by_default;
}

}  // namespace

RejectCode canonicalise(const RawRequest& raw, const PathOptionsSource& source, CanonicalRequest& out,
                        CanonicalScratch& scratch) {
  if (raw.version != "HTTP/1.1" && raw.version != "HTTP/1.0") {
    return RejectCode::request_line;
  }
  RejectCode code = check_method(raw.method);
  if (code != RejectCode::none) {
    return code;
  }
  if (raw.target.size() > max_target_bytes) {
    return RejectCode::too_long;
  }
  if (raw.target.find('#') != std::string_view::npos) {
    return RejectCode::fragment;
  }
  TargetParts target;
  out.asterisk = raw.target == "*" && raw.method == "OPTIONS";
  if (!out.asterisk) {
    code = split_target(raw.target, target);
  }
  if (code == RejectCode::none) {
    code = resolve_host(raw, target, out, scratch);
  }
  if (code != RejectCode::none) {
    return code;
  }
  out.method.assign(raw.method);
  out.query.assign(target.query);
  out.has_query = target.has_query;
  if (!out.asterisk) {
    return resolve_path(target.path, source, out, scratch);
  }
  out.path.matched.clear();
  out.path.forwarded.clear();
  out.options = {};
  return RejectCode::none;
}

void CanonicalRequest::append_target(std::string& out) const {
  if (asterisk) {
    out.push_back('*');
    return;
  }
  out.append(path.to_forward());
  if (has_query) {
    out.append(1, '?').append(query);
  }
}

bool split_request_line(std::string_view line, RequestLine& out) noexcept {
  const std::size_t first = line.find(' ');
  if (first == std::string_view::npos) {
    return false;
  }
  const std::size_t second = line.find(' ', first + 1);
  if (second == std::string_view::npos || line.find(' ', second + 1) != std::string_view::npos) {
    return false;
  }
  out = {line.substr(0, first), line.substr(first + 1, second - first - 1), line.substr(second + 1)};
  return !out.method.empty() && !out.target.empty() && !out.version.empty();
}

bool split_url(std::string_view url, UrlParts& out) noexcept {
  constexpr std::array<std::string_view, 2> schemes{"http://", "https://"};
  for (const std::string_view scheme : schemes) {
    if (!equal_ignoring_case(url.substr(0, scheme.size()), scheme)) {
      continue;
    }
    url.remove_prefix(scheme.size());
    const std::size_t end = std::min(url.find_first_of("/?"), url.size());
    out = {url.substr(0, end), url.substr(end)};
    return true;
  }
  return false;
}

}  // namespace tallygate::policy
