#pragma once
/// What the parts of the loader share. Internal to policy/language.
#include "policy/language/loader.hpp"
#include "policy/language/model.hpp"
#include "policy/language/yaml_map.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace tallygate::policy {

/// Kinds of things that have names.
enum class Named : std::uint8_t { role, resource, condition, rule };
inline constexpr std::size_t named_kinds = 4;
[[nodiscard]] std::string_view name_of(Named kind) noexcept;

/// One run of the loader: the policy so far, the errors so far, and names that were used before all files
/// were read.
class LoadState {
 public:
  Policy policy;
  yaml::Errors errors;

  void begin_file(const std::string& name) { policy.files.push_back(name); }
  [[nodiscard]] Place place(const yaml::Node& node) const { return {policy.files.size() - 1, node.mark()}; }
  void error(const yaml::Node& at, std::string message, std::string_view id = {}) {
    yaml::add(errors, at, std::move(message), id);
  }

  /// Defines a name; an error, and false, if it is malformed, reserved or taken.
  bool define(Named kind, const yaml::Node& at);
  /// Remembers that a name was used, for check_references().
  void refer(Named kind, const yaml::Node& at);
  /// Reads a list of names and remembers them; in the order written, without repetition.
  std::vector<std::string> name_list(Named kind, const yaml::Node& node, std::string_view what);
  /// Reports every name that was used and is nowhere defined (L1).
  void check_references();

 private:
  struct Reference {
    Named kind;
    yaml::Node at;
  };
  boost::unordered_flat_map<std::string, Place> defined_[named_kinds];
  std::vector<Reference> references_;
};

// One section each; `node` is the section's value.
void load_roles(const yaml::Node& node, LoadState& state);
void load_bindings(const yaml::Node& node, LoadState& state);
void load_resources(const yaml::Node& node, LoadState& state);
void load_conditions(const yaml::Node& node, LoadState& state);
void load_rules(const yaml::Node& node, LoadState& state);

/// A map of keys to a value or values, sorted by key: `claims`, `device`.
[[nodiscard]] std::vector<Wanted> load_wanted(const yaml::Node& node, std::string_view what,
                                              LoadState& state);

/// L14, and cycles and depth of conditions. Run when all names are known to exist.
void check_role_cycles(LoadState& state);
void check_condition_cycles(LoadState& state);

}  // namespace tallygate::policy
