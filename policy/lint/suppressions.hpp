#pragma once
/// `# lint: allow L9, L11 because ...`: findings that an author knows of. Internal to policy/lint.
#include "policy/language/yaml_error.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::policy::lint {

/// A comment that begins with `lint:`.
struct Suppression {
  yaml::Mark mark;               ///< of the `#`
  std::size_t line = 0;          ///< whose findings it is about: its own, or the next below the comments
  std::vector<std::string> ids;  ///< as written
  std::string reason;
  std::string problem;  ///< what keeps it from having effect; empty: nothing
};

/// The suppressions of a file, in its order.
[[nodiscard]] std::vector<Suppression> suppressions(std::string_view text);

}  // namespace tallygate::policy::lint
