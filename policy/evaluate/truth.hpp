#pragma once
/// Strong Kleene logic (policy-details.md L07).
#include <algorithm>
#include <cstdint>
#include <string_view>

namespace tallygate::policy {

enum class Truth : std::uint8_t { no, unknown, yes };

[[nodiscard]] constexpr Truth both(Truth left, Truth right) noexcept {
  return std::min(left, right);
}
[[nodiscard]] constexpr Truth either(Truth left, Truth right) noexcept {
  return std::max(left, right);
}
[[nodiscard]] constexpr Truth negate(Truth truth) noexcept {
  return truth == Truth::unknown ? truth : truth == Truth::yes ? Truth::no : Truth::yes;
}
[[nodiscard]] constexpr Truth truth_of(bool value) noexcept {
  return value ? Truth::yes : Truth::no;
}

/// `false`, `unknown`, `true`.
[[nodiscard]] std::string_view to_string(Truth truth) noexcept;

}  // namespace tallygate::policy
