#pragma once
/// "did you mean …?"
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::policy {

/// The known name nearest to `name`: fewest insertions, deletions, replacements and swaps of neighbours,
/// letter case aside; nothing if even the nearest differs in more than a third of its letters (at least 1, at
/// most 3).
[[nodiscard]] std::optional<std::string_view> nearest(std::string_view name,
                                                      std::span<const std::string> known);

/// "; did you mean 'x'?" or an empty string.
[[nodiscard]] std::string did_you_mean(std::string_view name, std::span<const std::string> known);

}  // namespace tallygate::policy
