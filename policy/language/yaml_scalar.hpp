#pragma once
/// The type of a plain scalar.
#include "policy/language/yaml_node.hpp"

#include <cstddef>
#include <optional>
#include <string_view>

namespace tallygate::policy::yaml {

/// Types an unquoted scalar by the JSON schema (YAML 1.2.2 §10.2); see Kind.
[[nodiscard]] Kind kind_of_plain(std::string_view scalar) noexcept;

/// Offset of the first byte that no file may hold: malformed UTF-8, a control character other than tab and
/// line break, a carriage return alone, or a character YAML does not allow (U+0080–U+009F but U+0085, U+FFFE,
/// U+FFFF). Source: YAML 1.2.2 §5.1.
[[nodiscard]] std::optional<std::size_t> find_forbidden(std::string_view text) noexcept;

}  // namespace tallygate::policy::yaml
