#pragma once
/// Errors that point into a text file. Shared by every reader of YAML: policies, suites, gateway settings.
#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>

#include <compare>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::policy::yaml {

/// A place in a file. Units: lines and columns count from 1, columns in characters (not bytes); 0 is "the
/// whole file".
struct Mark {
  std::size_t line = 0;
  std::size_t column = 0;
  friend auto operator<=>(const Mark&, const Mark&) = default;
};

/// One mistake in one file: what is wrong and what would be right.
struct SyntaxError {
  std::string file;
  Mark mark;
  std::string message;
  std::string id;  ///< id of the check where it has one ("L1", "L15"; policy.md "lint"), else empty
  friend bool operator==(const SyntaxError&, const SyntaxError&) = default;
};

using SyntaxErrors = std::vector<SyntaxError>;

/// `file:line:column: message [id]`; without `line:column` for a mark of 0, without `[id]` if there is none.
[[nodiscard]] std::string to_string(const SyntaxError& error);

/// One line for each error, each ended by a newline.
[[nodiscard]] std::string to_string(const SyntaxErrors& errors);

/// Lets `result<T, SyntaxErrors>::value()` throw std::runtime_error with the text of the errors.
[[noreturn]] void throw_exception_from_error(const SyntaxErrors& errors,
                                             const boost::source_location& location);

template <typename T>
using Result = boost::system::result<T, SyntaxErrors>;

/// More errors than this are counted, not kept: nobody reads them, and a hostile file could make millions.
inline constexpr std::size_t errors_max = 200;

/// Collects mistakes so that one run shows them all. Threads: one.
class Errors {
 public:
  void add(std::string_view file, Mark mark, std::string message, std::string_view id = {});
  void add(SyntaxError error);
  void add(SyntaxErrors errors);
  [[nodiscard]] bool empty() const noexcept { return errors_.empty(); }
  /// Whether errors_max is reached: work that only makes a message better can be spared.
  [[nodiscard]] bool full() const noexcept { return errors_.size() >= errors_max; }
  /// Takes everything out, sorted by file, line, column and message; says at the end how many were left out.
  [[nodiscard]] SyntaxErrors take();

 private:
  SyntaxErrors errors_;
  std::size_t left_out_ = 0;
};

}  // namespace tallygate::policy::yaml
