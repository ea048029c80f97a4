#include "policy/lint/places.hpp"

#include <set>
#include <string>
#include <utility>

namespace tallygate::policy::lint {
namespace {

using yaml::Kind;
using yaml::Node;

std::optional<Node> entry(const Node& map, std::string_view key) {
  for (std::size_t i = 0; map.kind() == Kind::map && i < map.size(); ++i) {
    const auto [name, value] = map.entry(i);
    if (name.scalar() == key) {
      return value;
    }
  }
  return std::nullopt;
}

/// Scalars of a list that stand in it before; nothing for what is not a list.
std::vector<Node> repeated(const Node& list) {
  std::vector<Node> out;
  std::set<std::pair<Kind, std::string_view>> seen;
  for (std::size_t i = 0; list.kind() == Kind::list && i < list.size(); ++i) {
    const Node item = list.item(i);
    if (item.size() == 0 && !seen.insert({item.kind(), item.scalar()}).second) {
      out.push_back(item);
    }
  }
  return out;
}

}  // namespace

Places::Places(std::span<const yaml::SourceFile> files) {
  documents_.reserve(files.size());
  for (std::size_t file = 0; file < files.size(); ++file) {
    if (auto document = yaml::parse(files[file].text, files[file].name)) {
      documents_.push_back(std::move(*document));
      index(file, documents_.back().root());
    }
  }
}

void Places::index(std::size_t file, const Node& root) {
  for (const std::string_view section : {"roles", "resources", "conditions"}) {
    const auto map = entry(root, section);
    for (std::size_t i = 0; map && map->kind() == Kind::map && i < map->size(); ++i) {
      const auto [key, value] = map->entry(i);
      put(file, key, value);
    }
  }
  for (const std::string_view section : {"bindings", "rules"}) {
    const auto list = entry(root, section);
    for (std::size_t i = 0; list && list->kind() == Kind::list && i < list->size(); ++i) {
      const Node item = list->item(i);
      put(file, entry(item, "id").value_or(item), item);
    }
  }
}

void Places::put(std::size_t file, const Node& at, const Node& value) {
  nodes_.emplace(Key{file, at.mark().line, at.mark().column}, value);
}

std::optional<Node> Places::find(const Place& owner, std::string_view key) const {
  const auto found = nodes_.find({owner.file, owner.mark.line, owner.mark.column});
  return found == nodes_.end() ? std::nullopt : entry(found->second, key);
}

Place Places::value(const Place& owner, std::string_view key) const {
  const auto node = find(owner, key);
  return node ? Place{owner.file, node->mark()} : owner;
}

Place Places::item(const Place& owner, std::string_view key,
                   const std::function<bool(const std::string&)>& is) const {
  const auto node = find(owner, key);
  for (std::size_t i = 0; node && node->kind() == Kind::list && i < node->size(); ++i) {
    const Node item = node->item(i);
    if (is(item.scalar())) {
      return {owner.file, item.mark()};
    }
  }
  return node ? Place{owner.file, node->mark()} : owner;
}

Place Places::item(const Place& owner, std::string_view key, std::string_view text) const {
  return item(owner, key, [&](const std::string& scalar) { return scalar == text; });
}

std::vector<std::pair<Place, std::string>> Places::items(const Place& owner, std::string_view key) const {
  std::vector<std::pair<Place, std::string>> out;
  const auto node = find(owner, key);
  for (std::size_t i = 0; node && node->kind() == Kind::list && i < node->size(); ++i) {
    const Node item = node->item(i);
    out.emplace_back(Place{owner.file, item.mark()}, item.scalar());
  }
  return out;
}

void Places::repeats(const std::function<void(const Place&, const std::string& text)>& visit) const {
  for (const auto& [key, node] : nodes_) {
    std::vector<Node> open{node};
    while (!open.empty()) {
      const Node next = open.back();
      open.pop_back();
      for (const Node& item : repeated(next)) {
        visit({std::get<0>(key), item.mark()}, item.scalar());
      }
      for (std::size_t i = 0; next.kind() == Kind::map && i < next.size(); ++i) {
        open.push_back(next.entry(i).second);
      }
    }
  }
}

}  // namespace tallygate::policy::lint
