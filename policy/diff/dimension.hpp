#pragma once
/// One attribute of a request cut by the literals of conditions: a choice for each way in which its value can
/// meet them, with a value that does. Internal to policy/diff.
#include "policy/evaluate/principal.hpp"
#include "policy/explain/question.hpp"
#include "policy/language/model.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tallygate::policy::diff {

/// Choices of one dimension. They are kept as bits of a word.
inline constexpr std::size_t choices_max = 64;

enum class Attributed : std::uint8_t { client, mfa_age, auth_age, auth_method, device, header, claim, time };

/// Values that no condition tells apart, and one of them. Only the member that belongs to the dimension is
/// set.
struct Choice {
  std::string label;  ///< for people
  std::optional<Address> client;
  std::optional<std::chrono::seconds> age;
  std::optional<AuthMethod> method;
  std::optional<std::vector<Value>> values;  ///< of a device attribute or claim; nothing: unknown
  std::vector<std::string> lines;            ///< of a header
  TimePoint time;
};

struct Dimension {
  Attributed attribute = Attributed::client;
  std::string name;             ///< of the device attribute, header or claim; else empty
  std::vector<Choice> choices;  ///< the one that says least comes first
  bool complete = true;         ///< false: choices_max was reached
};

/// `client address`, `device managed`, `header x-a`: for people.
[[nodiscard]] std::string title_of(const Dimension& dimension);

/// The dimensions that these conditions read, time and claims aside. None is made of others.
[[nodiscard]] std::vector<Dimension> dimensions_of(const std::vector<const Test*>& atoms);

/// The dimension of an attribute with values of which any may match, cut by the lists that are wanted of it.
[[nodiscard]] Dimension cut_values(Attributed attribute, std::string name,
                                   const std::vector<const std::vector<Value>*>& wanted);

/// Sets the choice. The time is `now`'s.
void apply(const Dimension& dimension, const Choice& choice, Principal& principal, Circumstances& around,
           TimePoint& now);

}  // namespace tallygate::policy::diff
