#pragma once
/// The conditions of a program, taken apart for the search in circumstances. Internal to policy/lint.
#include "policy/lint/states.hpp"
#include "policy/program/program.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tallygate::policy::lint {

/// How a condition is made: of atoms that must all hold (a map of two claims is two atoms), or of others.
struct Node {
  enum class Kind : std::uint8_t { atoms, all, any, negated };
  Kind kind = Kind::atoms;
  std::vector<std::size_t> parts;  ///< atoms, or conditions
};

/// Immutable. Points into the program, which must outlive it.
struct ConditionTree {
  explicit ConditionTree(const Program& program);

  /// The conditions of these names, sorted.
  [[nodiscard]] std::vector<std::size_t> indexes(const std::vector<std::string>& names) const;

  const Program& source;
  std::vector<Node> nodes;  ///< as the policy's conditions
  std::vector<Atom> atoms;
};

}  // namespace tallygate::policy::lint
