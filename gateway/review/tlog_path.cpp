#include "gateway/review/tlog_path.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

namespace tallygate::review {
namespace {

constexpr std::string_view tile_prefix = "tile/";
constexpr std::string_view entries_prefix = "entries/";
constexpr std::string_view partial_mark = ".p/";
constexpr std::uint64_t number_end = std::uint64_t{1} << 55;
constexpr std::size_t group_digits = 3;
constexpr std::uint64_t group_size = 1'000;
constexpr unsigned level_max = 63;

bool is_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// A number of at most three digits that is written in the shortest way.
std::optional<unsigned> small_number(std::string_view text, unsigned max) {
  if (!is_digits(text) || text.size() > group_digits || (text.size() > 1 && text.front() == '0')) {
    return std::nullopt;
  }
  unsigned value = 0;
  for (const char c : text) {
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value <= max ? std::optional(value) : std::nullopt;
}

// `x001/x234/067` is 1234067.
std::optional<std::uint64_t> tile_number(std::string_view text) {
  std::uint64_t value = 0;
  for (bool first = true;; first = false) {
    const bool more = text.starts_with('x');
    text.remove_prefix(more ? 1 : 0);
    const std::string_view group = text.substr(0, group_digits);
    // A leading group of zeros would be another way to write the same number.
    if (group.size() != group_digits || !is_digits(group) || (more && first && group == "000")) {
      return std::nullopt;
    }
    for (const char c : group) {
      value = value * 10 + static_cast<unsigned>(c - '0');
    }
    if (value >= number_end) {
      return std::nullopt;
    }
    text.remove_prefix(group_digits);
    if (!more) {
      return text.empty() ? std::optional(value) : std::nullopt;
    }
    if (!text.starts_with('/')) {
      return std::nullopt;
    }
    text.remove_prefix(1);
  }
}

}  // namespace

std::optional<TlogRequest> parse_tlog_path(std::string_view path) {
  TlogRequest request;
  if (path == "checkpoint") {
    return request;
  }
  if (!path.starts_with(tile_prefix)) {
    return std::nullopt;
  }
  path.remove_prefix(tile_prefix.size());
  if (path.starts_with(entries_prefix)) {
    request.kind = TlogRequest::Kind::entries;
    path.remove_prefix(entries_prefix.size());
  } else {
    const std::size_t end = path.find('/');
    const auto level = small_number(path.substr(0, end), level_max);
    if (!level || end == std::string_view::npos) {
      return std::nullopt;
    }
    request.kind = TlogRequest::Kind::tile;
    request.level = *level;
    path.remove_prefix(end + 1);
  }
  if (const std::size_t partial = path.find(partial_mark); partial != std::string_view::npos) {
    const auto width = small_number(path.substr(partial + partial_mark.size()), tile_width - 1);
    if (!width || *width == 0) {
      return std::nullopt;
    }
    request.width = *width;
    path = path.substr(0, partial);
  }
  const auto number = tile_number(path);
  if (!number) {
    return std::nullopt;
  }
  request.number = *number;
  return request;
}

std::string tlog_path(const TlogRequest& request) {
  if (request.kind == TlogRequest::Kind::checkpoint) {
    return "checkpoint";
  }
  std::string path(tile_prefix);
  path += request.kind == TlogRequest::Kind::entries ? std::string(entries_prefix)
                                                     : std::to_string(request.level) + '/';
  std::vector<unsigned> groups;
  std::uint64_t rest = request.number;
  do {
    groups.push_back(static_cast<unsigned>(rest % group_size));
    rest /= group_size;
  } while (rest != 0);
  for (std::size_t i = groups.size(); i-- > 0;) {
    std::array<char, 8> text{};
    std::snprintf(text.data(), text.size(), i == 0 ? "%03u" : "x%03u/", groups[i]);
    path += text.data();
  }
  if (request.width != tile_width) {
    path += std::string(partial_mark) + std::to_string(request.width);
  }
  return path;
}

}  // namespace tallygate::review
