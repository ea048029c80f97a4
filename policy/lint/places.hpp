#pragma once
/// Where the parts of a policy stand in its files, beyond the places that the model keeps. Internal to
/// policy/lint.
#include "policy/language/model.hpp"
#include "policy/language/yaml_node.hpp"
#include "policy/language/yaml_reader.hpp"

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace tallygate::policy::lint {

/// Finds the node of a role, binding, resource, condition or rule by its Place. Owns the parsed files.
class Places {
 public:
  /// `files` as the policy was loaded from them. A file that does not parse has no places.
  explicit Places(std::span<const yaml::SourceFile> files);

  /// The value of a key of the thing that stands at `owner`; the thing itself where it has no such key.
  [[nodiscard]] Place value(const Place& owner, std::string_view key) const;
  /// The first item of the list at that key that satisfies `is`; the list where none does.
  [[nodiscard]] Place item(const Place& owner, std::string_view key,
                           const std::function<bool(const std::string&)>& is) const;
  /// The first item with this text.
  [[nodiscard]] Place item(const Place& owner, std::string_view key, std::string_view text) const;

  /// The items of the list at that key, with their places; none where there is no list.
  [[nodiscard]] std::vector<std::pair<Place, std::string>> items(const Place& owner,
                                                                 std::string_view key) const;

  /// Visits every scalar that repeats one before it in the same list.
  void repeats(const std::function<void(const Place&, const std::string& text)>& visit) const;

 private:
  void index(std::size_t file, const yaml::Node& root);
  void put(std::size_t file, const yaml::Node& at, const yaml::Node& value);
  [[nodiscard]] std::optional<yaml::Node> find(const Place& owner, std::string_view key) const;

  using Key = std::tuple<std::size_t, std::size_t, std::size_t>;  ///< file, line, column
  std::vector<yaml::Document> documents_;
  std::map<Key, yaml::Node> nodes_;
};

}  // namespace tallygate::policy::lint
