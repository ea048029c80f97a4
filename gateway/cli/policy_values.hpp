#pragma once
/// Values that options of the policy commands carry.
#include "policy/evaluate/principal.hpp"
#include "policy/request/address.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tallygate::cli {

/// Cuts `k=v`. `option` is the one that messages name.
[[nodiscard]] policy::ParseResult<std::pair<std::string, std::string>> cut_pair(std::string_view text,
                                                                                std::string_view option);

/// Collects pairs `k=v` with values typed as in a policy; `"42"` in double quotes is text. A name given again
/// adds a value. The error, if there is one.
[[nodiscard]] std::optional<policy::ParseError> read_attributes(const std::vector<std::string>& pairs,
                                                                std::string_view option,
                                                                std::vector<policy::Attribute>& out);

/// RFC 3339; empty is the present moment.
[[nodiscard]] policy::ParseResult<policy::TimePoint> read_time(const std::string& text,
                                                               std::string_view option);

}  // namespace tallygate::cli
