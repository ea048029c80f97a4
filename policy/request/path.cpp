#include "policy/request/path.hpp"

#include "policy/request/path_bytes.hpp"
#include "policy/request/path_stages.hpp"

namespace tallygate::policy {
namespace {

/// Whether the path is canonical as it stands, under any options: only plain bytes, no empty segment before
/// the last, no dot segment. One pass; this is what nearly all traffic looks like.
bool is_plain(std::string_view raw) noexcept {
  if (raw.empty() || raw.front() != '/') {
    return false;
  }
  std::size_t start = 1;  // of the present segment
  bool only_dots = true;
  for (std::size_t i = 1; i < raw.size(); ++i) {
    const ByteClass kind = byte_class(raw[i]);
    if (kind == ByteClass::plain) {
      only_dots = false;
    } else if (kind == ByteClass::slash) {
      if (i == start || (only_dots && i - start <= 2)) {
        return false;
      }
      start = i + 1;
      only_dots = true;
    } else if (kind != ByteClass::dot) {
      return false;
    }
  }
  const std::size_t last = raw.size() - start;
  return !only_dots || last == 0 || last > 2;
}

}  // namespace

RejectCode canonical_path(std::string_view raw, const PathOptions& options, PathForms& out) {
  out.forwarded.clear();
  if (is_plain(raw)) {
    out.matched.assign(raw);
    return RejectCode::none;
  }
  if (!raw.starts_with('/')) {
    return RejectCode::target_form;
  }
  RejectCode code = stage::check_bytes(raw);
  if (code == RejectCode::none) {
    code = stage::decode_unreserved(raw, out.matched);
  }
  if (code == RejectCode::none) {
    code = stage::check_triplets(out.matched, options);
  }
  if (code == RejectCode::none) {
    code = stage::check_params(out.matched, options);
  }
  if (code != RejectCode::none) {
    return code;
  }
  if (options.ignore_params) {
    out.forwarded.assign(out.matched);
    code = stage::resolve_segments(out.forwarded, options, false);
    if (code != RejectCode::none) {
      return code;
    }
  }
  code = stage::resolve_segments(out.matched, options, options.ignore_params);
  if (out.forwarded == out.matched) {
    out.forwarded.clear();
  }
  return code;
}

bool depends_on_options(std::string_view raw) noexcept {
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const char c = raw[i];
    if (c == ';' || (c == '/' && i + 1 < raw.size() && raw[i + 1] == '/')) {
      return true;
    }
    if (is_triplet(raw, i)) {
      const std::uint8_t byte = hex_pair(raw, i + 1);
      if (byte == '/' || byte == '%' || byte == ';') {
        return true;
      }
    }
  }
  return false;
}

std::string_view narrow_form(std::string_view path, std::string& buffer) {
  if (path.find('*') == std::string_view::npos) {
    return path;
  }
  buffer.clear();
  for (const char c : path) {
    if (c == '*') {
      buffer.append("%2A");
    } else {
      buffer.push_back(c);
    }
  }
  return buffer;
}

void wide_form(std::string_view path, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (is_triplet(path, i)) {
      const std::uint8_t byte = hex_pair(path, i + 1);
      if (byte != '/' && byte != '%') {
        out.push_back(to_lower(static_cast<char>(byte)));
        i += 2;
        continue;
      }
    }
    out.push_back(to_lower(path[i]));
  }
  while (out.ends_with('/')) {
    out.pop_back();
  }
}

void fold_case(std::string_view text, std::string& out) {
  out.clear();
  for (const char c : text) {
    out.push_back(to_lower(c));
  }
}

bool Segments::next(std::string_view& segment) noexcept {
  if (rest_.empty()) {
    return false;
  }
  rest_.remove_prefix(1);
  const std::size_t end = rest_.find('/');
  segment = rest_.substr(0, end);
  rest_.remove_prefix(segment.size());
  return true;
}

}  // namespace tallygate::policy
