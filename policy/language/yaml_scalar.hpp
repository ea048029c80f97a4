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
/// line break, a carriage return alone, a character YAML does not allow (U+0080–U+009F, U+FFFE, U+FFFF), a
/// byte-order mark that is not at the beginning, or U+0085, U+2028, U+2029, which end a line in YAML 1.1 and
/// not in 1.2. Source: YAML 1.2.2 §5.1, §5.4.
[[nodiscard]] std::optional<std::size_t> find_forbidden(std::string_view text) noexcept;

/// Bytes of the first character where it shows as what it is and stays on its line; else 0: for what is
/// malformed, a control or a line end, shows as nothing, or turns the direction of writing. A file may hold
/// the latter; who shows text of others makes them visible.
[[nodiscard]] std::size_t shown_length(std::string_view text) noexcept;

}  // namespace tallygate::policy::yaml
