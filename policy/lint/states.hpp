#pragma once
/// What one thing of a request (an address, an age, a claim) can be, as far as the tests of it can tell.
/// Internal to policy/lint.
#include "policy/lint/circumstances.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tallygate::policy::lint {

enum class Thing : std::uint8_t { address, mfa_age, auth_age, method, device, claim, header, time };

/// A test of one thing; the pointer into the policy that fits `thing` is set.
struct Atom {
  Thing thing = Thing::address;
  std::string name = {};                 ///< of the attribute, claim or header
  const IpIn* networks = nullptr;        ///< address
  std::chrono::seconds limit{};          ///< mfa_age, auth_age
  const MethodIn* methods = nullptr;     ///< method
  const Wanted* wanted = nullptr;        ///< device, claim
  const HeaderWanted* header = nullptr;  ///< header
  const TimeWindow* window = nullptr;    ///< time
};

/// The truth of each of some atoms, as sets with one member.
using State = std::vector<Truths>;

/// All states that atoms of one thing can be in together, each once; nothing where they are too many.
[[nodiscard]] std::optional<std::vector<State>> states_of(const std::vector<const Atom*>& atoms,
                                                          const Known& known);

/// The states that time can be in: part of states_of().
[[nodiscard]] std::vector<State> states_of_time(const std::vector<const Atom*>& atoms);

}  // namespace tallygate::policy::lint
