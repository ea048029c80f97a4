#pragma once
#include <optional>
#include <stdexcept>

namespace tallygate::policy {

/// The index that was found. For names out of a loaded policy, all of which exist; anything else is a bug,
/// and throws std::logic_error.
template <typename T>
[[nodiscard]] T known(const std::optional<T>& found) {
  if (!found.has_value()) {
    throw std::logic_error("what a policy names is not in its program");
  }
  return *found;
}

}  // namespace tallygate::policy
