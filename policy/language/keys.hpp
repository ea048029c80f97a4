#pragma once
/// The keys that a policy file may have, section by section: the loader finds no others, and a test holds
/// config/policy.schema.json against them. Sections whose keys are names (`roles`, `claims`, …) are not here.
#include "policy/language/yaml_map.hpp"

#include <array>
#include <string_view>

namespace tallygate::policy::keys {

using List = yaml::KeyList;
template <std::size_t count>
using Names = std::array<std::string_view, count>;

inline constexpr Names<7> file{"version", "policy", "roles", "bindings", "resources", "conditions", "rules"};
inline constexpr Names<1> role{"includes"};
inline constexpr Names<5> binding{"role", "users", "groups", "claims", "until"};
inline constexpr Names<9> resource{"hosts",           "paths",   "except",      "route",      "encoded_slash",
                                   "double_encoding", "slashes", "path_params", "ignore_case"};
/// Exactly one of them.
inline constexpr Names<11> condition{"ip_in",  "mfa_within",     "auth_within", "device", "claims", "time",
                                     "header", "method_of_auth", "all",         "any",    "not"};
inline constexpr Names<4> time{"days", "from", "to", "zone"};
inline constexpr Names<8> rule{"id", "effect", "roles", "resources", "methods", "when", "unless", "message"};

}  // namespace tallygate::policy::keys
