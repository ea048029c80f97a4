#include "gateway/identity/redirect.hpp"

#include "gateway/identity/form.hpp"

#include <algorithm>

namespace tallygate::identity {
namespace {

constexpr std::string_view home = "/";

/// A segment that a browser resolves: `.` or `..`, each dot also as %2e.
bool is_dot_segment(std::string_view segment) noexcept {
  std::size_t dots = 0;
  while (!segment.empty()) {
    if (segment.front() == '.') {
      segment.remove_prefix(1);
    } else if (segment.size() >= 3 && segment[0] == '%' && segment[1] == '2' &&
               (segment[2] == 'e' || segment[2] == 'E')) {
      segment.remove_prefix(3);
    } else {
      return false;
    }
    ++dots;
  }
  return dots == 1 || dots == 2;
}

bool has_dot_segment(std::string_view path) noexcept {
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const std::size_t end = std::min(path.find('/'), path.size());
    if (is_dot_segment(path.substr(0, end))) {
      return true;
    }
    path.remove_prefix(end);
  }
  return false;
}

bool is_safe(std::string_view wanted) noexcept {
  if (wanted.size() > max_return_bytes || !wanted.starts_with('/') || wanted.starts_with("//") ||
      wanted.starts_with("/.tallygate/") || wanted.find_first_of("\\#") != std::string_view::npos) {
    return false;
  }
  if (std::ranges::any_of(wanted, [](char c) { return c <= ' ' || c > '~'; })) {
    return false;
  }
  return !has_dot_segment(wanted.substr(0, std::min(wanted.find('?'), wanted.size())));
}

}  // namespace

std::string safe_return(std::string_view wanted) {
  return std::string(is_safe(wanted) ? wanted : home);
}

std::string login_location(std::string_view path_and_query) {
  const std::string back = safe_return(path_and_query);
  std::string location = "/.tallygate/login";
  if (back != home) {
    location += "?return=";
    location += percent_encode(back);
  }
  return location;
}

}  // namespace tallygate::identity
