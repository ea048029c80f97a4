#pragma once
/// The rules that the sources keep, each a pure function from a file to what is wrong in it.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::tidy {

/// A file of the tree.
struct Source {
  std::string path;  ///< from the root, with '/'
  std::string text;
};

struct Finding {
  std::string path;
  std::size_t line = 0;
  std::string message;
};

/// Includes that point up (ARCHITECTURE.md, "Rooms").
[[nodiscard]] std::vector<Finding> arrows_that_point_up(const Source& source);

/// A braced temporary, or a lambda that captures by value, inside an expression with co_await: g++ before 13
/// destroys it twice (ARCHITECTURE.md, "Compiler").
[[nodiscard]] std::vector<Finding> unsafe_awaits(const Source& source);

/// Calls that this project has no use for, or that belong to one place only.
[[nodiscard]] std::vector<Finding> forbidden_calls(const Source& source);

/// Headers without `#pragma once`, tabs, spaces at the end of a line, notes to be done later, very long
/// files.
[[nodiscard]] std::vector<Finding> untidy_text(const Source& source);

}  // namespace tallygate::tidy
