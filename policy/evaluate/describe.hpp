#pragma once
/// A condition in words: why it does not hold, what there is, what it wants. Internal to policy/evaluate.
#include "policy/evaluate/principal.hpp"
#include "policy/evaluate/trace.hpp"
#include "policy/language/model.hpp"

#include <string>

namespace tallygate::policy {

/// `actual` and `needed` of a condition that is not made of others.
struct Description {
  std::string actual;
  std::string needed;
};
[[nodiscard]] Description describe_atom(const Test& test, const Principal& principal, const Context& context);

/// The reason that goes with a truth other than yes.
[[nodiscard]] Reason reason_of_atom(const Test& test, Truth truth) noexcept;

}  // namespace tallygate::policy
