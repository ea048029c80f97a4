#include "policy/evaluate/evaluation.hpp"

#include <algorithm>

namespace tallygate::policy {
namespace {

// How the patterns of a resource meet the path.
constexpr std::uint8_t path_narrow = 1;
constexpr std::uint8_t path_wide = 2;
constexpr std::uint8_t except_narrow = 4;
constexpr std::uint8_t except_wide = 8;

/// Whether narrow and wide form are the path as it stands.
bool is_plain(std::string_view path) noexcept {
  return !path.ends_with('/') && std::none_of(path.begin(), path.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || c == '%' || c == '*';
  });
}

}  // namespace

void Evaluation::find_resources() noexcept {
  find_by_route();
  const std::string& path = request_.path.matched;
  if (path.empty() || path.size() > max_target_bytes) {
    return;
  }
  read_path();
  find_by_host(request_.host.name, request_.host.is_address);
}

void Evaluation::find_by_route() noexcept {
  if (context_.route.empty()) {
    return;
  }
  const Range* range = find(index_.routes, context_.route);
  if (range == nullptr) {
    return;
  }
  for (std::uint32_t i = range->first; i < range->last; ++i) {
    touch(index_.route_resources[i], path_narrow | path_wide);
  }
}

void Evaluation::read_path() noexcept {
  const std::string_view path = request_.path.matched;
  plain_ = is_plain(path);
  wide_ = narrow_ = path;
  if (plain_) {
    return;
  }
  wide_form(path, scratch_.wide_path_);
  wide_ = scratch_.wide_path_;
  narrow_ = narrow_form(path, scratch_.narrow_path_);
}

void Evaluation::find_by_host(std::string_view host, bool address) noexcept {
  if (const std::uint32_t* root = find(index_.hosts, host)) {
    walk(*root);
  }
  if (address || index_.wildcards.empty()) {
    return;
  }
  for (std::size_t dot = host.find('.'); dot != std::string_view::npos; dot = host.find('.', dot + 1)) {
    const std::string_view parent = host.substr(dot + 1);
    if (parent.size() > index_.wildcard_bytes) {
      continue;
    }
    if (const std::uint32_t* root = find(index_.wildcards, parent)) {
      walk(*root);
    }
  }
}

void Evaluation::walk(std::uint32_t root) noexcept {
  auto& steps = scratch_.steps_;
  steps.push_back({root, 0});
  while (!steps.empty()) {
    const auto [number, offset] = steps.back();
    steps.pop_back();
    const TrieNode& node = index_.nodes[number];
    take(node.subtree);
    if (offset == wide_.size()) {
      take(node.exact);
      continue;
    }
    const std::size_t end = std::min(wide_.find('/', offset + 1), wide_.size());
    const std::string_view segment = wide_.substr(offset + 1, end - offset - 1);
    const auto next = static_cast<std::uint32_t>(end);
    if (node.any != no_node && !segment.empty()) {
      steps.push_back({node.any, next});
    }
    const auto edge = index_.edges.find(EdgeView{number, segment});
    if (edge != index_.edges.end()) {
      steps.push_back({edge->second, next});
    }
  }
}

void Evaluation::take(Range entries) noexcept {
  for (std::uint32_t i = entries.first; i < entries.last; ++i) {
    const PathEntry& entry = index_.entries[i];
    const bool narrow =
        (plain_ && entry.plain) || entry.pattern->matches(narrow_, Reading::narrow, entry.ignore_case);
    const std::uint8_t wide_flag = entry.except ? except_wide : path_wide;
    const std::uint8_t narrow_flag = entry.except ? except_narrow : path_narrow;
    touch(entry.resource, static_cast<std::uint8_t>(wide_flag | (narrow ? narrow_flag : 0)));
  }
}

void Evaluation::touch(ResourceIndex resource, std::uint8_t flags) noexcept {
  Scratch::ResourceMark& mark = scratch_.resources_[resource];
  if (mark.stamp != scratch_.round_) {
    mark = {scratch_.round_, 0};
    scratch_.touched_.push_back(resource);
  }
  mark.flags = static_cast<std::uint8_t>(mark.flags | flags);
}

bool Evaluation::applies(ResourceIndex resource, Effect effect) const noexcept {
  const std::uint8_t flags = scratch_.resources_[resource].flags;
  return effect == Effect::deny ? (flags & path_wide) != 0 && (flags & except_narrow) == 0
                                : (flags & path_narrow) != 0 && (flags & except_wide) == 0;
}

}  // namespace tallygate::policy
