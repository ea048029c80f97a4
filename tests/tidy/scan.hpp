#pragma once
/// Reading C++ just well enough for the rules of this folder.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::tidy {

/// `text` with comments and the insides of string and character literals blanked out; lines keep their
/// numbers.
[[nodiscard]] std::string code_only(std::string_view text);

/// One `#include`.
struct Include {
  std::size_t line = 0;  ///< from 1
  std::string path;      ///< without quotes or brackets
  bool system = false;   ///< in angle brackets
};
[[nodiscard]] std::vector<Include> includes_of(std::string_view text);

/// The line, from 1, that an offset lies on.
[[nodiscard]] std::size_t line_of(std::string_view text, std::size_t offset);

}  // namespace tallygate::tidy
